"""The page itself: what was told and drawn, put into the template with its style and its script.

A policy in the page lets nothing load and nothing run but that style and that script. They carry a
nonce that is a digest of all the page shows, so nothing in a log can know it; and the same log
always gives the same page.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from string import Template

from eventlog import codec
from eventlog.projections.usage import Tokens
from eventlog.version import __version__

from .markdown import plain
from .picture import picture_html
from .story import Finding, Step, Story
from .turns import day, note_html, turn_html

_WHAT = {
    "session.created": "the beginning",
    "message.added": "a message",
    "model.failed": "a call that failed",
    "title.set": "a title",
    "metadata.set": "a note",
    "head.moved": "back to an earlier message",
    "context.summarized": "a summary",
    "summary.dropped": "a summary dropped",
    "content.erased": "an erasure",
    "session.forked": "a fork",
    "log.repaired": "a repair",
}
_LISTED = 30  # events named for each kind of secret


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the index: where its page is, or why there is none."""

    href: str
    title: str
    created: str
    updated: str
    messages: int
    problem: str | None = None


def page(story: Story, title: str | None = None) -> str:
    """Return a story as one HTML document, titled as the session is if no other title is given."""
    named = title or story.summary.title
    shown = {
        "title": plain(named),
        "facts": _facts(story),
        "picture": picture_html(story),
        "talk": _talk(story),
        "slider": _slider(story.steps),
        "usage": _usage(story),
        "masked": _masked(story.masked),
        "session": plain(story.session_id),
    }
    return _filled("page", shown)


def index(entries: Iterable[Entry]) -> str:
    """Return a list of pages as one HTML document, in the order given."""
    rows = [_row(entry) for entry in entries]
    count = f"{len(rows)} conversation{'s' * (len(rows) != 1)}"
    return _filled("index", {"title": "Conversations", "count": count, "rows": "".join(rows)})


def _filled(name: str, shown: dict[str, str]) -> str:
    nonce = codec.digest(shown)
    fixed = {"nonce": nonce, "version": plain(__version__), "css": _data("page.css")}
    return Template(_data(f"{name}.html")).substitute(shown, script=_data(f"{name}.js"), **fixed)


@cache
def _data(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8").rstrip("\n")


def _talk(story: Story) -> str:
    """Return turns and notes in the order of the log, with the days between them."""
    own = {seq for branch in story.branches if story.head in branch for seq in branch}
    if story.head:
        own = {seq for seq in own if seq <= story.head}
    shown = [
        (turn.seq, turn.at, turn_html(turn, on_branch=turn.seq in own)) for turn in story.turns
    ]
    shown += [(note.seq, note.at, note_html(note)) for note in story.notes]
    pieces, today = [], ""
    for _, at, html in sorted(shown):
        if (date := day(at)) != today:
            pieces.append(f'<p class="day">{date}</p>\n')
            today = date
        pieces.append(html)
    return "".join(pieces) or '<p class="none">Nothing was said.</p>\n'


def _facts(story: Story) -> str:
    count = len(story.turns)
    facts = [
        _days(story),
        f"{count:,} message{'s' * (count != 1)}",
        f"{len(story.branches)} branches" if len(story.branches) > 1 else "",
        *map(plain, sorted(story.usage.models)),
    ]
    return "".join(f"<li><bdi>{fact}</bdi></li>" for fact in facts if fact)


def _days(story: Story) -> str:
    first, last = day(story.summary.created), day(story.summary.updated)
    return first if first == last else f"{first} to {last}"


def _slider(steps: tuple[Step, ...]) -> str:
    """Return the slider, with what it needs to know of each place: seq, head, Unix time, kind."""
    kinds = list(_WHAT)
    places = [[step.seq, step.head, _seconds(step.at), kinds.index(step.what)] for step in steps]
    last = max(len(places) - 1, 0)
    return (
        f'<input id="time" type="range" min="0" max="{last}" value="{last}" step="1"'
        ' aria-label="The conversation as of an event"'
        f' data-steps="{plain(codec.dump_json(places))}"'
        f' data-kinds="{plain(codec.dump_json(list(_WHAT.values())))}">'
    )


def _seconds(at: str) -> int:
    try:
        return int(datetime.fromisoformat(at).astimezone(UTC).timestamp())
    except (ValueError, OverflowError):
        return 0


def _usage(story: Story) -> str:
    models = story.usage.models
    rows = [_counts(name, tokens) for name, tokens in sorted(models.items())]
    if len(rows) > 1:
        rows.append(_counts("All", story.usage.total))
    if not rows:
        return ""
    priced = any(tokens.cost for tokens in models.values())
    heads = ("Model", "Calls", "Failed", "Tokens in", "Tokens out", *(["Cost"] if priced else []))
    columns = "".join(f'<th scope="col">{head}</th>' for head in heads)
    untold = story.usage.total.untold
    lacking = f"<p>Calls that did not tell their tokens: {untold:,}</p>" if untold else ""
    return (
        '<section class="usage" aria-labelledby="usage"><h2 id="usage">Usage</h2>'
        '<div class="wide" tabindex="0"><table><thead><tr>'
        f"{columns}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>{lacking}</section>\n"
    )


def _counts(name: str, tokens: Tokens) -> str:
    numbers = (tokens.calls, tokens.failed, tokens.prompt_tokens, tokens.completion_tokens)
    cost = ", ".join(f"{amount} {currency}" for currency, amount in sorted(tokens.cost.items()))
    cells = "".join(f"<td>{number:,}</td>" for number in numbers)
    paid = f"<td>{plain(cost)}</td>" if cost else ""
    return f'<tr><th scope="row"><bdi>{plain(name)}</bdi></th>{cells}{paid}</tr>'


def _masked(found: tuple[Finding, ...]) -> str:
    if not found:
        return ""
    counts: Counter[str] = Counter()
    events: defaultdict[str, list[int]] = defaultdict(list)
    for finding in found:
        counts[finding.kind] += finding.count
        events[finding.kind].append(finding.event)
    rows = "".join(
        f"<li><b>{plain(kind)}</b> {_times(count)} in {_places(events[kind])}</li>"
        for kind, count in sorted(counts.items())
    )
    return (
        '<section class="secrets" aria-labelledby="secrets"><h2 id="secrets">Masked</h2>'
        f"<p>What looked like a secret was replaced before this page was made.</p><ul>{rows}</ul></section>\n"
    )


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"


def _places(seqs: list[int]) -> str:
    named = ", ".join(f'<a href="#e{seq}">{seq}</a>' for seq in seqs[:_LISTED])
    left = len(seqs) - _LISTED
    return f"event{'s' * (len(seqs) > 1)} {named}" + (f" and {left} more" if left > 0 else "")


def _row(entry: Entry) -> str:
    title = f"<bdi>{plain(entry.title)}</bdi>"
    if entry.problem:
        rest = f'<span class="facts">Could not be read: {plain(entry.problem)}</span>'
        return f'<li class="entry broken">{title}{rest}</li>\n'
    count = f"{entry.messages:,} message{'s' * (entry.messages != 1)}"
    facts = " · ".join(filter(None, (day(entry.updated), count)))
    link = f'<a href="{plain(entry.href)}">{title}</a>'
    return f'<li class="entry">{link}<span class="facts">{facts}</span></li>\n'
