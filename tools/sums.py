"""What was used, added up: by day, week, month, model, tag or session.

Pure: activity goes in, sums come out. Which days a time belongs to is the given zone's to say; no
amount of money is rounded, and two currencies are never added.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Literal

from eventlog.projections.usage import Tokens

if TYPE_CHECKING:
    from eventlog.catalog import Activity

By = Literal["day", "week", "month", "model", "tag", "session"]
Period = Literal["day", "week", "month"]
PERIODS: tuple[Period, ...] = ("day", "week", "month")

Keys = Callable[["Activity"], Sequence[str]]
"""Gives what some activity counts under: nothing, one key, or several."""

Zone = Callable[[datetime], datetime]
"""Gives a time that is in UTC the zone in which days are counted."""

_QUARTER = timedelta(minutes=15)


@dataclass(slots=True)
class Sum:
    """What was used under one key; `sessions` are the ids of those that were used."""

    key: str
    sessions: set[str] = field(default_factory=set)
    messages: int = 0
    tokens: Tokens = field(default_factory=Tokens)

    def take(self, activity: "Activity") -> None:
        """Count some activity."""
        self.sessions.add(activity.session_id)
        self.messages += activity.messages
        self.tokens.add(activity.tokens)

    @property
    def read_and_written(self) -> int:
        """The tokens of all prompts and completions."""
        return self.tokens.prompt_tokens + self.tokens.completion_tokens


def add_up(activities: Iterable["Activity"], keys: Keys) -> tuple[dict[str, Sum], Sum]:
    """Return the sum of each key, and the sum of all, in which nothing counts twice."""
    sums: dict[str, Sum] = {}
    total = Sum("")
    for activity in activities:
        total.take(activity)
        for key in keys(activity):
            sums.setdefault(key, Sum(key)).take(activity)
    return sums, total


def untold(count: int) -> str:
    """Say how many calls the sums of tokens lack, as their provider told none; "" for none."""
    if not count:
        return ""
    one = count == 1
    return f"{count:,} call{'' if one else 's'} did not tell {'its' if one else 'their'} tokens"


def between(
    activities: Iterable["Activity"], since: str | None, until: str | None
) -> Iterator["Activity"]:
    """Give the activity of the quarters of an hour that two UTC times touch, and all between."""
    first = _beginning(since) if since else ""
    for activity in activities:
        begins = f"{activity.quarter}:00.000000Z"
        if activity.quarter >= first and (until is None or begins < until):
            yield activity


def of_models(activities: Iterable["Activity"], models: Sequence[str]) -> Iterator["Activity"]:
    """Leave out the calls of other models than these, each a name or its beginning and a `*`."""
    for activity in activities:
        if not models or not activity.model or any(_fits(activity.model, name) for name in models):
            yield activity


def by_period(period: Period, zone: Zone) -> Keys:
    """Count under the day, the week (as its Monday) or the month (2026-11) of a zone.

    What has no time that can be read counts under "".
    """
    known: dict[str, tuple[str]] = {}

    def keys(activity: "Activity") -> Sequence[str]:
        quarter = activity.quarter
        if quarter not in known:
            known[quarter] = (_key(quarter, period, zone),)
        return known[quarter]

    return keys


def by_model(activity: "Activity") -> Sequence[str]:
    """Count under the model that was asked; messages count under none."""
    return (activity.model,) if activity.model else ()


def by_session(activity: "Activity") -> Sequence[str]:
    """Count under the session's id."""
    return (activity.session_id,)


def by_tag(tags: Mapping[str, Sequence[str]]) -> Keys:
    """Count under each of a session's tags, so that some counts twice; without one, under "".

    Tags are the same whatever their case, and have the spelling that comes first in `tags`.
    """
    spelling: dict[str, str] = {}
    keys: dict[str, Sequence[str]] = {}
    for session_id, names in tags.items():
        shown = [spelling.setdefault(name.casefold(), name) for name in names]
        keys[session_id] = tuple(dict.fromkeys(shown))
    return lambda activity: keys.get(activity.session_id) or ("",)


def following(key: str, period: Period) -> str:
    """Return the key of the period after one."""
    if period == "month":
        return _shown(_day(key) + timedelta(days=31), period)
    return _shown(_day(key) + timedelta(days=7 if period == "week" else 1), period)


def periods_between(first: str, last: str, period: Period) -> int:
    """Count the periods after one and before another."""
    start, end = _day(first), _day(last)
    if period == "month":
        return (end.year - start.year) * 12 + end.month - start.month - 1
    return (end - start).days // (7 if period == "week" else 1) - 1


def _day(key: str) -> date:
    return date.fromisoformat(key if len(key) > len("2026-11") else f"{key}-01")


def _key(quarter: str, period: Period, zone: Zone) -> str:
    try:
        day = zone(datetime.fromisoformat(quarter).replace(tzinfo=UTC)).date()
    except (ValueError, OverflowError):
        return ""
    return _shown(day - timedelta(days=day.weekday()) if period == "week" else day, period)


def _shown(day: date, period: Period) -> str:
    return day.isoformat()[: len("2026-11")] if period == "month" else day.isoformat()


def _beginning(at: str) -> str:
    """Return the quarter of an hour in which a time lies."""
    moment = datetime.fromisoformat(at)
    into = timedelta(minutes=moment.minute, seconds=moment.second, microseconds=moment.microsecond)
    return (moment - into % _QUARTER).isoformat()[: len("2026-11-22T10:15")]


def _fits(model: str, name: str) -> bool:
    folded, wanted = model.casefold(), name.casefold()
    return folded.startswith(wanted[:-1]) if wanted.endswith("*") else folded == wanted
