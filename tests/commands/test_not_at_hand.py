"""Commands over what is kept in blobs: it is shown as if it stood in the log, and told where it is gone."""

import json
from base64 import b64encode
from pathlib import Path

import pytest

from eventlog.blobs import LARGE
from tests.commands.running import Run, Shell
from tests.http import openai_server as fake
from tests.http.openai_server import OpenAIServer

WORD = "xylophonist"
OUTPUT = f"the {WORD} plays " + "la " * (LARGE // 2)
IMAGE = bytes(range(256)) * (LARGE // 200)
PICTURE = "data:image/png;base64," + b64encode(IMAGE).decode()
CALL = {"id": "c", "type": "function", "function": {"name": "hear", "arguments": "{}"}}
SIZE = len(OUTPUT) + len(IMAGE)
TOLD = f"warning: session s: 2 blobs are not at hand or not whole ({SIZE:,} bytes); the rest is intact. Look: eventlog verify s\n"
TOLD_OF_WORDS = TOLD.replace("2 blobs are", "1 blob is").replace(f"{SIZE:,}", f"{len(OUTPUT):,}")


def hold(shell: Shell, session_id: str = "s") -> None:
    """Put a session there with a picture in event 2 and a tool's large output in event 4."""
    parts = [
        {"type": "text", "text": "Who is that?"},
        {"type": "image_url", "image_url": {"url": PICTURE}},
    ]
    shell.store.create(session_id).append_many([
        {"role": "user", "content": parts},
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "c", "content": OUTPUT},
        {"role": "assistant", "content": "A musician."},
    ])  # fmt: skip


def blobs(shell: Shell) -> list[Path]:
    return sorted((shell.place / "blobs").iterdir())


def lose(shell: Shell) -> None:
    """Take the blobs away: one is gone, one is not what it was."""
    first, second = blobs(shell)
    first.unlink()
    second.write_bytes(b"something else")


def done(run: Run) -> str:
    assert (run.code, run.err) == (0, "")
    return run.out


SHOWING = [
    ["show", "s"], ["show", "s", "--json"], ["show", "s", "--events", "--json"], ["replay", "s"],
    ["replay", "s", "--json"], ["tree", "s", "--json"], ["export", "s", "--to", "text"],
    ["export", "s", "--to", "markdown"], ["export", "s", "--to", "openai"], ["share", "s", "-o", "-"],
]  # fmt: skip
each_way = pytest.mark.parametrize("arguments", SHOWING, ids=" ".join)


@each_way
def test_a_large_output_is_shown_whole(shell: Shell, arguments: list[str]) -> None:
    hold(shell)
    out = done(shell.run(*arguments))
    assert OUTPUT.strip() in " ".join(out.split())
    assert "blobs/" not in out


@pytest.mark.parametrize("arguments", [["show", "s", "--json"], ["export", "s", "--to", "openai"], ["share", "s", "-o", "-"]], ids=" ".join)  # fmt: skip
def test_a_picture_is_there_whole(shell: Shell, arguments: list[str]) -> None:
    hold(shell)
    assert PICTURE in done(shell.run(*arguments))


@each_way
def test_what_is_not_at_hand_is_told_once_and_the_rest_is_shown(
    shell: Shell, arguments: list[str]
) -> None:
    hold(shell)
    lose(shell)
    run = shell.run(*arguments)
    assert run.code == 0
    assert run.err == TOLD
    assert "Who is that?" in run.out
    assert "A musician." in run.out


@pytest.mark.parametrize("arguments", [["show", "s"], ["replay", "s"], ["tree", "s"], ["diff", "s", "s"], ["export", "s", "--to", "text"], ["share", "s", "-o", "-"]], ids=" ".join)  # fmt: skip
def test_a_note_stands_for_an_output_that_is_not_at_hand(
    shell: Shell, arguments: list[str]
) -> None:
    hold(shell)
    lose(shell)
    assert f"[{len(OUTPUT):,} bytes of text/plain, not at hand: blobs/" in " ".join(
        shell.run(*arguments).out.split()
    )


def test_json_stays_json_where_something_is_not_at_hand(shell: Shell) -> None:
    hold(shell)
    lose(shell)
    for arguments in (
        ["show", "s", "--json"],
        ["tree", "s", "--json"],
        ["diff", "s", "s", "--json"],
    ):
        run = shell.run(*arguments)
        assert len(run.err.splitlines()) == (2 if arguments[0] == "diff" else 1)
        assert json.loads(run.out)
    for arguments in (["show", "s", "--events", "--json"], ["replay", "s", "--json"]):
        assert len([json.loads(line) for line in shell.run(*arguments).lines]) == 5


def test_a_word_of_an_output_is_found_and_pointed_at(shell: Shell) -> None:
    hold(shell)
    (hit,) = json.loads(done(shell.run("search", WORD, "--json")))
    assert (hit["seq"], hit["role"]) == (4, "tool")
    ((start, end),) = hit["marks"]
    assert hit["text"][start:end] == WORD


def test_a_search_says_that_something_could_not_be_looked_into(shell: Shell) -> None:
    hold(shell)
    lose(shell)
    run = shell.run("search", "musician", "--json")
    assert len(json.loads(run.out)) == 1
    assert run.err == TOLD_OF_WORDS.replace("session s: ", "").replace("verify s", "verify --all")


def test_a_chat_sends_what_is_kept_in_blobs(talking: Shell, server: OpenAIServer) -> None:
    hold(talking)
    server.then(fake.reply("Yes."))
    done(talking.run("chat", "--session", "s", says="Sure?\n"))
    user, _, tool, *_ = server.bodies[-1]["messages"]
    assert user["content"][1]["image_url"]["url"] == PICTURE
    assert tool["content"] == OUTPUT


def test_a_chat_goes_on_where_something_is_not_at_hand_and_says_so_once(
    talking: Shell, server: OpenAIServer
) -> None:
    hold(talking)
    lose(talking)
    run = talking.run("chat", "--session", "s", says="Sure?\nReally?\n")
    assert (run.code, run.err) == (0, TOLD)
    assert len(server.bodies) == 2
    assert server.bodies[-1]["messages"][0]["content"][1]["type"] == "text"
    asked = talking.run("chat", "--session", "s", "And?")
    assert TOLD in asked.err


def test_a_rerun_says_the_picture_again(talking: Shell, server: OpenAIServer) -> None:
    hold(talking)
    done(talking.run("rerun", "s", "--as", "again", "--json"))
    assert server.bodies[-1]["messages"][0]["content"][1]["image_url"]["url"] == PICTURE
    assert len(blobs(talking)) == 2


def test_a_summary_is_asked_of_what_the_tools_said(talking: Shell, server: OpenAIServer) -> None:
    hold(talking)
    server.then(fake.reply("A summary."))
    assert talking.run("summarize", "s", "--keep", "1").code == 0
    assert OUTPUT in [message["content"] for message in server.bodies[-1]["messages"]]


def test_a_proof_names_what_it_cannot_prove_and_finds_no_difference(
    talking: Shell, server: OpenAIServer
) -> None:
    hold(talking)
    server.then(fake.reply("Yes."))
    done(talking.run("chat", "--session", "s", "--title", "T", says="Sure?\n"))
    done(talking.run("search", WORD))
    lose(talking)
    run = talking.run("replay", "s", "--verify")
    assert (run.code, "DIFFERENT" in run.out) == (3, False)
    assert "Look: eventlog verify s" in run.err
    assert "1 cannot be proven: erased since, not at hand any more" in run.out


def test_a_line_for_training_holds_the_picture(shell: Shell) -> None:
    hold(shell)
    (line,) = shell.run("export", "s", "--to", "finetuning").lines
    user, *_ = json.loads(line)["messages"]
    assert user["content"][1]["image_url"]["url"] == PICTURE


def test_a_title_is_asked_for_without_what_is_kept_in_blobs(
    talking: Shell, server: OpenAIServer
) -> None:
    hold(talking)
    lose(talking)
    server.then(fake.reply("A musician"))
    run = talking.run("rename", "s", "--auto")
    assert (run.code, run.err.count("not at hand")) == (0, 0)
    assert "blobs/" not in server.bodies[-1]["messages"][0]["content"]
