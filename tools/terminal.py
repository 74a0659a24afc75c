"""What may go to a terminal, and how: text made safe, tables that fit, one way to warn.

Whatever a model or a log produced passes through safe() before it is printed: it could otherwise
move the cursor, rename the window, or show text in another order than it has.
"""

import io
import os
import re
import shutil
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

import click

if TYPE_CHECKING:
    from eventlog.blobs import Ref
    from eventlog.chain import Health
    from eventlog.collecting import Collected

_BIDI = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_SAFE: dict[int, str] = {
    **{code: chr(0x2400 + code) for code in range(0x20) if chr(code) not in "\n\t"},
    0x7F: "\u2421",
    **{code: f"<U+{code:04X}>" for code in (*range(0x80, 0xA0), 0x2028, 0x2029, *_BIDI)},
}
_SAFE_JSON = {code: f"\\u{code:04x}" for code in (0x7F, *range(0x80, 0xA0), 0x2028, 0x2029, *_BIDI)}
_SURROGATE = re.compile("[\ud800-\udfff]")
_PLAIN = ("ascii", "ansi_x3.4-1968", "us-ascii")

BETWEEN = 2
"""The spaces between two columns of a table."""

_LESS_NEEDED = ("TAGS", "BYTES", "MESSAGES", "STATE", "UPDATED", "DELETED", "UNUSED FOR")
_CUT = {"TITLE": 12, "TAGS": 24}  # columns that may be cut off, and what they have at least


def accept_any_text() -> None:
    """Let no character end a command: what cannot be read becomes U+FFFD, what cannot be shown `?`.

    Where the locale knows only ASCII, input is read as UTF-8, of which ASCII is a part.
    """
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    if isinstance(sys.stdin, io.TextIOWrapper) and sys.stdin.encoding.lower() in _PLAIN:
        sys.stdin.reconfigure(encoding="utf-8")


def argument_text(text: str) -> str:
    """Return an argument of the command line as the UTF-8 that it was, whatever the locale says."""
    return os.fsencode(text).decode(errors="replace") if _SURROGATE.search(text) else text


def safe(text: str) -> str:
    """Make text harmless for a terminal: control characters become visible signs."""
    if text.isprintable():  # nearly always, and then nothing is to be done
        return text
    return _SURROGATE.sub("\ufffd", text).replace("\r\n", "\n").translate(_SAFE)


def safe_json(text: str) -> str:
    """Make JSON harmless for a terminal: it stays JSON, of the same value."""
    return text.translate(_SAFE_JSON)


def one_line(text: str) -> str:
    """Make text safe and fit for one line."""
    return safe(" ".join(text.split()))


def print_table(
    headings: Sequence[str], rows: Iterable[Sequence[str]], needed: Collection[str] = ()
) -> None:
    """Print a table: fitted to a terminal, else tab-separated with nothing cut off.

    In a terminal the title takes what the others leave. Where that is too little, columns are left
    out whole, the least needed first, and told; those that are `needed` stay.
    """
    if not sys.stdout.isatty():
        for row in rows:
            click.echo("\t".join(row))
        return
    from rich import box  # noqa: PLC0415 - 50 ms that only a terminal needs
    from rich.cells import cell_len  # noqa: PLC0415
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    by_name = [dict(zip(headings, row, strict=True)) for row in rows]
    whole = {
        name: max(map(cell_len, (name, *(cells[name] for cells in by_name)))) for name in headings
    }
    widths, left_out = _fitted(whole, needed)
    table = Table(
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        header_style="bold",
    )
    for name, width in widths.items():
        overflow: Literal["ellipsis", "fold"] = "ellipsis" if name in _CUT else "fold"
        table.add_column(name, no_wrap=True, overflow=overflow, max_width=width)
    for cells in by_name:
        table.add_row(*(Text(cells[name]) for name in widths))
    Console().print(table)
    tell_left_out([name for name in left_out if any(cells[name] for cells in by_name)])


def _fitted(
    whole: Mapping[str, int], needed: Collection[str]
) -> tuple[dict[str, int], Sequence[str]]:
    """Return how wide the columns of a table get in the terminal, and which are left out."""
    widths = {name: min(width, _CUT.get(name, width)) for name, width in whole.items()}
    left_out = without_room(widths, [name for name in _LESS_NEEDED if name not in needed])
    for name in left_out:
        del widths[name]
    for name in filter(widths.__contains__, _CUT):
        spare = room_beside(widths.values())
        widths[name] = max(min(whole[name], widths[name] + spare), 1)
    return widths, left_out


def without_room(widths: Mapping[str, int], less_needed: Iterable[str]) -> list[str]:
    """Return the columns to leave out, until the rest of these widths fits into the terminal."""
    left = dict(widths)
    left_out = []
    for name in less_needed:
        if room_beside(left.values()) >= 0:
            break
        if left.pop(name, None) is not None:
            left_out.append(name)
    return left_out


def room_beside(widths: Iterable[int]) -> int:
    """Return how much of the terminal's width columns of these widths leave; below 0: too wide."""
    return shutil.get_terminal_size().columns - sum(width + BETWEEN for width in widths) + BETWEEN


def tell_left_out(names: Sequence[str]) -> None:
    """Say on stderr which columns of a table had no room; nothing if all had."""
    if names:
        told = f"no room for: {', '.join(names)} (a wider terminal, or --json)"
        click.secho(told, err=True, dim=True)


def warn(text: str) -> None:
    """Print one warning line on stderr."""
    click.echo(f"warning: {one_line(text)}", err=True)


def warn_of_damage(session_id: str, health: "Health") -> None:
    """Say once that a log is damaged, and what to do; nothing if it is well."""
    if health.ok:
        return
    counts = {
        "damaged place": health.damaged,
        "missing event": health.gaps,
        "doubtful place": health.suspect,
    }
    found = ", ".join(f"{n} {what}{'s' * (n != 1)}" for what, n in counts.items() if n)
    warn(f"session {session_id}: {found}; the rest is intact. Look: eventlog repair {session_id}")


def warn_of_lost(lost: "Collection[Ref]", session_id: str | None = None) -> None:
    """Say once that what a log, or several, keep in blobs is not all there; nothing if it is."""
    if lost:
        count, size = len(lost), sum(ref.size for ref in lost)
        which = f"{count} blobs are" if count > 1 else "1 blob is"
        whose = f"session {session_id}: " if session_id else ""
        told = f"{which} not at hand or not whole ({size:,} bytes); the rest is intact"
        warn(f"{whose}{told}. Look: eventlog verify {session_id or '--all'}")


def warn_of_staying(whose: str, collected: "Collected") -> None:
    """Say that blobs had to stay, and what to do, if that is so."""
    if collected.unread and collected.unused:
        unread = ", ".join(map(one_line, collected.unread))
        told = f"{whose}: blobs stay while it cannot be read what else names them: {unread}"
        warn(f"{told}. Mend that (eventlog verify --all), then: eventlog compact --all --apply")
