"""Open what events keep in blobs, and remember what was not at hand. A backend keeps them."""

import sys
from typing import Any

from eventlog.backend import Backend
from eventlog.blobs import MEMBER, Ref, filled, is_whole, noted, put_back
from eventlog.projections.messages import Message
from eventlog.record import RecordedEvent

HELD = 64 << 20
"""How many bytes of what was opened for a model are held for the next request, which repeats it."""


class Opener:
    """Gives what messages and events keep in blobs, each proven by its hash.

    `lost` has what was asked for and was not there, or was not what it had been.
    """

    def __init__(self, backend: Backend) -> None:
        self.lost: dict[str, Ref] = {}
        self._backend = backend
        self._held: dict[tuple[str, str | None], str] = {}
        self._room = HELD

    def anew(self) -> "Opener":
        """Return another one, that has asked for nothing yet."""
        return Opener(self._backend)

    def get(self, ref: Ref) -> bytes | None:
        """Return what a ref stands for; None, and remembered, where that is not at hand."""
        blob = self._backend.blob(ref.sha256)
        if blob is not None and is_whole(ref.sha256, blob):
            self.lost.pop(ref.sha256, None)
            return blob
        self.lost[ref.sha256] = ref
        return None

    def content(self, message: Message) -> Any:
        """Return a message's content as a model may be sent it.

        What was read and proven once may be held for the next time, the first to come first.
        """
        return noted(put_back(message, self._held_text))

    def message(self, message: Message) -> Message:
        """Return a message as it was appended; what is not at hand is a note."""
        if MEMBER not in message:
            return message
        whole = {**message, "content": noted(put_back(message, self._text))}
        del whole[MEMBER]
        return whole

    def said(self, message: Message) -> Message:
        """Return a message with its words, or a note, in their places; media stay, and are not read."""
        return put_back(message, lambda ref: self._words(ref, ref.note))

    def words(self, event: RecordedEvent) -> RecordedEvent:
        """Return an event with what was said in its place, and nothing for what is not at hand.

        Media stay refs, and are not read.
        """
        if MEMBER not in event["data"] or event["type"] != "message.added":
            return event
        return {**event, "data": put_back(event["data"], lambda ref: self._words(ref, ""))}

    def _words(self, ref: Ref, otherwise: str) -> str | None:
        if not ref.is_words:
            return None
        text = self._text(ref)
        return otherwise if text is None else text

    def _text(self, ref: Ref) -> str | None:
        blob = self.get(ref)
        return None if blob is None else ref.text(blob)

    def _held_text(self, ref: Ref) -> str | None:
        held = self._held.get((ref.sha256, ref.prefix))
        if held is not None:
            return held
        text = self._text(ref)
        if text is not None and (size := sys.getsizeof(text)) <= self._room:
            self._held[ref.sha256, ref.prefix] = text
            self._room -= size
        return text

    def event(self, event: RecordedEvent) -> RecordedEvent:
        """Return an event as it was appended; what is not at hand stays a ref."""
        if MEMBER not in event["data"] or event["type"] != "message.added":
            return event
        return {**event, "data": filled(event["data"], self.get)}

    def told(self, event: RecordedEvent) -> RecordedEvent:
        """Return an event as it was appended; what is not at hand is a note."""
        if MEMBER not in event["data"] or event["type"] != "message.added":
            return event
        return {**event, "data": self.message(event["data"])}
