"""`eventlog share`: where pages go, what they hold, what is masked and told; all sessions, and an index."""

import json
import subprocess
from pathlib import Path

import pytest

from eventlog import codec
from eventlog.events import ModelCalled, ReplyStreamed
from tests.commands.running import EVENTLOG, KEY, Shell, Terminal


def hold(shell: Shell, session_id: str, *contents: str) -> None:
    """Put a session there in which a user said these."""
    session = shell.store.create(session_id)
    session.append_many([{"role": "user", "content": content} for content in contents])


def read(shell: Shell, name: str) -> str:
    return (shell.folder / name).read_text(encoding="utf-8")


def made_by_the_future(line: bytes) -> bytes:
    """Seal a header as a format 9 would."""
    record = json.loads(line)
    draft = codec.encode("session.created", {**record["data"], "format": 9})
    return codec.seal(draft, 1, record["at"], record["prev"])[0] + b"\n"


def test_a_page_is_made_in_this_folder_named_as_the_session(shell: Shell) -> None:
    hold(shell, "demo", "Hello, *you*")
    run = shell.run("share", "de")
    assert (run.code, run.err) == (0, "")
    assert run.out.startswith("demo.html: 1 message, ")
    assert "<p>Hello, <em>you</em></p>" in read(shell, "demo.html")
    assert [path.name for path in shell.folder.iterdir() if path.name != "data"] == ["demo.html"]


def test_a_page_goes_to_a_file_a_folder_or_stdout(shell: Shell) -> None:
    hold(shell, "demo", "Hello")
    (shell.folder / "there").mkdir()
    assert shell.run("share", "demo", "-o", "new/page.html").code == 0
    assert shell.run("share", "demo", "-o", "there").code == 0
    page = shell.run("share", "demo", "-o", "-").out
    assert page == read(shell, "new/page.html") == read(shell, "there/demo.html")


def test_what_is_there_is_replaced_only_with_force(shell: Shell) -> None:
    hold(shell, "demo", "Hello")
    (shell.folder / "demo.html").write_text("mine")
    run = shell.run("share", "demo")
    assert run.code == 1
    assert "--force" in run.err
    assert read(shell, "demo.html") == "mine"
    assert shell.run("share", "demo", "--force").code == 0
    assert "Hello" in read(shell, "demo.html")


def test_secrets_are_masked_and_told_by_kind_and_event_only(shell: Shell) -> None:
    hold(shell, "demo", f"my key is {KEY}", f"again {KEY} and {KEY}")
    run = shell.run("share", "demo")
    assert run.err == "masked openai-key in event 2\nmasked openai-key in event 3, 2 times\n"
    assert KEY not in read(shell, "demo.html")


def test_a_key_that_the_title_would_cut_is_not_in_it(shell: Shell) -> None:
    hold(shell, "demo", "x" * 50 + " " + KEY)
    facts = json.loads(shell.run("share", "demo", "--json").out)
    assert KEY[:8] not in read(shell, "demo.html")
    assert facts["title"].startswith("x" * 50 + " [masked")


def test_a_key_that_two_checkpoints_of_a_reply_split_is_masked(shell: Shell) -> None:
    hold(shell, "demo", "Hello")
    call = ModelCalled(model="m", provider="x", version=2, head=2, rules=1, messages=1, digest="d")
    shell.session("demo").append(call)
    for piece in (f"it is {KEY[:-4]}", f"{KEY[-4:]}, there"):
        shell.session("demo").append(ReplyStreamed(call=3, text=piece))
    assert shell.run("share", "demo").err == "masked openai-key in event 4\n"
    assert "</span>, there" in read(shell, "demo.html")


def test_masking_can_be_widened_or_left_out(shell: Shell) -> None:
    hold(shell, "demo", "jo@example.org has api_key=abcd1234efgh")
    assert "jo@example.org" in shell.run("share", "demo", "-o", "-").out
    assert "jo@example.org" not in shell.run("share", "demo", "-o", "-", "--redact-email").out
    run = shell.run("share", "demo", "-o", "-", "--no-redact")
    assert "api_key=abcd1234efgh" in run.out
    assert run.err == ""


def test_json_has_every_fact(shell: Shell) -> None:
    hold(shell, "demo", f"Hello {KEY}")
    facts = json.loads(shell.run("share", "demo", "--json").out)
    assert facts == {
        "session": "demo",
        "file": "demo.html",
        "title": "Hello [masked:openai-key]",
        "created": facts["created"],
        "updated": facts["updated"],
        "messages": 1,
        "bytes": (shell.folder / "demo.html").stat().st_size,
        "masked": [{"kind": "openai-key", "event": 2, "count": 1}],
    }


def test_only_what_was_said_until_then_is_shared(shell: Shell) -> None:
    hold(shell, "demo", "one", "two")
    shell.session("demo").append({"role": "user", "content": "three"})  # later than those two
    at = [event["at"] for event in shell.session("demo").events()]
    for until in ("3", at[2]):
        page = shell.run("share", "demo", "-o", "-", "--until", until).out
        assert "<p>two</p>" in page
        assert "three" not in page
    assert shell.run("share", "demo", "--until", "soon").code == 2


def test_a_title_of_ones_own_takes_the_session_s_place(shell: Shell) -> None:
    hold(shell, "demo", "Hello")
    page = shell.run("share", "demo", "-o", "-", "--title", "For <Jo>").out
    assert "<title>For &lt;Jo&gt;</title>" in page


@pytest.mark.parametrize(
    "wrong",
    [[], ["demo", "--all"], ["--all", "--title", "x"], ["--all", "-o", "-"],
     ["demo", "--no-redact", "--redact-email"]],
)  # fmt: skip
def test_options_that_contradict_each_other_are_refused(shell: Shell, wrong: list[str]) -> None:
    hold(shell, "demo", "Hello")
    assert shell.run("share", *wrong).code == 2
    assert not list(shell.folder.glob("*.html"))


def test_a_session_that_is_not_there_ends_with_4_and_makes_nothing(shell: Shell) -> None:
    assert shell.run("share", "nobody").code == 4
    assert not list(shell.folder.iterdir())


def test_a_damaged_log_is_shared_with_one_warning(shell: Shell) -> None:
    hold(shell, "demo", "one", "two", "three")
    log = shell.log("demo")
    log.write_bytes(log.read_bytes().replace(b'"two"', b'"tVo"'))
    run = shell.run("share", "demo")
    assert run.code == 0
    assert run.err.count("eventlog repair demo") == run.err.count("\n") == 1
    assert "<p>three</p>" in read(shell, "demo.html")


def test_all_sessions_get_a_page_and_an_index_the_last_used_first(shell: Shell) -> None:
    for name in ("a", "b", "c"):
        hold(shell, name, f"question of {name}")
    shell.session("a").append({"role": "assistant", "content": KEY})
    run = shell.run("share", "--all")
    assert (run.code, run.err) == (0, "a: masked openai-key in event 3\n")
    assert run.out.startswith("shared/index.html: 3 pages, ")
    index = read(shell, "shared/index.html")
    assert [index.index(f'href="{name}.html"') for name in "acb"] == sorted(
        index.index(f'href="{name}.html"') for name in "acb"
    )
    assert "question of b" in read(shell, "shared/b.html")


def test_a_session_called_index_does_not_take_the_index_s_place(shell: Shell) -> None:
    for name in ("index", "INDEX", "other"):
        hold(shell, name, f"question of {name}")
    assert shell.run("share", "--all").code == 0
    index = read(shell, "shared/index.html")
    for name, file in (
        ("index", "index.3.html"),
        ("INDEX", "INDEX.2.html"),
        ("other", "other.html"),
    ):
        assert f'href="{file}"' in index
        assert f"question of {name}" in read(shell, f"shared/{file}")


def test_ids_that_differ_in_letter_case_only_get_files_that_differ_in_more(shell: Shell) -> None:
    for name in ("demo", "Demo", "demo2"):
        hold(shell, name, f"question of {name}")
    told = json.loads(shell.run("share", "--all", "--json").out)
    files = {page["session"]: page["file"] for page in told}
    assert len({file.casefold() for file in files.values()}) == 3
    for name, file in files.items():
        assert f"question of {name}<" in read(shell, file)
        assert f'href="{Path(file).name}"' in read(shell, "shared/index.html")


def test_an_unreadable_session_is_told_and_does_not_stop_the_rest(shell: Shell) -> None:
    for name in ("a", "b", "c"):
        hold(shell, name, "Hello")
    shell.log("b").write_bytes(made_by_the_future(shell.log("b").read_bytes().split(b"\n")[0]))
    run = shell.run("share", "--all", "-o", "pages")
    assert run.code == 1
    assert run.err.startswith("warning: session b has no page: ")
    assert {path.name for path in (shell.folder / "pages").iterdir()} == {
        "a.html", "c.html", "index.html",
    }  # fmt: skip
    assert "Could not be read" in read(shell, "pages/index.html")


def test_an_index_that_is_there_is_replaced_only_with_force(shell: Shell) -> None:
    hold(shell, "a", "Hello")
    assert shell.run("share", "--all").code == 0
    assert shell.run("share", "--all").code == 1
    assert shell.run("share", "--all", "--force").code == 0


def test_a_reader_that_goes_away_is_no_error_to_be_shown(shell: Shell) -> None:
    hold(shell, "demo", *("Hello " * 2000 for _ in range(20)))
    command = [EVENTLOG, "share", "demo", "-o", "-"]
    process = subprocess.Popen(
        command, cwd=shell.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(30) == 1


def test_sharing_leaves_the_log_as_it_is(shell: Shell) -> None:
    hold(shell, "demo", f"Hello {KEY}")
    before = shell.log("demo").read_bytes()
    shell.run("share", "demo")
    assert shell.log("demo").read_bytes() == before


def test_on_a_terminal_many_pages_show_how_far_they_are(shell: Shell) -> None:
    for number in range(3):
        hold(shell, f"s{number}", "Hello")
    with Terminal(shell, ["share", "--all"]) as terminal:
        terminal.wait_for("/3")
        terminal.wait_for("3 pages")
        assert terminal.end() == 0


def test_the_pages_parts_are_in_the_package() -> None:
    import eventlog.formats.html as package  # noqa: PLC0415

    folder = Path(package.__path__[0])
    assert {path.name for path in folder.iterdir() if path.suffix not in (".py", "")} == {
        "page.html", "page.css", "page.js", "index.html", "index.js",
    }  # fmt: skip


def test_a_folder_that_cannot_be_written_is_named(shell: Shell) -> None:
    hold(shell, "s", "hello")
    (shell.folder / "file").write_text("no folder")
    run = shell.run("share", "s", "-o", "file/page.html")
    assert (run.code, run.out) == (1, "")
    assert "error: cannot write into file: " in run.err
    assert "page.html" not in run.err
