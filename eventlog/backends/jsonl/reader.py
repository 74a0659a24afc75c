r"""Read a log file in blocks of complete lines, in bounded memory, up to the last newline.

It splits on the byte \\n and on nothing else (U+2028 and its like are legal inside JSON), and it
knows no line's meaning.
"""

from collections.abc import Iterator
from io import FileIO

from eventlog.backend import START, Block, Mark

from .files import Folder

CHUNK = 1 << 20
"""How much is read at a time, in bytes."""

LONGEST = 64 << 20
"""A line longer than this is passed over, not loaded."""

TAIL = 32
"""How much of the end of what was read marks the place, in bytes."""


def read_blocks(folder: Folder, file: FileIO, size: int, after: Mark) -> Iterator[Block]:
    """Read the complete lines after a mark; from the start if the bytes before it have changed.

    Gives at least one block, of no lines when there is nothing new. `size` is the file's, as it was
    last seen; what came since is read too.
    """
    known = len(after.tail)
    first = folder.read_at(file, min(CHUNK, max(size - after.position, 0)) + known,
                           after.position - known)  # fmt: skip
    if first[:known] == after.tail and after.position <= size:
        yield from _blocks(folder, file, after, first[known:])
    else:
        yield from _blocks(folder, file, START, folder.read_at(file, min(CHUNK, size), 0))


def _blocks(folder: Folder, file: FileIO, mark: Mark, chunk: bytes) -> Iterator[Block]:
    """Cut chunks into lines; `parts` holds a line that goes on beyond them."""
    parts: list[bytes] = []
    held = skipped = 0
    while chunk:
        cut = chunk.rfind(b"\n") + 1
        if cut and skipped:
            cut = chunk.index(b"\n") + 1
            end = Mark(mark.position + skipped + cut, _tail(chunk[:cut]))
            yield Block(mark.position, [], end, skipped=skipped + cut)
            mark, chunk, skipped = end, chunk[cut:], 0
            if chunk:
                continue
        elif cut:
            whole = b"".join((*parts, chunk[:cut])) if parts else chunk[:cut]
            end = Mark(mark.position + len(whole), _tail(whole))
            lines = whole.split(b"\n")
            lines.pop()
            yield Block(mark.position, lines, end)
            mark, parts, held = end, [chunk[cut:]], len(chunk) - cut
        elif skipped or held + len(chunk) > LONGEST:
            skipped, parts, held = skipped + held + len(chunk), [], 0
        else:
            parts.append(chunk)
            held += len(chunk)
        chunk = folder.read_at(file, CHUNK, mark.position + held + skipped)
    yield Block(mark.position, [], mark, rest=b"".join(parts))


def _tail(data: bytes) -> bytes:
    return data[-TAIL:]
