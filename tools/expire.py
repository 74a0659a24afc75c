"""`eventlog expire`: what was not used for long goes to the bin; what is long in the bin, for good."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from eventlog import codec
from eventlog.errors import SessionNotFoundError

from .list_ import local_time
from .options import json_option, open_place, store_option
from .progress import progress_bar
from .restore import deleted_at
from .terminal import one_line, print_table, safe_json, warn_of_staying
from .when import WhenError, parse_duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from eventlog.backend import Binned
    from eventlog.retention import Aged, Expiry, Kept
    from eventlog.store import Store

FAILED = 1  # the exit code, as in main.py's table
_DAY = timedelta(days=1)


class Duration(click.ParamType[timedelta]):
    """A duration such as 90d, 12h, 2w, 3mo or 1y."""

    name = "duration"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta:
        """Read it, or end with a usage error."""
        try:
            return value if isinstance(value, timedelta) else parse_duration(value)
        except WhenError as error:
            self.fail(one_line(str(error)), param, ctx)


@click.command(
    "expire",
    epilog="Example: eventlog expire --older-than 90d, and then: eventlog expire --older-than 90d --apply",
)
@click.option("--older-than", type=Duration(), required=True, metavar="AGE",
              help="How long unused, or in the bin: 12h, 90d, 2w, 3mo, 1y.")  # fmt: skip
@click.option("--apply", "apply_it", is_flag=True, help="Do it; without it nothing is changed.")
@click.option("--include-pinned", is_flag=True, help="Pinned sessions may go, too.")
@click.option("--keep-pinned", is_flag=True, help="Pinned sessions stay; that is the default.")
@click.option("--bin", "in_bin", is_flag=True,
              help="Remove for good what was deleted longer ago than AGE.")  # fmt: skip
@json_option
@store_option
def command(
    older_than: timedelta,
    *,
    apply_it: bool,
    include_pinned: bool,
    keep_pinned: bool,
    in_bin: bool,
    as_json: bool,
    place: str | None,
) -> int:
    """Show the sessions last used longer ago than AGE; with --apply, move them to the bin.

    The age is that of the last use, as it was recorded, not of the file: that it was begun, that
    something was said, that a model was called, not that it was renamed, tagged or pinned. Kept, and told: pinned
    sessions, damaged and empty ones, and those that hold an event of the future. A session that is
    used in the meantime stays. What is in the bin is brought back by `eventlog restore`, and stays
    until `eventlog expire --bin` or `eventlog delete --purge` removes it.

    With --bin it is about the bin: what was deleted longer ago than AGE goes for good.
    """
    if include_pinned and keep_pinned:
        raise click.UsageError("--include-pinned and --keep-pinned contradict each other")
    if in_bin and include_pinned:
        raise click.UsageError("--include-pinned has no meaning with --bin")
    store, now = open_place(place), datetime.now(UTC)
    if in_bin:
        return _bin(store, older_than, now, apply_it=apply_it, as_json=as_json)
    done = _sessions(store, older_than, now, apply_it=apply_it, pinned=include_pinned)
    if as_json:
        click.echo(safe_json(codec.dump_json(describe(done, applied=apply_it), pretty=True)))
    else:
        _print(done, applied=apply_it)
    return FAILED if done.failed else 0


def _sessions(
    store: "Store", older_than: timedelta, now: datetime, *, apply_it: bool, pinned: bool
) -> "Expiry":
    from eventlog.retention import Rule, expire, plan_expiry  # noqa: PLC0415

    with progress_bar("expire", _size(store)) as progress:
        plan = plan_expiry(store, Rule(older_than, pinned), now, progress)
    return expire(store, plan) if apply_it else plan


def _size(store: "Store") -> int:
    """Return how many bytes there are to read."""
    size = 0
    for session_id in store.ids():
        with suppress(SessionNotFoundError):  # deleted since the ids were read
            size += store.backend.stat(session_id).size
    return size


def describe(done: "Expiry", *, applied: bool) -> dict[str, Any]:
    """Return what was done, or would be, as JSON shows it."""
    return {
        "applied": applied,
        "expired": [
            {
                "id": aged.session_id,
                "title": aged.title,
                "last_used": aged.used.isoformat(),
                "age_days": round(aged.age / _DAY, 2),
                "bytes": aged.size,
            }
            for aged in done.expired
        ],
        "kept": _reasons(done.kept),
        "failed": _reasons(done.failed),
        "younger": done.young,
    }


def _reasons(kept: "Iterable[Kept]") -> list[dict[str, str]]:
    return [{"id": each.session_id, "title": each.title, "why": each.why} for each in kept]


def _print(done: "Expiry", *, applied: bool) -> None:
    if done.expired:
        print_table(("ID", "TITLE", "UPDATED", "UNUSED FOR"), list(map(_cells, done.expired)))
    for each in done.kept:
        click.echo(f"kept {each.session_id}: {one_line(each.why)}", err=True)
    for each in done.failed:
        click.echo(f"failed {each.session_id}: {one_line(each.why)}", err=True)
    count = _count(len(done.expired), "session")
    young = f"{_count(done.young, 'younger session')} stay{'s' * (done.young == 1)}"
    if applied:
        click.echo(f"{count} moved to the bin; {young}. Bring one back: eventlog restore ID", err=True)  # fmt: skip
    elif done.expired:
        click.echo(f"{count} would go to the bin; {young}. Do it: the same with --apply", err=True)
    else:
        click.echo(f"Nothing is that old; {young}.", err=True)


def _cells(aged: "Aged") -> tuple[str, ...]:
    return (
        aged.session_id,
        one_line(aged.title),
        local_time(aged.used.isoformat()),
        _age(aged.age),
    )


def _age(age: timedelta) -> str:
    return _count(age.days, "day") if age.days else _count(int(age.total_seconds() // 3600), "hour")


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'s' * (number != 1)}"


def _bin(
    store: "Store", older_than: timedelta, now: datetime, *, apply_it: bool, as_json: bool
) -> int:
    from eventlog.retention import empty_bin, old_in_bin  # noqa: PLC0415

    old, unclear = old_in_bin(store, older_than, now)
    done, failed = old, list["Kept"]()
    if apply_it:
        done, failed, blobs = empty_bin(store, old)
        warn_of_staying("the bin", blobs)
    unclear = [*unclear, *failed]
    if as_json:
        rows = [
            {
                "id": each.session_id,
                "name": each.name,
                "deleted": deleted_at(each),
                "bytes": each.size,
            }
            for each in done
        ]
        told = {"applied": apply_it, "purged": rows, "kept": _reasons(unclear)}
        click.echo(safe_json(codec.dump_json(told, pretty=True)))
    else:
        _print_bin(done, unclear, applied=apply_it)
    return 1 if failed else 0


def _print_bin(done: "Sequence[Binned]", unclear: "Iterable[Kept]", *, applied: bool) -> None:
    for each in done:
        click.echo(f"{each.name}\tdeleted {local_time(deleted_at(each))}\t{each.size:,} bytes")
    for kept in unclear:
        click.echo(f"kept {kept.title}: {kept.why}", err=True)
    count = _count(len(done), "deleted session")
    if applied:
        click.echo(f"{count} removed for good", err=True)
    elif done:
        click.echo(f"{count} would be removed for good. Do it: the same with --apply", err=True)
    else:
        click.echo("Nothing in the bin is that old.", err=True)
