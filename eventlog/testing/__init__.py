"""The backend contract as a test suite: ours, and that of anybody who writes a backend.

    class TestMine(BackendContract):
        def open_backend(self, place: Path) -> Backend:
            return MyBackend(place / "my.db")

That is all an own backend needs, in a file that pytest collects; with
`pytest.register_assert_rewrite("eventlog.testing")` in its conftest.py, failures show their values.
The suite asks for what backend.py says of reading, appending, replacing, keeping, blobs and the bin, and
then for what a Store promises on top of it. Faults that only one kind of storage can have (a full disk, a
lost connection) are not tested here.
"""

from .appending import AppendingContract
from .batches import BatchesContract
from .binning import BinContract
from .blobs import BlobsContract
from .deeds import LINES, assert_one_chain, at_once, message, put, read, said, say
from .keeping import KeepingContract
from .reading import ReadingContract
from .replacing import ReplacingContract
from .sessions import SessionsContract
from .stamping import StampingContract


class BackendContract(
    ReadingContract,
    AppendingContract,
    ReplacingContract,
    KeepingContract,
    StampingContract,
    BinContract,
    BlobsContract,
    SessionsContract,
    BatchesContract,
):
    """Inherit it as Test…, and say in `open_backend` how your backend is opened."""


__all__ = [
    "LINES",
    "BackendContract",
    "assert_one_chain",
    "at_once",
    "message",
    "put",
    "read",
    "said",
    "say",
]
