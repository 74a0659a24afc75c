"""What a session can go through, each as a function of it: the log must prove every request after."""

import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress

from eventlog.branching import fork
from eventlog.compaction import compact, undo
from eventlog.errors import ModelError
from eventlog.model import Model
from eventlog.repair import repair
from eventlog.session import Session
from eventlog.store import Store, open_store
from eventlog.summarizing import drop_summary, summarize
from eventlog.turn import take_turn
from tests.http import openai_server as fake
from tests.http.openai_server import OpenAIServer
from tests.log.helpers import change_line, log_of

CALL = ("c1", "look", '{"at": "sky"}')
RESULT = {"role": "tool", "tool_call_id": "c1", "content": "blue"}


class World:
    """A session with the server and the model that it talks to."""

    def __init__(self, store: Store, session: Session, server: OpenAIServer, model: Model) -> None:
        self.store, self.session, self.server, self.model = store, session, server, model

    def turn(self, *script: fake.Behaviour, says: str | None = "Hello") -> None:
        """Take a turn, whatever comes of it."""
        self.server.then(*script)
        with suppress(ModelError, KeyboardInterrupt):
            take_turn(self.session, self.model, says)


def plain(world: World) -> None:
    world.session.append({"role": "system", "content": "Be \u202e brief 🙂"})
    world.turn()
    world.turn(says="And now?")


def retries(world: World) -> None:
    world.turn(fake.error(500))
    world.turn(fake.too_many("1"), says=None)
    world.turn(says=None)


def interruptions(world: World) -> None:
    world.turn(fake.cut_after("half an answer", chunks=6))
    world.turn(fake.break_off("a bit", {"message": "no more"}), says="again")
    world.turn(says="and again")


def tool_calls(world: World) -> None:
    world.turn(fake.call_tools(CALL))
    world.session.append(RESULT)
    world.turn(says=None)
    world.turn(fake.call_tools(("c2", "look", '{"cut'), ("c3", "smell", "")))
    world.turn(says="never mind")


def summaries(world: World) -> None:
    for number in range(5):
        world.turn(says=f"question {number}")
    world.server.then(fake.reply("The user asked five things."))
    summarize(world.session, world.model, keep=2)
    world.turn(says="after it")
    drop_summary(world.session)
    world.turn(says="without it")


def branches(world: World) -> None:
    world.turn()
    first = world.session.head
    world.turn(says="one way")
    world.session.move_head(first)
    world.turn(says="another way")
    world.session.move_head(0)
    world.turn(says="from the beginning")


def compaction(world: World) -> None:
    interruptions(world)
    world.session.set_title("one")
    world.session.set_title("two")
    assert compact(world.store, "s").needed
    world.turn(says="after it")
    undo(world.store, "s")
    world.turn(says="and after that")


def repairs(world: World) -> None:
    world.turn()
    world.session.append({"role": "user", "content": "will be lost"})
    folder = world.store.backend.folder.path  # type: ignore[attr-defined]
    change_line(log_of(folder), -1, b"not a line")
    assert repair(world.store, "s").archive
    world.turn(says="after it")


def limits(world: World) -> None:
    for limit in (1, 2, 3):
        take_turn(world.session, world.model, f"with {limit}", limit=limit)
    tool_calls(world)
    take_turn(world.session, world.model, "with 2", limit=2, temperature=0.5)


KILLED = """
import sys
from eventlog.model import Model
from eventlog.provider import Provider
from eventlog.store import open_store
from eventlog.turn import take_turn

def say(delta):
    print(delta.text, end="", flush=True)

place, url = sys.argv[1:]
take_turn(open_store(place).open("s"), Model(Provider("compatible", "m", url)), "go", say=say)
"""


def a_kill_in_mid_answer(world: World) -> None:
    world.server.then(fake.Slow())
    folder = str(world.store.backend.folder.path)  # type: ignore[attr-defined]
    command = [sys.executable, "-c", KILLED, folder, world.server.base_url]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.read(len("tick tick tick "))
        process.kill()
    world.turn(says="go on")
    assert world.session.messages()[1]["content"].startswith("tick")


def two_writers(world: World) -> None:
    """Another process's message lands between a list and the record of its call."""
    other = open_store(world.store.backend.folder.path).open("s")  # type: ignore[attr-defined]
    request = world.session.request

    def late(limit: int | None = None) -> object:
        made = request(limit)
        other.append({"role": "user", "content": "meanwhile"})
        return made

    world.session.request = late  # type: ignore[assignment,method-assign]
    world.turn()
    world.turn(says="again")


def a_fork(world: World) -> None:
    branches(world)
    forked = fork(world.store, "s", at=world.session.version - 4, new_id="t")
    take_turn(forked, world.model, "in the fork")


LIVES: dict[str, Callable[[World], None]] = {
    life.__name__: life
    for life in (
        *(plain, retries, interruptions, tool_calls, summaries, branches, compaction, repairs),
        *(limits, a_kill_in_mid_answer, two_writers, a_fork),
    )
}
