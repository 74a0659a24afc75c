"""The fifteen faults as the table in README.md: measured on our code, beside what peers did.

`python -m tests.crash.fifteen` measures and writes it anew; a test compares. The peers' numbers were
measured by running them; a session counts as resumed when at most the destroyed record is missing.
"""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from eventlog.repair import Options, repair
from eventlog.store import open_store
from tests.house.tree import ROOT
from tests.log.helpers import CONVERSATION, converse, lines_of, open_session, say
from tests.log.test_fifteen_faults import FAULTS

PAGE = ROOT / "README.md"
BEGIN, END = "<!-- fifteen faults: python -m tests.crash.fifteen -->", "<!-- end -->"
PEERS = {"codex": 9, "pi": 8, "gemini-cli": 11}

Fault = Callable[[Path], None]


def measure(fault: Fault, folder: Path) -> tuple[str, str, str]:
    """Say what is left of the conversation: resumed as it is, mended, and mended with a copy."""
    log = converse(folder)
    copy = lines_of(log)
    fault(log)
    hurt, store = log.read_bytes(), open_store(folder)
    told = bool(open_session(folder).health.where)
    say(open_session(folder), "And now?")
    resumed = left(open_session(folder).messages()[:-1], told=told)
    log.write_bytes(hurt)
    repair(store, "s")
    mended = left(open_session(folder).messages(), told=told)
    log.write_bytes(hurt)
    repair(store, "s", Options((lambda: iter(copy),)))
    return resumed, mended, left(open_session(folder).messages(), told=told)


def left(messages: list[dict[str, Any]], *, told: bool) -> str:
    """Compare a message list with the one that was."""
    if messages == CONVERSATION:
        return "whole"
    if not messages:
        return "nothing was left; it goes on"
    missing = [each for each in CONVERSATION if each not in messages]
    return f"{len(missing)} record missing{', told' if told else ''}"


def rows() -> list[tuple[str, tuple[str, str, str]]]:
    """Measure each fault in a folder of its own."""
    measured = []
    for fault, *_ in FAULTS:
        folder = Path(tempfile.mkdtemp(prefix="eventlog-"))
        try:
            measured.append((fault.__name__.replace("_", " "), measure(fault, folder)))
        finally:
            shutil.rmtree(folder)
    return measured


def is_resumed(state: str) -> bool:
    """Whether nothing is missing but what was destroyed."""
    return state in {"whole", "1 record missing, told", "nothing was left; it goes on"}


def table() -> str:
    """Return the table as Markdown."""
    measured = rows()
    resumed = sum(all(map(is_resumed, states)) for _, states in measured)
    lines = [
        "| fault | resumed as it is | after `repair` | after `repair --from` a copy |",
        "|---|---|---|---|",
        *(f"| {name} | {' | '.join(states)} |" for name, states in measured),
    ]
    peers = " · ".join(f"{name} {count}" for name, count in PEERS.items())
    total = f"Sessions resumed, of {len(measured)}: **eventlog {resumed}** · {peers}."
    return "\n".join([total, "", *lines])


def with_table(page: str, table: str) -> str:
    """Return a page with the table between its marks. Raises ValueError where these are missing."""
    start, end = page.index(BEGIN) + len(BEGIN), page.index(END)
    return f"{page[:start]}\n{table}\n{page[end:]}"


if __name__ == "__main__":
    made = table()
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8"), made), encoding="utf-8")
