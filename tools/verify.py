"""`eventlog verify`: read every byte of logs, and say what is intact and what is not."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from eventlog import codec
from eventlog.errors import EventLogError

from .options import json_option, open_place, sessions_argument, store_option, wanted_sessions
from .progress import progress_bar
from .terminal import one_line, safe_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from eventlog.chain import Damage
    from eventlog.checking import Blobs, Lost
    from eventlog.store import Store
    from eventlog.verify import Report

DAMAGE_FOUND = 3  # the exit code, as in main.py's table


@click.command("verify", epilog="Example: eventlog verify --all")
@sessions_argument
@click.option("--head", "only_head", is_flag=True, help="Print where each log stands, to be kept.")
@click.option("--against", metavar="HEAD", help="Prove that the log still holds what it did when "
              "HEAD was printed: the text itself, a file of it, or - for stdin.")  # fmt: skip
@json_option
@store_option
def command(
    sessions: tuple[str, ...],
    *,
    everything: bool,
    only_head: bool,
    against: str | None,
    as_json: bool,
    place: str | None,
) -> int:
    """Check the logs of SESSIONS, or of --all, from the first byte to the last.

    A line that is not intact, an event that is missing and a write that was cut off are told
    apart, and each blob that an event names is held against its hash. Nothing is changed. Exit
    code 3 if there is damage.
    """
    from eventlog.checking import Blobs  # noqa: PLC0415

    store = open_place(place)
    if against is not None:
        return _compare(store, against, as_json=as_json)
    blobs = None if only_head else Blobs(store.backend)  # a head is of the log alone
    names = wanted_sessions(store, sessions, everything)
    found = [_verify(store, name, blobs) for name in names]
    if only_head:
        for report in found:
            click.echo(codec.dump_json(report["head"]))
    elif as_json:
        click.echo(safe_json(codec.dump_json(found, pretty=True)))
    else:
        for report in found:
            _print(report)
    return 0 if all(report["ok"] for report in found) else DAMAGE_FOUND


def _verify(store: "Store", session_id: str, blobs: "Blobs | None") -> dict[str, Any]:
    from eventlog.verify import verify  # noqa: PLC0415

    try:
        with progress_bar(f"verify {session_id}", store.backend.stat(session_id).size) as progress:
            report = verify(store, session_id, progress)
        if blobs is None:
            return describe(report)
        with progress_bar(f"blobs of {session_id}", blobs.size_of(report.named)) as progress:
            return describe(report, blobs.lost(report.named, progress))
    except EventLogError as error:
        return {"session": session_id, "ok": False, "problem": str(error), "head": {}, "where": []}


def describe(report: "Report", lost: "Sequence[Lost]" = ()) -> dict[str, Any]:
    """Return a report as JSON shows it, with the blobs that are not whole."""
    health = report.health
    return {
        "session": report.session_id,
        "ok": health.ok and not lost,
        "events": report.events,
        "bytes": health.bytes,
        "torn": health.torn,
        "suspect": health.suspect,
        "damaged": health.damaged,
        "missing": health.gaps,
        "where": [asdict(damage) for damage in health.where],
        "blobs": len({ref.sha256 for _, ref in report.named}),
        "lost_blobs": [asdict(each) for each in lost],
        "head": asdict(report.head),
    }


def _print(report: dict[str, Any]) -> None:
    session = report["session"]
    if "problem" in report:
        click.echo(f"{session}: unreadable: {one_line(report['problem'])}")
        return
    state = "ok" if report["ok"] else "DAMAGED"
    blobs = f", {report['blobs']:,} blob(s)" if report["blobs"] else ""
    click.echo(f"{session}: {state}, {report['events']:,} events, {report['bytes']:,} bytes{blobs}")
    for damage in report["where"]:
        click.echo(f"  {told(damage)}")
    for lost in report["lost_blobs"]:
        click.echo(f"  {told_blob(lost)}")
    if not report["ok"]:
        click.echo(f"  See what can be mended: eventlog repair {session}")


def told(damage: "dict[str, Any] | Damage") -> str:
    """Say one place of damage in a line."""
    at = damage if isinstance(damage, dict) else asdict(damage)
    known = "; the hash it had is known" if at["last_hash"] else ""
    size = f", {at['length']:,} bytes" if at["length"] else ""
    where = f"line {at['line']:,}, byte {at['offset']:,}{size}"
    return f"{at['kind']:<8} {where}: {one_line(at['reason'])}{known}"


def told_blob(lost: dict[str, Any]) -> str:
    """Say in a line what is wrong with a blob that an event names."""
    what = f"{lost['bytes']:,} bytes of {one_line(lost['media_type'])}"
    return (
        f"{lost['fault']:<8} blobs/{lost['blob']} of event {lost['seq']}, {what}: {lost['reason']}"
    )


def _compare(store: "Store", against: str, *, as_json: bool) -> int:
    from eventlog.verify import compare, parse_head  # noqa: PLC0415

    head = parse_head(_text_of(against))
    wrong = compare(store, head)
    if as_json:
        click.echo(codec.dump_json({"session": head.session, "ok": not wrong, "problem": wrong}))
    elif wrong:
        click.echo(f"{head.session}: NOT what it was: {wrong}")
    else:
        click.echo(f"{head.session}: still holds all {head.version:,} events that it held then")
    return DAMAGE_FOUND if wrong else 0


def _text_of(given: str) -> str:
    if given.lstrip().startswith("{"):
        return given
    if given == "-":
        return sys.stdin.read()
    try:
        return Path(given).read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise EventLogError(
            f"cannot read {given}: {error.strerror}. "
            "--against takes what `eventlog verify --head` printed, a file of it, or -"
        ) from error
