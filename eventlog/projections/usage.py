"""What the model calls of a session used and cost, as it was recorded with them. A pure fold.

Every call is counted once, where its reply or its failure was recorded, on all branches: what was
spent was spent. No price is known here: a cost is what was recorded when the call was made.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from decimal import Decimal
from typing import Any

from eventlog.money import CURRENCY, amount_of, sum_of, text_of
from eventlog.projection import Projection
from eventlog.record import RecordedEvent


@dataclass(slots=True)
class Tokens:
    """Counts for one model: calls begun, calls that failed, tokens, and cost by currency.

    `untold` counts the calls whose tokens nobody told, which the sums of tokens therefore lack. The
    cost is an exact decimal number as text, of the calls whose cost was recorded.
    """

    calls: int = 0
    failed: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    untold: int = 0
    cost: dict[str, str] = field(default_factory=dict)

    def add(self, other: "Tokens") -> None:
        """Count another's too."""
        for name in _COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for currency, amount in other.cost.items():
            self.add_cost(currency, amount)

    def add_cost(self, currency: str, amount: str) -> None:
        """Add an amount to what was paid in a currency."""
        self.cost[currency] = sum_of(self.cost.get(currency, "0"), amount)


_COUNTS = tuple(each.name for each in fields(Tokens) if each.name != "cost")

_PROVIDERS_CURRENCY = "USD"  # of a cost that is a bare number, as OpenRouter tells it


@dataclass(slots=True)
class Usage:
    """Counts by model, under the name that was asked for.

    `inherited` is what was used before this session was forked off another, which counts it.
    `waiting` are the calls that have not told their tokens.
    """

    models: dict[str, Tokens] = field(default_factory=dict)
    calls: dict[int, str] = field(default_factory=dict)  # model.called -> model
    inherited: dict[str, Tokens] = field(default_factory=dict)
    waiting: set[int] = field(default_factory=set)

    @property
    def total(self) -> Tokens:
        """The sum over all models."""
        return _sum(self.models.values())

    def of(self, call: int | None, model: Any) -> Tokens:
        """Return the counts that a call belongs to; `model` is who answered, if that is recorded."""
        told = model if isinstance(model, str) else None
        name = self.calls.get(call or 0) or told or "unknown"
        return self.models.setdefault(name, Tokens())


def _sum(counts: Iterable[Tokens]) -> Tokens:
    total = Tokens()
    for tokens in counts:
        total.add(tokens)
    return total


def _apply(usage: Usage, event: RecordedEvent) -> Usage:
    kind, data = event["type"], event["data"]
    if kind == "message.added":
        if data.get("usage"):
            _count(usage.of(data.get("call"), data.get("model")), data["usage"])
            _settle(usage, data)
    elif kind == "model.called":
        _begin(usage, event["seq"], data["model"])
    elif kind == "model.failed":
        tokens = usage.of(data.get("call"), None)
        tokens.failed += 1
        _count(tokens, data.get("usage"))
        _settle(usage, data)
    elif kind == "session.forked":
        for name, tokens in usage.models.items():
            usage.inherited[name] = _sum([usage.inherited.get(name, Tokens()), tokens])
        usage.models, usage.waiting = {}, set()
    elif kind in ("context.summarized", "title.set") and data.get("usage"):
        _count(usage.of(None, data.get("model")), data["usage"])
    return usage


def _begin(usage: Usage, call: int, model: str) -> None:
    usage.calls[call] = model
    usage.waiting.add(call)
    tokens = usage.of(call, None)
    tokens.calls += 1
    tokens.untold += 1


def _settle(usage: Usage, data: dict[str, Any]) -> None:
    """Note that a call told its tokens, if it did so in this reply or failure."""
    if _tells(data.get("usage")) and data.get("call") in usage.waiting:
        usage.waiting.remove(data["call"])
        usage.of(data["call"], None).untold -= 1


def _tells(used: Any) -> bool:
    counts = ("prompt_tokens", "completion_tokens")
    return isinstance(used, dict) and any(isinstance(used.get(name), int) for name in counts)


def _count(tokens: Tokens, used: Any) -> None:
    if not isinstance(used, dict):
        return
    tokens.prompt_tokens += _number(used, "prompt_tokens")
    tokens.completion_tokens += _number(used, "completion_tokens")
    tokens.cached_tokens += _number(used.get("prompt_tokens_details"), "cached_tokens")
    tokens.reasoning_tokens += _number(used.get("completion_tokens_details"), "reasoning_tokens")
    currency, amount = _cost(used.get("cost"))
    if amount is not None:
        tokens.add_cost(currency, text_of(amount))


def _cost(told: Any) -> tuple[str, Decimal | None]:
    """Read a cost as we record it, or as the bare number that a provider told."""
    if not isinstance(told, dict):
        return _PROVIDERS_CURRENCY, None if isinstance(told, str) else amount_of(told)
    currency = told.get("currency")
    if not isinstance(currency, str) or not CURRENCY.fullmatch(currency):
        return _PROVIDERS_CURRENCY, None
    return currency, amount_of(told.get("amount"))


def _number(used: Any, name: str) -> int:
    value = used.get(name) if isinstance(used, dict) else None
    return value if isinstance(value, int) else 0


USAGE: Projection[Usage] = Projection("usage", 3, Usage, _apply)
