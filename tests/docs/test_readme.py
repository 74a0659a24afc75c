"""What the README says can be typed can be typed, and does what it says."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from eventlog import errors, open_store
from eventlog.tools.main import COMMANDS, EXIT_CODES, cli
from tests.docs.pages import blocks, rows, text_of
from tests.house.tree import ROOT
from tests.http.openai_server import OpenAIServer, reply

README = "README.md"
PYTHON = blocks(README, "python")
TARGETS = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize("block", PYTHON, ids=lambda block: block.split("\n", 1)[0])
def test_an_example_prints_what_its_comments_say(
    block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with OpenAIServer(reply("Because.")) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        exec(compile(block, README, "exec"), {})  # noqa: S102 - the block is ours
    printed = capsys.readouterr().out.splitlines()
    assert printed
    for said in comments(block):
        assert said in printed


def comments(block: str) -> list[str]:
    """Return the comments behind calls of print: what they print."""
    return re.findall(r"^\s*print\(.*\)  # (.+)$", block, re.MULTILINE)


def test_the_first_example_is_short() -> None:
    assert len(PYTHON[0].splitlines()) <= 12
    assert comments(PYTHON[0])


def typed(text: str) -> Iterator[list[str]]:
    """Give the words of every command line that the text shows, in blocks and between backticks."""
    for block in re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        yield from (shlex.split(line, comments=True) for line in block.splitlines())
    for block in re.findall(r"^```console\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        yield from (shlex.split(line[2:]) for line in block.splitlines() if line[:2] == "$ ")
    for line in re.findall(r"`((?:make|eventlog) [^`]+)`", text):
        yield shlex.split(line)


def complaint(words: list[str]) -> str | None:
    """Say why a command line cannot be typed, or None where it can."""
    line = " ".join(words)
    if words[:1] == ["make"]:
        missing = [word for word in words[1:] if "=" not in word and word not in TARGETS]
        return f"{line}: no target {missing[0]}" if missing else None
    if words[:1] != ["eventlog"]:
        return f"{line}: what is it?"
    if words[1] not in COMMANDS:
        return f"{line}: no command {words[1]}"
    command = cli.get_command(click.Context(cli), words[1])
    assert command is not None
    known = {option for parameter in command.params for option in parameter.opts}
    unknown = [word for word in words[2:] if word[:1] == "-" and word not in known]
    return f"{line}: no option {unknown[0]}" if unknown else None


def test_every_command_line_can_be_typed() -> None:
    lines = list(typed(text_of(README)))
    assert len(lines) > 5
    assert list(filter(None, map(complaint, lines))) == []


@pytest.mark.parametrize(
    "line", ["make tea", "eventlog shout", "eventlog chat --loud", "pip install eventlog"]
)
def test_a_command_line_that_is_none_is_caught(line: str) -> None:
    (words,) = typed(f"```sh\n{line}  # please\n```\n")
    assert complaint(words)


def test_the_transcript_shows_what_the_chat_prints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVENTLOG_STORE", str(tmp_path))
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    (transcript,) = blocks(README, "console")
    for _ in ("begun", "taken up again"):
        run = CliRunner().invoke(cli, ["chat", "--session", "sky"], input="\n")
        printed = [line.strip() for line in run.output.splitlines() if line.strip()]
        assert len(printed) == 6
        assert [line for line in printed if line not in transcript.splitlines()] == []
        open_store(tmp_path).open("sky").set_title("Why is the sky blue?")


def test_the_table_of_exit_codes_is_that_of_the_command() -> None:
    table = {
        int(code): set(re.findall(r"`(\w+)`", who)) for code, _, who in rows(README, "exit code")
    }
    ours: dict[int, set[str]] = {code: set() for code in table}
    for kind, code in EXIT_CODES:
        ours[code].add(kind.__name__)
    assert table == ours


def test_the_meanings_of_exit_codes_are_those_of_the_help() -> None:
    meant = {code: meaning for code, meaning, _ in rows(README, "exit code")}
    said = " ".join((cli.help or "").partition("Exit codes:")[2].split())
    assert meant == dict(re.findall(r"(\d+) ([a-z ]+)[,.]", said))


def test_every_error_that_has_a_code_of_its_own_is_there() -> None:
    assert all(issubclass(kind, errors.EventLogError) for kind, _ in EXIT_CODES)


def test_every_variable_that_the_code_reads_is_named() -> None:
    pattern = re.compile(r"\"((?:OPENAI|ARK|EVENTLOG|MODEL|SESSION)_[A-Z_]+)\"")
    sources = [ROOT / "eventlog" / name for name in ("provider.py", "local_model.py", "store.py")]
    read = {name for source in sources for name in pattern.findall(source.read_text())}
    named = set(re.findall(r"`([A-Z]+_[A-Z_]+)[`=]", text_of(README)))
    assert "OPENAI_API_KEY" in read
    assert read <= named
