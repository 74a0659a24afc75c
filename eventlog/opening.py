"""Open what events keep in blobs, and remember what was not at hand. A backend keeps them."""

from typing import Any

from eventlog.backend import Backend
from eventlog.blobs import MEMBER, Ref, content_of, filled, is_whole
from eventlog.projections.messages import Message
from eventlog.record import RecordedEvent


class Opener:
    """Gives what messages and events keep in blobs, each proven by its hash.

    `lost` has what was asked for and was not there, or was not what it had been.
    """

    def __init__(self, backend: Backend) -> None:
        self.lost: dict[str, Ref] = {}
        self._backend = backend

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
        """Return a message's content as a model may be sent it."""
        return content_of(message, self.get)

    def message(self, message: Message) -> Message:
        """Return a message as it was appended; what is not at hand is a note."""
        if MEMBER not in message:
            return message
        whole = {**message, "content": self.content(message)}
        del whole[MEMBER]
        return whole

    def event(self, event: RecordedEvent) -> RecordedEvent:
        """Return an event as it was appended; what is not at hand stays a ref."""
        if MEMBER not in event["data"] or event["type"] != "message.added":
            return event
        return {**event, "data": filled(event["data"], self.get)}
