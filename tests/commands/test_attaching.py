"""`eventlog chat --attach` and `/attach`: what the model is shown, what the log keeps, what is refused."""

from base64 import b64encode
from pathlib import Path

import pytest

from tests.commands.running import Shell, Terminal
from tests.http import openai_server as fake
from tests.http.openai_server import OpenAIServer

PNG = b"\x89PNG\r\n\x1a\n" + bytes(100_000)
KINDS = {
    "image/png": PNG, "image/jpeg": b"\xff\xd8\xff\xe0rest", "image/gif": b"GIF89a rest",
    "image/webp": b"RIFF\x10\0\0\0WEBPVP8 ",
}  # fmt: skip


def picture(shell: Shell, name: str = "photo.png", data: bytes = PNG) -> Path:
    path = shell.folder / name
    path.write_bytes(data)
    return path


def url(data: bytes, kind: str = "image/png") -> str:
    return f"data:{kind};base64,{b64encode(data).decode()}"


def shown(server: OpenAIServer, number: int = -1) -> list[str]:
    """The pictures of a request, in order."""
    contents = [m["content"] for m in server.bodies[number]["messages"] if m["role"] == "user"]
    parts = [part for content in contents if isinstance(content, list) for part in content]
    return [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]


def test_pictures_go_with_the_first_message_and_stay_in_the_past(
    talking: Shell, server: OpenAIServer
) -> None:
    names = [str(picture(talking, f"{number}.png", PNG + bytes([number]))) for number in (1, 2)]
    both = [url(PNG + b"\1"), url(PNG + b"\2")]
    run = talking.run("chat", "--attach", names[0], "--attach", names[1], says="Who?\nAnd now?\n")
    assert (run.code, run.err) == (0, "")
    first = server.bodies[0]["messages"][0]["content"]
    assert first[0] == {"type": "text", "text": "Who?"}
    assert shown(server, 0) == shown(server, 1) == both
    assert len(list((talking.place / "blobs").iterdir())) == 2


def test_a_question_takes_a_picture(talking: Shell, server: OpenAIServer) -> None:
    server.then(fake.reply("A cat."))
    run = talking.run("chat", "--attach", str(picture(talking)), "Who?")
    assert (run.code, run.out) == (0, "A cat.\n")
    assert shown(server) == [url(PNG)]


@pytest.mark.parametrize("kind", KINDS)
def test_what_it_holds_tells_its_kind(talking: Shell, server: OpenAIServer, kind: str) -> None:
    path = picture(talking, "nameless", KINDS[kind])
    assert talking.run("chat", "--attach", str(path), "Who?").code == 0
    assert shown(server) == [url(KINDS[kind], kind)]


@pytest.mark.parametrize(
    ("data", "why"),
    [(b"text", "is no PNG"), (b"", "is no PNG"), (PNG + bytes(20_000_000), "more than 20,000,000")],
)
def test_what_is_no_picture_is_refused_before_anything_begins(
    talking: Shell, data: bytes, why: str
) -> None:
    run = talking.run("chat", "--attach", str(picture(talking, "x.png", data)), "Who?")
    assert run.code == 1
    assert why in run.err
    assert talking.ids == []


def test_a_file_that_is_not_there_is_told(talking: Shell) -> None:
    run = talking.run("chat", "--attach", "no such\x1bfile.png", "Who?")
    assert (run.code, talking.ids) == (1, [])
    assert "No such file" in run.err
    assert "\x1b" not in run.err


def test_pictures_are_attached_to_the_next_message(talking: Shell, server: OpenAIServer) -> None:
    picture(talking, "my photo.png")
    picture(talking)
    with Terminal(talking, ("chat", "--session", "s")) as terminal:
        terminal.enter('/attach "my photo.png" photo.png')
        terminal.wait_for("The next message goes with 2 pictures.")
        terminal.enter("Who?")
        terminal.wait_for("[assistant]")
        terminal.enter("Thanks")
        terminal.wait_for("[assistant]")
        terminal.enter("/quit")
        assert terminal.end() == 0
    assert shown(server, 0) == shown(server, 1) == [url(PNG)] * 2


def test_what_cannot_be_attached_leaves_the_chat_as_it_is(
    talking: Shell, server: OpenAIServer
) -> None:
    with Terminal(talking, ("chat", "--session", "s")) as terminal:
        terminal.enter("/attach")
        terminal.wait_for("/attach FILE")
        terminal.enter("/attach none.png")
        terminal.wait_for("No such file")
        terminal.enter('/attach "open')
        terminal.wait_for("these are no paths")
        terminal.enter("Hello")
        terminal.wait_for("[assistant]")
    assert server.bodies[-1]["messages"] == [{"role": "user", "content": "Hello"}]


def test_a_model_that_sees_no_pictures_leaves_a_chat_that_goes_on(
    talking: Shell, server: OpenAIServer
) -> None:
    picture(talking)
    server.then(fake.error(400, {"message": "image input is not supported"}))
    with Terminal(talking, ("chat", "--session", "s")) as terminal:
        terminal.enter("/attach photo.png")
        terminal.enter("Who?")
        terminal.wait_for("image input is not supported")
        terminal.wait_for("/rewind 0 goes back to before them")
        terminal.enter("/edit Who are you?")
        terminal.wait_for("[assistant]")
        terminal.enter("/quit")
        assert terminal.end() == 6
    assert server.bodies[-1]["messages"] == [{"role": "user", "content": "Who are you?"}]


def test_a_refused_picture_can_be_left_aside_from_the_shell(
    talking: Shell, server: OpenAIServer
) -> None:
    assert talking.run("chat", "--session", "s", "Hello").code == 0
    back = f"eventlog rewind s {talking.session('s').head}"
    refusal = fake.error(400, {"message": "image input is not supported"})
    server.then(refusal, refusal)
    run = talking.run("chat", "--session", "s", "--attach", str(picture(talking)), "Who?")
    assert run.code == 6
    assert f"If the model sees no pictures: {back} goes back to before them." in run.err
    assert back in talking.run("chat", "--session", "s", "Still?").err
    assert talking.run(*back.split()[1:]).code == 0
    assert talking.run("chat", "--session", "s", "And now?").code == 0
    assert len(server.bodies[-1]["messages"]) == 3


def test_a_refusal_without_pictures_says_nothing_of_them(
    talking: Shell, server: OpenAIServer
) -> None:
    server.then(fake.error(400, {"message": "bad"}))
    assert "picture" not in talking.run("chat", "Hello").err
