"""Fork a session: begin a new one with the same past. The original is not touched."""

from collections.abc import Iterator
from typing import Any

from eventlog import codec
from eventlog.backend import START, Backend
from eventlog.chain import Chain
from eventlog.errors import EventLogError, InvalidEventError
from eventlog.generation import Proof, rechain, taken_lines
from eventlog.mending import Taken
from eventlog.reading import feed
from eventlog.session import Session
from eventlog.store import Store, new_header, utc_now


def fork(
    store: Store, session_id: str, *, at: int | None = None, new_id: str | None = None
) -> Session:
    """Begin a new session with the events of another up to event `at`, by default all; return it.

    The copies keep their seq, time and raw data; a `session.forked` event after them names the
    origin, and usage counts from there. If `at` is a message, it is the head: it was the newest.
    Killed meanwhile, there is a new session with no messages, or the whole fork.
    Raises SessionNotFoundError, SessionExistsError, InvalidEventError for a number that is not
    there, and EventLogError for a damaged log: repair it first.
    """
    origin = store.open(session_id)
    version = origin.version if at is None else at
    taken = _taken(store.backend, session_id, version)
    session = store.create(new_id)
    proof = Proof(session.id)
    past = (line for line, seq in taken_lines(store.backend, session_id, taken) if seq > 1)
    with store.backend.rewriting(session.id) as rewriter:
        lines = proof.note(_lines(session.id, session_id, version, past))
        begun = rewriter.replace(0, lines, proof.check_all)
        rewriter.drop_archive(begun)
    return session


def _taken(backend: Backend, session_id: str, version: int) -> Taken:
    """Return the events up to `version` that a reader takes from a healthy log."""
    chain, taken, rest, last = Chain(session_id), Taken(), b"", 0
    for block in backend.read(session_id, START):
        events = [event for event in feed(chain, block) if event["seq"] <= version]
        taken.add(events)
        last = events[-1]["seq"] if events else last
        rest = block.rest
    if chain.settle() or not chain.health(rest).ok:
        raise EventLogError(f"session {session_id} is damaged: eventlog repair {session_id}, first")
    if last != version or not version:
        raise InvalidEventError(f"session {session_id} has no event {version}")
    return taken


def _lines(session_id: str, origin: str, version: int, past: Iterator[bytes]) -> Iterator[bytes]:
    told: dict[str, Any] = {"session": origin, "version": version}
    header = new_header(session_id, origin=told)
    line, first = codec.seal(header, 1, utc_now(), codec.FIRST_PREV)
    yield line
    prev = first
    for line, prev in rechain(past, first):  # noqa: B007 - the last `prev` is used below
        yield line
    forked = codec.encode("session.forked", told)
    yield codec.seal(forked, max(version, 1) + 1, utc_now(), prev)[0]
