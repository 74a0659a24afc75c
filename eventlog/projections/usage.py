"""What the model calls of a session used, as the providers counted it. A pure fold.

Every call is counted once, where its reply or its failure was recorded, on all branches: what was
spent was spent.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from eventlog.projection import Projection
from eventlog.record import RecordedEvent


@dataclass(slots=True)
class Tokens:
    """Counts for one model: calls begun, calls that failed, and tokens."""

    calls: int = 0
    failed: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0


@dataclass(slots=True)
class Usage:
    """Counts by model, under the name that was asked for.

    `inherited` is what was used before this session was forked off another, which counts it.
    """

    models: dict[str, Tokens] = field(default_factory=dict)
    calls: dict[int, str] = field(default_factory=dict)  # model.called -> model
    inherited: dict[str, Tokens] = field(default_factory=dict)

    @property
    def total(self) -> Tokens:
        """The sum over all models."""
        return _sum(self.models.values())

    def of(self, call: int | None, model: str | None) -> Tokens:
        """Return the counts that a call belongs to."""
        name = self.calls.get(call or 0) or model or "unknown"
        return self.models.setdefault(name, Tokens())


def _sum(counts: Iterable[Tokens]) -> Tokens:
    total = Tokens()
    for tokens in counts:
        for name, value in asdict(tokens).items():
            setattr(total, name, getattr(total, name) + value)
    return total


def _apply(usage: Usage, event: RecordedEvent) -> Usage:
    kind, data = event["type"], event["data"]
    if kind == "message.added":
        if data.get("usage"):
            _count(usage.of(data.get("call"), data.get("model")), data["usage"])
    elif kind == "model.called":
        usage.calls[event["seq"]] = data["model"]
        usage.of(event["seq"], None).calls += 1
    elif kind == "model.failed":
        usage.of(data.get("call"), None).failed += 1
    elif kind == "session.forked":
        for name, tokens in usage.models.items():
            usage.inherited[name] = _sum([usage.inherited.get(name, Tokens()), tokens])
        usage.models = {}
    elif kind == "context.summarized" and data.get("usage"):
        _count(usage.of(None, data.get("model")), data["usage"])
    return usage


def _count(tokens: Tokens, used: dict[str, Any]) -> None:
    tokens.prompt_tokens += _number(used, "prompt_tokens")
    tokens.completion_tokens += _number(used, "completion_tokens")
    tokens.cached_tokens += _number(used.get("prompt_tokens_details"), "cached_tokens")
    tokens.reasoning_tokens += _number(used.get("completion_tokens_details"), "reasoning_tokens")


def _number(used: Any, name: str) -> int:
    value = used.get(name) if isinstance(used, dict) else None
    return value if isinstance(value, int) else 0


USAGE: Projection[Usage] = Projection("usage", 1, Usage, _apply)
