"""What a tool gave out is found also where it is kept in a blob, for as long as that is at hand."""

import time
from base64 import b64encode
from pathlib import Path

import pytest

from eventlog.blobs import LARGE
from eventlog.catalog import parse_query, snippet, text_of
from eventlog.codec import decode
from eventlog.erasure import erase
from eventlog.store import Store, open_store
from tests.catalog.comparing import ALL, assert_true, catalog_of, texts_of
from tests.log.helpers import lines_of, log_of

WORD = "xylophonist"
CALL = {"id": "c", "type": "function", "function": {"name": "read", "arguments": "{}"}}
PICTURE = "data:image/png;base64," + b64encode(bytes(range(256)) * (LARGE // 200)).decode()


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A store whose session `s` has the word in the middle of a tool's large output, event 4."""
    session = open_store(tmp_path / "store").create("s")
    session.append_many([
        {"role": "user", "content": "read the file"},
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "c", "content": output()},
    ])  # fmt: skip
    assert len(log_of(tmp_path / "store").read_bytes()) < LARGE
    return tmp_path / "store"


def output(word: str = WORD) -> str:
    filler = "a line of what the tool has read\n" * (LARGE // 60)
    return f"{filler}and here the {word} plays\n{filler}"


def blobs_of(place: Path) -> list[Path]:
    return sorted((place / "blobs").iterdir())


def hide(place: Path) -> list[tuple[Path, bytes]]:
    """Take away the blobs of a store; return what brings them back."""
    hidden = [(path, path.read_bytes()) for path in blobs_of(place)]
    for path, _ in hidden:
        path.unlink()
    return hidden


def bring_back(hidden: list[tuple[Path, bytes]]) -> None:
    for path, blob in hidden:
        path.write_bytes(blob)


def take_in(place: Path) -> None:
    """Have all taken into the catalogue, once a log's stamp is taken for its last."""
    time.sleep(0.15)
    catalog_of(place).refresh()


def say(place: Path, content: object) -> None:
    open_store(place).open("s").append({"role": "user", "content": content})


def files_with_it(place: Path) -> list[str]:
    files = [path for path in (place / ".cache").iterdir() if path.is_file()]
    return [path.name for path in files if b"xyloph" in path.read_bytes()]


def test_a_word_in_a_large_output_is_found_and_shown(place: Path) -> None:
    (hit,) = catalog_of(place).search(WORD, ALL)
    assert (hit.seq, hit.role) == (4, "tool")
    event = catalog_of(place).event_of(hit)
    assert event is not None
    shown = snippet(text_of(event), parse_query(WORD).words)
    assert f"and here the {WORD} plays" in shown.text
    assert [shown.text[start:end] for start, end in shown.marks] == [WORD]


def test_a_word_in_a_part_of_a_large_output_is_found(place: Path) -> None:
    parts = [{"type": "text", "text": "short"}, {"type": "text", "text": output("glockenspiel")}]
    result = {"role": "tool", "tool_call_id": "c", "content": parts}
    open_store(place).open("s").append(result)
    assert texts_of(catalog_of(place), "short glockenspiel") == {("s", 5, "tool")}


def test_media_are_not_read_for_a_search(place: Path) -> None:
    before = set(blobs_of(place))
    say(place, [{"type": "image_url", "image_url": {"url": PICTURE}},
                {"type": "text", "text": "a picture"}])  # fmt: skip
    (picture,) = set(blobs_of(place)) - before
    picture.unlink()
    catalog = catalog_of(place)
    assert texts_of(catalog, "picture") == {("s", 5, "user")}
    assert catalog.lost == ()  # nobody asked for it


def test_what_was_read_is_not_read_again_for_what_is_added(place: Path) -> None:
    take_in(place)
    hide(place)
    say(place, "later")
    catalog = catalog_of(place)
    assert texts_of(catalog, f"{WORD} OR later") == {("s", 4, "tool"), ("s", 5, "user")}
    assert catalog.lost == ()


def test_what_is_not_at_hand_is_told_and_the_rest_is_found(place: Path) -> None:
    hide(place)
    catalog = catalog_of(place)
    assert texts_of(catalog, "file") == {("s", 2, "user")}
    assert [ref.size for ref in catalog.lost] == [len(output())]
    assert texts_of(catalog, WORD) == texts_of(catalog, "blobs") == set()
    again = catalog_of(place)
    again.refresh()
    assert len(again.lost) == 1  # it is told each time


def test_what_is_no_more_what_it_was_is_not_found(place: Path) -> None:
    (blob,) = blobs_of(place)
    blob.write_bytes(output("forgery").encode())
    assert texts_of(catalog_of(place), "forgery") == set()


def test_what_comes_back_is_found(place: Path) -> None:
    hidden = hide(place)
    take_in(place)
    bring_back(hidden)
    assert texts_of(catalog_of(place), WORD) == {("s", 4, "tool")}
    assert_true(catalog_of(place), open_store(place))
    take_in(place)
    hide(place)  # it was read once, and is not looked for again
    catalog = catalog_of(place)
    assert texts_of(catalog, WORD) == {("s", 4, "tool")}
    assert catalog.lost == ()


def test_a_part_that_comes_back_is_found_with_the_others(place: Path) -> None:
    parts = [{"type": "text", "text": "short"}, {"type": "text", "text": output("glockenspiel")}]
    open_store(place).open("s").append({"role": "tool", "tool_call_id": "c", "content": parts})
    hidden = hide(place)
    take_in(place)
    assert texts_of(catalog_of(place), "short") == {("s", 5, "tool")}
    bring_back(hidden)
    assert texts_of(catalog_of(place), "short glockenspiel") == {("s", 5, "tool")}
    assert texts_of(catalog_of(place), "short") == {("s", 5, "tool")}
    assert_true(catalog_of(place), open_store(place))


def purge(store: Store) -> None:
    store.purge("s")


def erase_it(store: Store) -> None:
    erase(store, "s", [4])


def delete_and_purge(store: Store) -> None:
    store.delete("s")
    store.purge_binned(store.binned()[0].name)


each_way = pytest.mark.parametrize("way", [purge, erase_it, delete_and_purge])


@each_way
def test_what_is_to_go_leaves_the_file_word_by_word(place: Path, way: object) -> None:
    assert texts_of(catalog_of(place), WORD)
    assert files_with_it(place)
    way(open_store(place))  # type: ignore[operator]
    assert files_with_it(place) == []
    assert texts_of(catalog_of(place), WORD) == set()
    assert_true(catalog_of(place), open_store(place))


@each_way
def test_it_leaves_the_file_though_its_blob_is_gone_already(place: Path, way: object) -> None:
    assert texts_of(catalog_of(place), WORD)
    hide(place)
    way(open_store(place))  # type: ignore[operator]
    assert files_with_it(place) == []
    assert texts_of(catalog_of(place), WORD) == set()
    assert_true(catalog_of(place), open_store(place))


def test_the_catalogue_agrees_with_a_log_whose_blob_is_gone_since(place: Path) -> None:
    take_in(place)
    assert catalog_of(place).disagreement("s") is None
    hidden = hide(place)
    assert catalog_of(place).disagreement("s") is None
    say(place, "later")
    catalog_of(place).refresh()
    assert catalog_of(place).disagreement("s") is None
    bring_back(hidden)
    assert catalog_of(place).disagreement("s") is None


def test_the_catalogue_agrees_with_a_log_whose_blob_has_come_back(place: Path) -> None:
    hidden = hide(place)
    take_in(place)
    bring_back(hidden)
    assert catalog_of(place).disagreement("s") is None


def test_a_hit_whose_blob_is_gone_says_so(place: Path) -> None:
    (hit,) = catalog_of(place).search(WORD, ALL)
    hide(place)
    event = catalog_of(place).event_of(hit)
    assert event is not None
    assert text_of(event).startswith(f"[{len(output()):,} bytes of text/plain, not at hand: blobs/")


def test_the_log_names_what_is_indexed_and_does_not_hold_it(place: Path) -> None:
    event = decode(lines_of(log_of(place))[3])
    assert event is not None
    assert event["data"]["content"] == f"blobs/{blobs_of(place)[0].name}"
