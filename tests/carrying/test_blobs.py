"""What a log keeps in blobs goes with it: in bundles, and where its own file or store is imported."""

import hashlib
import json
import shutil
import zipfile
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from eventlog.backends.jsonl import JsonlBackend
from eventlog.backends.jsonl.writer import JsonlWriter
from eventlog.backends.memory import MemoryBackend
from eventlog.bundle import plan_bundle, take_bundle, write_bundle
from eventlog.errors import BackendLockedError, TransferError
from eventlog.store import Store
from tests.carrying.test_logs import peak_of
from tests.commands.running import Shell

IMAGE = bytes(range(256)) * 300
PICTURE = "data:image/png;base64," + b64encode(IMAGE).decode()
OUTPUT = "flour and water\n" * 6000
CALL = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
SAID: list[dict[str, Any]] = [
    {"role": "user", "content": [{"type": "image_url", "image_url": {"url": PICTURE}}]},
    {"role": "assistant", "content": "I look.", "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "c1", "content": OUTPUT},
]


def name_of(blob: bytes) -> str:
    return hashlib.sha256(blob).hexdigest()


NAMES = sorted([name_of(IMAGE), name_of(OUTPUT.encode())])


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def memory(*session_ids: str) -> Store:
    store = Store(MemoryBackend())
    for each in session_ids:
        store.create(each).append_many(SAID)
    return store


def lines(store: Store, session_id: str) -> list[bytes]:
    return [line for block in store.backend.read(session_id) for line in block.lines]


def forget(store: Store, blob: bytes, instead: bytes | None = None) -> None:
    """Lose a blob, or damage it."""
    with store.backend.dropping() as drop:
        drop(name_of(blob))
    if instead is not None:
        with store.backend.keeping({name_of(blob): instead}):
            pass


def bundle(store: Store, path: Path) -> list[str]:
    """Write all of a store; return what is told to be missing, by session and size."""
    with path.open("wb") as file:
        missing = write_bundle(store, store.ids(), file)
    return [f"{each} {ref.size}" for each, refs in missing.items() for ref in refs]


def members(path: Path) -> list[str]:
    with zipfile.ZipFile(path) as archive:
        return archive.namelist()


def manifest(path: Path) -> Any:
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read("manifest.json"))


def rewrite(path: Path, change: Callable[[dict[str, bytes], Any], None]) -> None:
    """Write a bundle once more, with its members and its manifest changed."""
    with zipfile.ZipFile(path) as archive:
        held = {name: archive.read(name) for name in archive.namelist()}
    told = json.loads(held.pop("manifest.json"))
    change(held, told)
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in held.items():
            archive.writestr(name, data)
        archive.writestr("manifest.json", json.dumps(told, separators=(",", ":")))


def test_a_bundle_holds_each_blob_once_and_brings_it(tmp_path: Path) -> None:
    store, other, path = memory("one", "two"), memory(), tmp_path / "b.zip"
    assert bundle(store, path) == []
    assert [name for name in members(path) if "blobs" in name] == [f"blobs/{n}" for n in NAMES]
    assert [each.blobs for each in plan_bundle(other, path, "b")] == [2, 2]
    assert other.backend.blobs() == {}
    assert [each.blobs for each in take_bundle(other, path, "b")] == [2, 0]
    assert other.open("two").messages() == store.open("two").messages() == SAID
    assert lines(other, "two") == lines(store, "two")
    bundle(other, tmp_path / "again.zip")
    assert (tmp_path / "again.zip").read_bytes() == path.read_bytes()


class Guarded(JsonlBackend):
    """A backend that fails a write while somebody else could drop blobs."""

    def writing(self, session_id: str, *, create: bool) -> JsonlWriter:
        other = JsonlBackend.at(self.folder.path, lock_timeout=0)
        with pytest.raises(BackendLockedError), other.dropping():
            pass
        return super().writing(session_id, create=create)


def test_nobody_can_drop_a_blob_before_the_line_that_names_it_is_there(tmp_path: Path) -> None:
    bundle(memory("one"), tmp_path / "b.zip")
    store = Store(Guarded.at(tmp_path / "logs"))
    take_bundle(store, tmp_path / "b.zip", "b")
    assert store.open("one").messages() == SAID


def test_a_bundle_that_no_import_would_take_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eventlog.bundle.MOST_FILES", 4)
    assert bundle(memory("one"), tmp_path / "b.zip") == []  # a log, two blobs, a manifest
    assert take_bundle(memory(), tmp_path / "b.zip", "b")[0].blobs == 2
    with pytest.raises(TransferError, match="more than 4 files"):
        bundle(memory("one", "two"), tmp_path / "b.zip")


def test_a_bundle_holds_what_only_a_quarantine_names(tmp_path: Path) -> None:
    store, other, path = memory("one"), memory(), tmp_path / "b.zip"
    line = lines(memory("two"), "two")[1]
    store.create("plain").append({"role": "user", "content": "Hi"})
    with store.backend.rewriting("plain") as rewriter:
        rewriter.put_aside(0, [line])
    with path.open("wb") as file:
        write_bundle(store, ["plain"], file)
    take_bundle(other, path, "b")
    assert other.backend.blob(name_of(IMAGE)) == IMAGE


@pytest.mark.parametrize("instead", [None, IMAGE[:-1]])
def test_a_bundle_without_a_blob_says_so_and_brings_the_rest(
    tmp_path: Path, instead: bytes | None
) -> None:
    store, other, path = memory("one"), memory(), tmp_path / "b.zip"
    forget(store, IMAGE, instead)
    assert bundle(store, path) == [f"one {len(IMAGE)}"]
    assert manifest(path)["missing"] == [name_of(IMAGE)]
    (carried,) = take_bundle(other, path, "b")
    assert (carried.blobs, [ref.sha256 for ref in carried.missing]) == (1, [name_of(IMAGE)])
    assert lines(other, "one") == lines(store, "one")
    assert "not at hand" in str(other.open("one").messages()[0])


@pytest.mark.parametrize("instead", [None, b"other"])
def test_a_bundle_taken_again_mends_what_is_missing_or_damaged(
    tmp_path: Path, instead: bytes | None
) -> None:
    store, path = memory("one"), tmp_path / "b.zip"
    bundle(store, path)
    forget(store, IMAGE, instead)
    (carried,) = take_bundle(store, path, "b")
    assert (carried.state, carried.blobs, carried.missing) == ("unchanged", 1, ())
    assert store.open("one").messages() == SAID


def bend(held: dict[str, bytes], _: Any) -> None:
    held[f"blobs/{NAMES[0]}"] = b"other"


def smuggle(held: dict[str, bytes], told: Any) -> None:
    held[f"blobs/{name_of(b'x')}"] = b"x"
    told["files"].append({"name": f"blobs/{name_of(b'x')}", "size": 1, "sha256": name_of(b"x"),
                          "kind": "blob"})  # fmt: skip


def disagree(held: dict[str, bytes], told: Any) -> None:
    """Let a blob's own hash be another than its name."""
    held[f"blobs/{NAMES[0]}"] = b"other"
    told["files"][1] |= {"size": 5, "sha256": name_of(b"other")}


def swap(held: dict[str, bytes], told: Any) -> None:
    """Let each of two blobs have the other's name, and the manifest say so."""
    one, other = (f"blobs/{name}" for name in NAMES)
    held[one], held[other] = held[other], held[one]
    told["files"][1]["name"], told["files"][2]["name"] = other, one


def climb(held: dict[str, bytes], told: Any) -> None:
    held[f"blobs/../{NAMES[0]}"] = held.pop(f"blobs/{NAMES[0]}")
    told["files"][1]["name"] = f"blobs/../{NAMES[0]}"


def babble(_: dict[str, bytes], told: Any) -> None:
    told["missing"] = ["../x"]


def unnamed(_: dict[str, bytes], told: Any) -> None:
    del told["files"][1]


@pytest.mark.parametrize("change", [bend, smuggle, disagree, swap, climb, babble, unnamed])
def test_a_bundle_with_a_blob_that_is_not_what_it_should_be_is_refused(
    tmp_path: Path, change: Callable[[dict[str, bytes], Any], None]
) -> None:
    other, path = memory(), tmp_path / "b.zip"
    bundle(memory("one"), path)
    rewrite(path, change)
    with pytest.raises(TransferError):
        take_bundle(other, path, "b")
    assert (other.ids(), other.backend.blobs()) == ([], {})


def elsewhere(shell: Shell) -> Path:
    """Another store, with a session that has two blobs; its log."""
    Store(Shell(shell.folder / "e").store.backend).create("one").append_many(SAID)
    return Shell(shell.folder / "e").log("one")


def zipped(log: Path) -> Path:
    return Path(shutil.make_archive(str(log.parents[2] / "store"), "zip", log.parent.parent))


def itself(log: Path) -> Path:
    return log


def its_folder(log: Path) -> Path:
    return log.parent


@pytest.mark.parametrize("given", [itself, its_folder, zipped])
def test_a_log_comes_with_the_blobs_that_lie_beside_it(
    shell: Shell, given: Callable[[Path], Path]
) -> None:
    log = elsewhere(shell)
    run = shell.run("import", str(given(log)))
    assert (run.code, run.err) == (0, "")
    assert run.lines[-1].startswith("1 source: 1 new, 4 events, 2 blobs;")
    assert shell.session("one").messages() == SAID
    assert shell.log("one").read_bytes() == log.read_bytes()
    assert "nothing new" in shell.run("import", str(given(log))).out


def test_a_log_without_its_blobs_is_taken_and_told_and_mended_later(shell: Shell) -> None:
    log = elsewhere(shell)
    shutil.copy(log, shell.folder / "alone.jsonl")
    run = shell.run("import", "alone.jsonl")
    assert (run.code, len(run.err.splitlines())) == (0, 1)
    assert "session one: 2 blobs are not at hand or not whole" in run.err
    assert json.loads(shell.run("import", "alone.jsonl", "--json").out)["sources"][0][
        "missing_blobs"
    ] == sorted(NAMES)
    planned = shell.run("import", str(log), "--dry-run")
    assert planned.lines[-1].startswith("1 source: would be 1 unchanged, 0 events, 2 blobs;")
    assert "not at hand" in str(shell.session("one").messages())
    assert shell.run("import", str(log)).err == ""
    assert shell.session("one").messages() == SAID


def test_a_blob_that_is_not_what_its_name_says_is_not_brought(shell: Shell) -> None:
    log = elsewhere(shell)
    (log.parent / "blobs" / NAMES[0]).write_bytes(b"other")
    assert "1 blob is not at hand" in shell.run("import", str(log)).err
    assert list(shell.store.backend.blobs()) == [NAMES[1]]


def test_no_blob_is_read_through_a_link(shell: Shell) -> None:
    log = elsewhere(shell)
    folder = log.parent / "blobs"
    folder.rename(shell.folder / "real")
    folder.symlink_to(shell.folder / "real")
    assert "2 blobs are not at hand" in shell.run("import", str(log)).err
    folder.unlink()
    folder.mkdir()
    for name in NAMES:
        (folder / name).symlink_to(shell.folder / "real" / name)
    assert "2 blobs are not at hand" in shell.run("import", str(log)).err


def test_a_log_that_is_refused_brings_no_blobs(shell: Shell) -> None:
    log = elsewhere(shell)
    shell.store.create("one").append({"role": "user", "content": "Another."})
    assert shell.run("import", str(log)).code == 5
    assert shell.store.backend.blobs() == {}


def test_a_bundle_without_a_blob_is_told_by_export_and_by_import(shell: Shell) -> None:
    shell.store.create("one").append_many(SAID)
    (shell.place / "blobs" / NAMES[0]).unlink()
    for arguments in (["export", "one", "--to", "bundle", "-o", "b.zip"],
                      ["import", "b.zip", "--store", "other"]):  # fmt: skip
        run = shell.run(*arguments)
        assert (run.code, len(run.err.splitlines())) == (0, 1)
        assert "session one: 1 blob is not at hand or not whole" in run.err


def test_many_blobs_come_in_bounded_memory(shell: Shell) -> None:
    """120 MB of images, by a log and its folder, then by a bundle."""
    session = Shell(shell.folder / "e").store.create("one")
    for number in range(60):
        url = "data:image/png;base64," + b64encode(number.to_bytes(4) * (1 << 19)).decode()
        part = {"type": "image_url", "image_url": {"url": url}}
        session.append({"role": "user", "content": [part]}, durability="os")
    log = Shell(shell.folder / "e").log("one")
    assert peak_of(shell, "import", str(log)) < 110 << 20
    assert peak_of(shell, "export", "one", "--to", "bundle", "-o", "b.zip") < 110 << 20
    assert peak_of(shell, "import", "b.zip", "--store", "other") < 110 << 20
    assert len(shell.store.backend.blobs()) == 60
