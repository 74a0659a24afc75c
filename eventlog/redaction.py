"""Mask secrets in text: what looks like one is replaced by a mark that names its kind.

It finds what looks like a key, a token or a password (secret_shapes says how those look), also in
disguise, behind the escapes of Markdown, HTML and JSON. It knows nothing of sessions, pages or files, never
says what a secret was, and asks no server whether one is valid: it masks on sight. What has no shape
that is known, and what no name beside it gives away, it cannot find.

Time grows with the length of the text, and no text can be made to take longer. What was masked is
left alone when it is masked again.
"""

import html
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from eventlog import codec
from eventlog.secret_shapes import CLEAR_NAME, EMAIL, PLACEHOLDER, SECRETS, VAGUE_NAME, Rule

__all__ = ["EMAIL", "MARK", "SECRETS", "Masked", "Rule", "mark", "mask", "mask_value"]

_MOST_PASSES = 8
_LONGEST_DISGUISED = 4_000_000  # characters: looking behind escapes takes memory for each of them


@dataclass(frozen=True, slots=True)
class Masked:
    """A text or JSON value without its secrets, and how many of each kind there were."""

    value: Any
    found: Counter[str]


_FILLING = re.compile(r"data:(?:image|audio|video|font)/[\w.+-]{1,40};base64,[A-Za-z0-9+/=]{64,}+")
_DISGUISE = re.compile(
    r"\\u(?P<json>[0-9A-Fa-f]{4})"
    r"|\\(?=[!-/:-@\[-`{-~])"
    r"|&(?P<entity>#\d{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});"
    r"|[*~`\u00ad\u200b-\u200d\u2060\ufeff]+"
)


def mask(text: str, rules: Sequence[Rule] = SECRETS) -> Masked:
    """Replace each secret in a text by `[masked:kind]`.

    A secret that only shows once the escapes of Markdown, HTML or JSON are resolved is found too,
    but in a text of more than four million characters.
    Pictures and sounds in `data:` URLs are left alone. Takes time in proportion to the text.
    """
    found: Counter[str] = Counter()
    for _ in range(_MOST_PASSES):  # again only where one was found: it may have hidden another
        spans = _spans(text, rules) or _disguised_spans(text, rules)
        if not spans:
            break
        text = _replaced(text, spans, found)
    return Masked(text, found)


def mask_value(value: Any, rules: Sequence[Rule] = SECRETS) -> Masked:
    """Mask every text in a JSON value, names of members included, and JSON that is in a text.

    The value of a member called `password`, `api_key` or the like is masked whatever it looks like.
    The value given is not changed.
    """
    if not rules:
        return Masked(value, Counter())
    found: Counter[str] = Counter()
    return Masked(_masked(value, rules, found), found)


def _masked(value: Any, rules: Sequence[Rule], found: Counter[str]) -> Any:
    if isinstance(value, str):
        return _masked_text(value, rules, found)
    if isinstance(value, list):
        return [_masked(item, rules, found) for item in value]
    if not isinstance(value, dict):
        return value
    masked = {}
    for name, item in value.items():
        if isinstance(item, str) and _gives_away(name, item, rules):
            found["password"] += 1
            masked[name] = mark("password")
        else:
            masked[_masked_text(name, rules, found)] = _masked(item, rules, found)
    return masked


def _masked_text(text: str, rules: Sequence[Rule], found: Counter[str]) -> str:
    if len(text) < 4:  # noqa: PLR2004 - no pattern is shorter
        return text
    masked = mask(text, rules)
    found.update(masked.found)
    text = masked.value
    if text.lstrip()[:1] in ("{", "[") and isinstance(inner := codec.load_json(text), dict | list):
        deeper: Counter[str] = Counter()
        inner = _masked(inner, rules, deeper)
        if deeper:  # only then, as writing JSON anew would change its spaces
            found.update(deeper)
            return codec.dump_json(inner)
    return str(text)


def mark(kind: str) -> str:
    """Return what stands in the place of a secret."""
    return f"[masked:{kind}]"


MARK = re.compile(r"\[masked:[a-z-]{2,40}\]")
"""What `mark` returns."""

_COULD_BE = re.compile(rf"\A{PLACEHOLDER}(?=.{{4}})", re.IGNORECASE | re.DOTALL)


def _gives_away(name: str, value: str, rules: Sequence[Rule]) -> bool:
    """Tell whether a member's name says that its value is a secret."""
    clear, vague = CLEAR_NAME.search(name), VAGUE_NAME.search(name)
    if not (clear or vague) or not _COULD_BE.search(value):
        return False
    if vague and not (len(value) >= 8 and any(map(str.isdigit, value))):  # noqa: PLR2004
        return False
    return any(rule.kind == "password" for rule in rules)


def _spans(text: str, rules: Iterable[Rule]) -> list[tuple[int, int, str]]:
    """Return where secrets are, in order, none within another."""
    lower = text.lower()
    spans: list[tuple[int, int, str]] = []
    for rule in rules:
        for sign in rule.signs:  # quick to look for, and seldom there
            if sign in lower:
                group = "secret" if "secret" in rule.pattern.groupindex else 0
                spans += [(*m.span(group), rule.kind) for m in rule.pattern.finditer(text)]
                break
    if not spans:
        return spans
    taken = [match.span() for match in (*_FILLING.finditer(text), *MARK.finditer(text))]
    return list(_apart(sorted(spans, key=lambda span: (span[0], -span[1])), sorted(taken)))


def _apart(
    spans: list[tuple[int, int, str]], taken: list[tuple[int, int]]
) -> Iterator[tuple[int, int, str]]:
    """Give the spans that touch neither an earlier one nor what is taken already."""
    end = 0
    starts = [start for start, _ in taken]
    for span in spans:
        before = bisect_right(starts, span[1] - 1) - 1
        if span[0] >= end and not (before >= 0 and taken[before][1] > span[0]):
            yield span
            end = span[1]


def _replaced(text: str, spans: list[tuple[int, int, str]], found: Counter[str]) -> str:
    if not spans:
        return text
    pieces, at = [], 0
    for start, end, kind in spans:
        pieces += [text[at:start], mark(kind)]
        at = end
        found[kind] += 1
    return "".join([*pieces, text[at:]])


def _disguised_spans(text: str, rules: Sequence[Rule]) -> list[tuple[int, int, str]]:
    """Find what shows once escapes are resolved, and say where it is in the text as it stands."""
    if not rules or len(text) > _LONGEST_DISGUISED or not _DISGUISE.search(text):
        return []
    pieces: list[str] = []
    plain_at, text_at = [0], [0]  # where a stretch begins, resolved and as it stands
    length = at = 0
    for match in _DISGUISE.finditer(text):
        resolved = _resolved(match)
        pieces += [text[at : match.start()], resolved]
        length += match.start() - at
        plain_at += [length, length + len(resolved)]
        text_at += [match.start(), match.end()]
        length += len(resolved)
        at = match.end()
    plain = "".join([*pieces, text[at:]])

    def stretch(place: int) -> int:
        return bisect_right(plain_at, place) - 1

    def begin(place: int) -> int:
        return text_at[stretch(place)] + place - plain_at[stretch(place)]

    def end(place: int) -> int:  # of the whole escape, where the last character is one
        last = stretch(place - 1)
        return text_at[last + 1] if last % 2 else text_at[last] + place - plain_at[last]

    return [(begin(first), end(last), kind) for first, last, kind in _spans(plain, rules)]


def _resolved(match: re.Match[str]) -> str:
    if match["json"]:
        return chr(int(match["json"], 16))
    return html.unescape(match[0]) if match["entity"] else ""
