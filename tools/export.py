"""`eventlog export`: sessions in the form that another program, a person or another store wants.

What a format looks like is eventlog/formats', and a bundle bundle.py's. Here is where the files go,
that nothing is overwritten unasked, and that secrets are masked where that is wanted.
"""

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from eventlog import codec
from eventlog.errors import EventLogError, TransferError

from .filters import first_moment, last_moment
from .options import (
    json_option,
    open_place,
    sessions_argument,
    store_option,
    wanted_sessions,
)  # fmt: skip
from .progress import progress_bar, watched
from .terminal import one_line, print_table, safe, safe_json, warn, warn_of_damage, warn_of_lost
from .until import events_until

if TYPE_CHECKING:
    from eventlog.foreign import Telling
    from eventlog.store import Store

BUNDLE = "bundle"
_ENDING = ".zip"
_STDOUT = "-"


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the options say about every session."""

    format: str
    until: str | None
    branch: int | None
    redact: bool


@click.command(
    "export", epilog="Example: eventlog export demo --to openai, or: eventlog export --all --to "
    "bundle -o all.zip"
)  # fmt: skip
@sessions_argument
@click.option("--to", "format_", metavar="FORMAT", help="The format; see --list-formats.")
@click.option("-o", "--output", metavar="PATH", help="The file, or a folder for a file each; - is "
              "stdout. [default: -]")  # fmt: skip
@click.option("--until", metavar="SEQ|TIME", help="Only up to this event, or this time (UTC).")
@click.option("--branch", type=click.IntRange(min=1), metavar="SEQ",
              help="The branch that ends at this message, in place of the one in use.")  # fmt: skip
@click.option("--redact", is_flag=True, help="Mask API keys, tokens, passwords and private keys.")
@click.option("--since", metavar="WHEN", help="With --all: those used at or after this.")
@click.option("--before", metavar="WHEN", help="With --all: those last used before this.")
@click.option(
    "--tag", "tags", multiple=True, metavar="TAG", help="With --all: those with this tag."
)
@click.option("--model", "models", multiple=True, metavar="NAME",
              help="With --all: those that asked this model, or any NAME*.")  # fmt: skip
@click.option("--force", is_flag=True, help="Replace files that are there.")
@click.option("--list-formats", is_flag=True, help="Show the formats, and what each can do.")
@json_option
@store_option
def command(
    sessions: tuple[str, ...],
    *,
    everything: bool,
    format_: str | None,
    output: str | None,
    until: str | None,
    branch: int | None,
    redact: bool,
    force: bool,
    list_formats: bool,
    as_json: bool,
    place: str | None,
    **chosen: Any,
) -> int:
    """Write SESSIONS, or --all, in another FORMAT: to stdout, a file, or a folder with a file each.

    A bundle is a zip with the logs themselves, their archives, quarantines and blobs, and a manifest
    with hashes; eventlog import takes it byte for byte. Every other format is written from what was
    said on one branch; what it cannot hold is told on stderr.
    """
    if list_formats:
        _list_formats(as_json=as_json)
        return 0
    asked = _Asked(_checked(format_), until, branch, redact)
    if asked.format == BUNDLE and (until or branch or redact):
        raise click.UsageError("a bundle is whole: not with --until, --branch or --redact")
    store = open_place(place)
    names = _wanted(store, sessions, chosen, everything=everything)
    export = _Export(store, asked, names)
    done = export.to(output, replaces=force)
    if as_json:
        click.echo(safe_json(codec.dump_json(done, pretty=True)), err=output in (None, _STDOUT))
    elif output not in (None, _STDOUT):
        for each in done:
            count = f"{len(each['sessions']):,} session{'s' * (len(each['sessions']) != 1)}"
            click.echo(f"{one_line(each['file'])}: {count}, {each['bytes']:,} bytes")
    return export.failed


def _checked(format_: str | None) -> str:
    from eventlog.formats import FORMATS  # noqa: PLC0415

    names = [BUNDLE, *sorted(name for name, each in FORMATS.items() if each.writes)]
    if format_ not in names:
        raise click.UsageError(f"--to takes one of {', '.join(names)}")
    return format_


def _wanted(
    store: "Store", sessions: Sequence[str], chosen: dict[str, Any], *, everything: bool
) -> list[str]:
    """Return the ids of the sessions, as the options choose them."""
    from eventlog.catalog import Wanted  # noqa: PLC0415 - `--help` needs no database

    if not any(chosen.values()):
        return wanted_sessions(store, sessions, everything)
    if not everything:
        raise click.UsageError("--since, --before, --tag and --model choose among --all")
    wanted = Wanted(
        first_moment(chosen["since"]),
        last_moment(chosen["before"]),
        chosen["tags"],
        chosen["models"],
    )
    return [row.id for row in store.list(wanted)]


class _Export:
    """Some sessions, and how they are to be written.

    `failed` is 1 once one of several files could not be.
    """

    def __init__(self, store: "Store", asked: _Asked, names: Sequence[str]) -> None:
        self._store = store
        self._asked = asked
        self._names = names
        self._masked: Counter[str] = Counter()
        self.failed = 0

    def to(self, output: str | None, *, replaces: bool) -> list[dict[str, Any]]:
        """Write the file, or the files; return what is to be told of each."""
        ending, several = _shape(self._asked.format)
        into_folder = output not in (None, _STDOUT) and Path(output or "").is_dir()
        if not into_folder and (several or len(self._names) == 1):
            work = [(output or _STDOUT, self._names)]
        elif output in (None, _STDOUT):
            raise click.UsageError(
                f"{self._asked.format} holds one session a file: name a folder with -o"
            )
        else:
            folder = Path(output or "")
            folder.mkdir(parents=True, exist_ok=True)
            work = [(str(folder / f"{name}{ending}"), [name]) for name in self._names]
        if not replaces:
            _refuse_to_replace(file for file, _ in work)
        done = []
        for file, names in work:
            try:
                done.append(self._one(file, names, replaces=replaces))
            except TransferError as error:
                if len(work) == 1:
                    raise
                self.failed = 1
                click.echo(f"{names[0]}: not written: {one_line(error.reason)}", err=True)
        for kind, count in sorted(self._masked.items()):
            click.echo(f"masked {kind}, {count:,} time{'s' * (count != 1)}", err=True)
        return done

    def _one(self, file: str, names: Sequence[str], *, replaces: bool) -> dict[str, Any]:
        if file == _STDOUT:
            size = self._print(names)
        else:
            with _whole(Path(file), replaces=replaces) as stream:
                self._write(names, stream)
                size = stream.tell()
        return {"file": file, "sessions": list(names), "bytes": size}

    def _print(self, names: Sequence[str]) -> int:
        """Write to stdout; for a terminal what it would act on is made harmless."""
        if not sys.stdout.isatty():
            out = _Counted(sys.stdout.buffer)
            self._write(names, out)
            out.flush()
            return out.count
        if self._asked.format == BUNDLE:
            raise click.UsageError("a bundle is no text: name a file with -o")
        size = 0
        for piece in self._pieces(names):
            size += len(piece)
            click.echo(safe(piece.decode(errors="replace")), nl=False)
        return size

    def _write(self, names: Sequence[str], stream: "BinaryIO | _Counted") -> None:
        if self._asked.format == BUNDLE:
            from eventlog.bundle import write_bundle  # noqa: PLC0415

            total = sum(self._store.backend.stat(name).size for name in names)
            with progress_bar("export", total) as progress:
                counted = _counted(names, self._store, progress)
                missing = write_bundle(self._store, counted, stream)  # type: ignore[arg-type]
            for name, lost in missing.items():
                warn_of_lost(lost, name)
            return
        for piece in self._pieces(names):
            stream.write(piece)

    def _pieces(self, names: Sequence[str]) -> Iterator[bytes]:
        from eventlog.formats import writer  # noqa: PLC0415

        told: list[tuple[str, list[str]]] = []

        def tellings() -> Iterator["Telling"]:
            for name in names:
                telling = self._telling(name)
                told.append((name, telling.notes))
                yield telling

        yield from writer(self._asked.format).write(tellings())
        for name, notes in told:
            for note in notes:
                warn(f"{name}: {note}")

    def _telling(self, name: str) -> "Telling":
        from eventlog.transfer import tell  # noqa: PLC0415

        warn_of_damage(name, self._store.open(name).health)
        with watched(f"read {name}", self._store, name, 2) as store:
            session = store.open(name)
            last = None
            if self._asked.until is not None:
                last = 0
                for event in events_until(session.recorded(), self._asked.until):
                    last = event["seq"]
            telling = tell(session, until=last, branch=self._asked.branch)
        warn_of_lost(session.opener.lost.values(), name)
        return self._redacted(telling) if self._asked.redact else telling

    def _redacted(self, telling: "Telling") -> "Telling":
        """Mask what looks like a secret, wherever it stands, and count it."""
        from eventlog.redaction import mask_value  # noqa: PLC0415 - `--help` needs no patterns

        def masked(value: Any) -> Any:
            found = mask_value(value)
            self._masked.update(found.found)
            return found.value

        return replace(
            telling,
            title=masked(telling.title),
            metadata=masked(telling.metadata),
            events=[{**event, "data": masked(event["data"])} for event in telling.events],
            whole=[{**event, "data": mask_value(event["data"]).value} for event in telling.whole],
        )


class _Counted:
    """A stream that counts what is written to it, and cannot be wound back."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.count = 0

    def write(self, data: bytes) -> int:
        self.count += len(data)
        return self._stream.write(data)

    def flush(self) -> None:
        self._stream.flush()


def _counted(
    names: Iterable[str], store: "Store", progress: Callable[[int], None]
) -> Iterator[str]:
    for name in names:
        yield name
        progress(store.backend.stat(name).size)


def _shape(format_: str) -> tuple[str, bool]:
    """Return the ending of a format's files, and whether one of them holds many sessions."""
    from eventlog.formats import FORMATS  # noqa: PLC0415

    if format_ == BUNDLE:
        return _ENDING, True
    return FORMATS[format_].ending, FORMATS[format_].several


def _refuse_to_replace(files: Iterable[str]) -> None:
    for file in files:
        if file != _STDOUT and os.path.lexists(file):
            raise EventLogError(f"{one_line(file)} is there already; --force replaces it")


@contextmanager
def _whole(path: Path, *, replaces: bool) -> Iterator[BinaryIO]:
    """Give a file that is there under its name once it is written whole, or not at all."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with draft.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if not replaces:
            _refuse_to_replace([str(path)])
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _list_formats(*, as_json: bool) -> None:
    rows = format_rows()
    if as_json:
        click.echo(codec.dump_json(rows, pretty=True))
        return
    headings = ("FORMAT", "READ", "WRITTEN", "FILES", "A FILE HOLDS")
    print_table(headings, [[str(cell) for cell in _cells(row)] for row in rows])


def _cells(row: dict[str, Any]) -> tuple[str, str, str, str, str]:
    yes = ("no", "yes")
    holds = "many sessions" if row["several"] else "one session"
    return (row["format"], yes[row["reads"]], yes[row["writes"]], row["ending"], holds)


def format_rows() -> list[dict[str, Any]]:
    """Return what each format can do: our own first, then by name."""
    from eventlog.formats import FORMATS  # noqa: PLC0415

    own = [
        {
            "format": "eventlog",
            "reads": True,
            "writes": False,
            "ending": ".jsonl",
            "several": False,
        },
        {"format": BUNDLE, "reads": True, "writes": True, "ending": _ENDING, "several": True},
    ]
    names = ("reads", "writes", "ending", "several")
    return own + [
        {"format": name} | {member: getattr(each, member) for member in names}
        for name, each in sorted(FORMATS.items())
    ]
