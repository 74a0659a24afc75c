"""Several processes, and processes that are killed: one chain, and every acknowledged event in it once."""

import os
import random
import signal
import time
from collections import Counter
from pathlib import Path

from tests.log.helpers import begin, finish, open_session, run_python, said, say, walk

APPEND_MANY = """
    import sys, time, eventlog
    session = eventlog.open_store(sys.argv[1]).open("s")
    sys.stdin.readline()
    longest = 0
    for i in range(int(sys.argv[3])):
        started = time.monotonic()
        session.append({"role": "user", "content": f"{sys.argv[2]}-{i}"})
        longest = max(longest, time.monotonic() - started)
    print(longest)
"""


def test_two_processes_append_2000_events_each_to_one_chain(tmp_path: Path) -> None:
    log = begin(tmp_path)
    processes = [run_python(APPEND_MANY, tmp_path, name, 2000) for name in "ab"]
    for process in processes:
        assert process.stdin
        process.stdin.write("\n")
        process.stdin.flush()
    assert max(float(finish(process)) for process in processes) < 10  # the limit of a wait
    words = [event["data"]["content"] for event in walk(log)[1:]]
    for name in "ab":
        assert [w for w in words if w[0] == name] == [f"{name}-{i}" for i in range(2000)]
    assert len(words) == 4000
    assert (said(open_session(tmp_path)), open_session(tmp_path).health.where) == (words, ())


UNTIL_KILLED = """
    import sys, eventlog
    session = eventlog.open_store(sys.argv[1]).get_or_create("s")
    for i in range(100000):
        word = f"{sys.argv[2]}-{i}"
        if i % 3:
            session.append({"role": "user", "content": word + "x" * (i % 7) * 1000}, key=word)
        else:
            session.append_many([{"role": "user", "content": word + part} for part in "<>"], key=word)
        print(word, flush=True)
"""


def test_every_acknowledged_event_survives_kill_9_once(tmp_path: Path, rng: random.Random) -> None:
    acknowledged: list[str] = []
    for life in range(10):
        with run_python(UNTIL_KILLED, tmp_path, f"{life}") as process:
            assert process.stdout
            acknowledged.append(process.stdout.readline().strip())
            time.sleep(rng.uniform(0, 0.06))
            process.send_signal(signal.SIGKILL)
            acknowledged += process.stdout.read().split()
    events = list(open_session(tmp_path).events())
    keys = Counter(event["key"] for event in events if "key" in event)
    assert set(keys.values()) == {1}
    assert set(acknowledged) <= set(keys)
    assert len(keys) - len(acknowledged) <= 10  # what each life did and could not say any more
    words = said(open_session(tmp_path))
    assert [w[:-1] for w in words if w[-1] == "<"] == [w[:-1] for w in words if w[-1] == ">"]
    assert open_session(tmp_path).health.ok


KILL_INSIDE = """
    import os, signal, sys
    from pathlib import Path
    from eventlog.backends.jsonl import JsonlBackend
    from eventlog.backends.jsonl.files import Folder
    from eventlog.store import Store

    class Fatal(Folder):
        def write(self, file, data):
            super().write(file, data[: int(sys.argv[2])])
            os.kill(os.getpid(), signal.SIGKILL)

    Store(JsonlBackend(Fatal(Path(sys.argv[1])))).open("s").append_many(
        [{"role": "user", "content": c} for c in "ab"], key="k"
    )
"""


def test_kill_9_inside_a_write_leaves_all_or_nothing_and_a_retry_writes_it_once(
    tmp_path: Path,
) -> None:
    for taken in (0, 1, 150, 200, 375, 390, 10_000):
        folder = tmp_path / f"{taken}"
        begin(folder, "one")
        process = run_python(KILL_INSIDE, folder, taken)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        assert said(open_session(folder)) in (["one"], ["one", "a", "b"])
        batch = [{"role": "user", "content": c} for c in "ab"]
        assert len(open_session(folder).append_many(batch, key="k")) == 2
        say(open_session(folder), "two")
        assert said(open_session(folder)) == ["one", "a", "b", "two"]
        assert open_session(folder).health.ok


def test_a_fork_shares_a_session_and_both_go_on(tmp_path: Path) -> None:
    log = begin(tmp_path, "one")
    session = open_session(tmp_path)
    say(session, "two")
    child = os.fork()
    if child == 0:
        try:
            for i in range(50):
                say(session, f"child {i}")
        finally:
            os._exit(0)
    for i in range(50):
        say(session, f"parent {i}")
    os.waitpid(child, 0)
    assert len(walk(log)) == 103
    assert len(said(session)) == 102
