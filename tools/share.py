"""`eventlog share`: one session as a web page that needs nothing else, or all of them with an index.

What the page looks like is formats/html's; what counts as a secret is redaction's. Here is where
the files go, and that nothing is overwritten unasked.
"""

import os
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from eventlog import codec
from eventlog.errors import EventLogError

from .options import complete_session, json_option, open_place, store_option
from .progress import turns_bar, watched
from .terminal import one_line, safe_json, warn, warn_of_damage, warn_of_lost
from .until import events_until

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from eventlog.formats.html.page import Entry
    from eventlog.formats.html.story import Finding, Story
    from eventlog.redaction import Rule
    from eventlog.store import Store

_FOLDER = "shared"
_INDEX = "index.html"
_STDOUT = "-"


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the options say about every page."""

    rules: "Sequence[Rule]"
    until: str | None
    title: str | None
    force: bool


@click.command(
    "share", epilog="Example: eventlog share demo -o demo.html, or: eventlog share --all -o pages"
)
@click.argument("session", required=False, shell_complete=complete_session)
@click.option("--all", "everything", is_flag=True, help="A page for each session, and an index.")
@click.option("-o", "--output", metavar="FILE", help="The page, or with --all the folder; - is "
              "stdout. [default: SESSION.html; with --all: shared]")  # fmt: skip
@click.option("--until", metavar="SEQ|TIME", help="Only up to this event, or this time (UTC, as in "
              "2026-11-22T10:00).")  # fmt: skip
@click.option("--title", metavar="TEXT", help="The page's title, in place of the session's.")
@click.option("--redact-email", is_flag=True, help="Mask e-mail addresses, too.")
@click.option("--no-redact", is_flag=True, help="Mask nothing: keys and passwords are in the page.")
@click.option("--force", is_flag=True, help="Replace files that are there.")
@json_option
@store_option
def command(
    session: str | None,
    *,
    everything: bool,
    output: str | None,
    as_json: bool,
    place: str | None,
    **asked: Any,
) -> int:
    """Make a web page of SESSION: one file that loads nothing, runs nothing of the log, and can be sent.

    API keys, tokens, passwords and private keys are masked; what was masked, and where, is told on
    stderr and in the page, never the secret itself. Masking goes by what secrets look like: read a
    page before you send it.

    With --all, a session that cannot be read is told and listed without a page; the exit code is then 1.
    """
    if bool(session) == everything:
        raise click.UsageError("name one session, or give --all")
    if asked["no_redact"] and asked["redact_email"]:
        raise click.UsageError("--no-redact masks nothing: not with --redact-email")
    if everything and (asked["title"] or output == _STDOUT):
        raise click.UsageError("--title and -o - are for one page: not with --all")
    wanted = _Asked(
        _rules(no_redact=asked["no_redact"], redact_email=asked["redact_email"]),
        asked["until"],
        asked["title"],
        asked["force"],
    )
    store = open_place(place)
    if everything:
        return _share_all(store, Path(output or _FOLDER), wanted, as_json=as_json)
    name = store.find(session or "")
    told = _share(store, name, _place(output, f"{name}.html"), wanted)
    _tell(told, as_json=as_json, quiet=output == _STDOUT)
    return 0


def _rules(*, no_redact: bool, redact_email: bool) -> "Sequence[Rule]":
    from eventlog.redaction import EMAIL, SECRETS  # noqa: PLC0415 - `--help` needs no patterns

    return () if no_redact else (*SECRETS, EMAIL) if redact_email else SECRETS


def _place(output: str | None, name: str) -> str:
    """Return where the page goes: into a folder, where one is named."""
    if output is None or output == _STDOUT:
        return output or name
    return str(Path(output) / name) if Path(output).is_dir() else output


def _share(store: "Store", name: str, output: str, asked: _Asked) -> dict[str, Any]:
    """Write one page; return what is to be told of it."""
    if output != _STDOUT:
        _refuse_to_replace(Path(output), asked)
    story, page = _page(store, name, asked)
    if output == _STDOUT:
        click.echo(page, nl=False)
    else:
        _write(Path(output), page, asked)
    return _facts(name, output, story, page)


def _page(store: "Store", name: str, asked: _Asked) -> "tuple[Story, str]":
    from eventlog.formats.html.page import page  # noqa: PLC0415 - Pygments and a Markdown parser
    from eventlog.formats.html.story import tell  # noqa: PLC0415

    session = store.open(name)
    warn_of_damage(name, session.health)
    with watched(f"read {name}", store, name) as seen:
        reading = seen.open(name)
        events = map(reading.opener.told, reading.recorded())
        wanted = events_until(events, asked.until) if asked.until else events
        story = tell(name, wanted, asked.rules)
    warn_of_lost(reading.opener.lost.values(), name)
    return story, page(story, asked.title)


def _share_all(store: "Store", folder: Path, asked: _Asked, *, as_json: bool) -> int:
    from eventlog.formats.html.page import index  # noqa: PLC0415

    folder.mkdir(parents=True, exist_ok=True)
    _refuse_to_replace(folder / _INDEX, asked)
    files = _page_names(store.ids())
    entries, told, failed = [], [], 0
    with turns_bar(len(files)) as begin:
        for name, file in files.items():
            begin(name)
            try:
                facts = _share(store, name, str(folder / file), asked)
            except (EventLogError, OSError) as error:
                failed = 1
                warn(f"session {name} has no page: {error}")
                entries.append(_entry({"session": name, "problem": str(error)}))
                continue
            told.append(facts)
            entries.append(_entry(facts))
    entries.sort(key=lambda entry: (entry.updated, entry.href), reverse=True)
    _write(folder / _INDEX, index(entries), asked)
    _tell_all(told, folder, as_json=as_json)
    return failed


def _page_names(names: "Iterable[str]") -> dict[str, str]:
    """Return the file of each session's page: none is the index's, nor another's in other letter case.

    Where `<id>.html` is taken it is `<id>.2.html`, and so on: no id has a dot. The same ids give the same names.
    """
    taken = {_INDEX}
    files = {}
    for name in sorted(names):
        choices = chain((f"{name}.html",), (f"{name}.{number}.html" for number in count(2)))
        files[name] = next(file for file in choices if file.casefold() not in taken)
        taken.add(files[name].casefold())
    return files


def _entry(facts: dict[str, Any]) -> "Entry":
    from eventlog.formats.html.page import Entry  # noqa: PLC0415

    name = facts["session"]
    if "problem" in facts:
        return Entry("", name, "", "", 0, facts["problem"])
    href = Path(facts["file"]).name
    return Entry(href, facts["title"], facts["created"], facts["updated"], facts["messages"])


def _facts(name: str, output: str, story: "Story", page: str) -> dict[str, Any]:
    return {
        "session": name,
        "file": output,
        "title": story.summary.title,
        "created": story.summary.created,
        "updated": story.summary.updated,
        "messages": len(story.turns),
        "bytes": len(page.encode()),
        "masked": [_finding(finding) for finding in story.masked],
    }


def _finding(finding: "Finding") -> dict[str, Any]:
    return {"kind": finding.kind, "event": finding.event, "count": finding.count}


def _tell(facts: dict[str, Any], *, as_json: bool, quiet: bool) -> None:
    _tell_masked(facts)
    if as_json:
        click.echo(safe_json(codec.dump_json(facts, pretty=True)), err=quiet)
    elif not quiet:
        count = f"{facts['messages']:,} message{'s' * (facts['messages'] != 1)}"
        click.echo(f"{one_line(facts['file'])}: {count}, {_size(facts['bytes'])}")


def _tell_all(told: list[dict[str, Any]], folder: Path, *, as_json: bool) -> None:
    for facts in told:
        _tell_masked(facts, f"{facts['session']}: ")
    if as_json:
        click.echo(safe_json(codec.dump_json(told, pretty=True)))
        return
    total = _size(sum(facts["bytes"] for facts in told))
    count = f"{len(told):,} page{'s' * (len(told) != 1)}"
    click.echo(f"{one_line(str(folder / 'index.html'))}: {count}, {total}")


def _tell_masked(facts: dict[str, Any], whose: str = "") -> None:
    """Say on stderr what was masked, a line for each kind and event; never the secret."""
    for row in facts["masked"]:
        times = f", {row['count']} times" if row["count"] > 1 else ""
        click.echo(f"{whose}masked {row['kind']} in event {row['event']}{times}", err=True)


def _size(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 1_000_000 else f"{max(size // 1000, 1)} kB"  # noqa: PLR2004


def _refuse_to_replace(path: Path, asked: _Asked) -> None:
    if path.exists() and not asked.force:
        raise EventLogError(f"{one_line(str(path))} is there already; --force replaces it")


def _write(path: Path, text: str, asked: _Asked) -> None:
    """Write a file whole or not at all. Raises EventLogError that names the folder."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            with draft.open("x", encoding="utf-8", newline="\n") as file:
                file.write(text)
            _refuse_to_replace(path, asked)
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise EventLogError(f"cannot write into {path.parent}: {error.strerror}") from error
