"""Why a model call failed, as a sentence with the next step in it.

The one place that knows the exceptions of the `openai` client and the error bodies of the servers
that speak its API. It never lets the API key through, nor the parts of it that servers echo.
"""

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeVar

from eventlog.errors import ModelError
from eventlog.provider import Provider

if TYPE_CHECKING:
    import openai

T = TypeVar("T")

_SAID_LIMIT = 300
_KEY_WINDOW = 6  # so many characters in a row of the key are taken for a part of it
_KEY_LIKE = re.compile(r"\bsk-[\w*.…-]+|\S*\*{3,}\S*")
_CONTEXT_CODES = {"context_length_exceeded", "exceed_context_size_error"}
_CONTEXT_WORDS = re.compile(
    r"context (length|size|window)|maximum context|prompt is too long", re.IGNORECASE
)
_CONTEXT_STATUS = {400, 413, 422, 500}
_SERVER_FAULT = 500
_RETRYABLE = {408, 409, 425, 429}


def explained(action: Callable[[], T], provider: Provider) -> T:
    """Do `action`; what the client raises becomes a ModelError, to which nothing is chained.

    A TypeError passes: it is the caller's mistake, such as a parameter that does not exist.
    """
    try:
        return action()
    except TypeError:
        raise
    except Exception as error:  # noqa: BLE001 - the client lets its transport's errors through
        caught = error
    # Out here, so that the original, which may hold the key, is the context of nothing.
    raise explain(caught, provider)


def explain(error: Exception, provider: Provider) -> ModelError:
    """Return the ModelError that says what `error`, raised by the client, means for the user."""
    import openai  # noqa: PLC0415 - it takes half a second

    if _is_cut(error) or _is_cut(error.__cause__):
        return cut(provider)
    match error:
        case openai.APITimeoutError():
            reason = f"{provider.address} did not answer in time: try again later"
            return ModelError(reason, retryable=True)
        case openai.APIConnectionError():
            return _explain_connection(error, provider)
        case openai.APIStatusError():
            return _explain_status(error, provider)
        case openai.APIError():
            return _explain_reported(error, provider)
        case _:
            said = mask(f"{type(error).__name__}: {error}", provider.api_key)
            reason = f"what {provider.address} sent cannot be read as a reply ({said})"
            return ModelError(reason, retryable=False)


def cut(provider: Provider) -> ModelError:
    """Return the error for a reply that ended before its end."""
    reason = f"{provider.address} broke off in the middle of the reply: try again"
    return ModelError(reason, retryable=True)


def nothing_sent(provider: Provider) -> ModelError:
    """Return the error for an answer without a single event."""
    reason = (
        f"{provider.address} answered, but with no reply in it: check that {provider.url_variable} "
        "is the address of an OpenAI-compatible API (most end in /v1), or try again"
    )
    return ModelError(reason, retryable=True)


def mask(text: str, api_key: str | None) -> str:
    """Return `text` as one short line, without control characters, the key, or parts of it."""
    text = "".join(c if c.isprintable() else " " for c in text)
    text = _KEY_LIKE.sub("[key]", _without(api_key or "", text))
    text = " ".join(text.split())
    return text if len(text) <= _SAID_LIMIT else text[:_SAID_LIMIT] + " …"


def _without(key: str, text: str) -> str:
    """Replace every run of `text` that is also in `key`, unless it is a short one."""
    width = min(_KEY_WINDOW, len(key))
    if not width:
        return text
    shared = {key[i : i + width] for i in range(len(key) - width + 1)}
    hidden = [False] * len(text)
    for i in range(len(text) - width + 1):
        if text[i : i + width] in shared:
            hidden[i : i + width] = [True] * width
    marked = "".join("\0" if hide else c for c, hide in zip(text, hidden, strict=True))
    return re.sub("\0+", "[key]", marked)


def _is_cut(error: BaseException | None) -> bool:
    """Whether the transport (httpx or httpx2, by the client's version) lost its connection."""
    return type(error).__name__ in {"RemoteProtocolError", "ReadError"}


def _explain_connection(error: "openai.APIConnectionError", provider: Provider) -> ModelError:
    said = mask(str(error.__cause__ or error), provider.api_key)
    check = "" if provider.name == "embedded" else f", and is {provider.url_variable} right"
    reason = f"cannot connect to {provider.address} ({said}): is it running{check}?"
    return ModelError(reason, retryable=True)


def _explain_status(error: "openai.APIStatusError", provider: Provider) -> ModelError:
    status = error.status_code
    if _is_context(error):
        reason = _too_long(error, provider)
    elif _is_out_of_credit(error):
        reason = f"the account has no credit left ({status}){_said(error, provider)}: see to it"
    else:
        reason = _status_reason(error, provider)
    retryable = _may_pass(status) and not _is_context(error) and not _is_out_of_credit(error)
    too_long = _is_context(error)
    return ModelError(reason, retryable=retryable, status=status, too_long=too_long)


def _status_reason(error: "openai.APIStatusError", provider: Provider) -> str:
    said = _said(error, provider)
    match error.status_code:
        case 401:  # not quoted: servers echo parts of the key here
            reason = f"the provider refused the API key (401): check {provider.key_variable}"
        case 403:
            reason = f"the provider does not allow this (403){said}: check what the key may do"
        case 404:
            reason = (
                f"{provider.address} has no model {provider.model}, or is not the address of the "
                f"API (404){said}: check {provider.model_variable} and {provider.url_variable}"
            )
        case 429:
            reason = f"too many requests (429){said}: {_wait(error)}"
        case status if _may_pass(status):
            reason = f"the provider failed ({status}){said}: try again later"
        case status:
            reason = f"the provider did not accept the request ({status}){said}"
    return reason


def _explain_reported(error: "openai.APIError", provider: Provider) -> ModelError:
    """Explain an error that came as an event in the middle of the stream."""
    if _is_context(error):
        return ModelError(_too_long(error, provider), retryable=False, too_long=True)
    code = str(error.code or "")  # some versions of the client leave a number as it came
    retryable = _may_pass(int(code)) if code.isdecimal() else not _is_out_of_credit(error)
    reason = f"the provider broke off in the middle of the reply{_said(error, provider)}"
    return ModelError(f"{reason}: try again" if retryable else reason, retryable=retryable)


def _too_long(error: "openai.APIError", provider: Provider) -> str:
    return (
        f"the conversation is longer than the model's context{_said(error, provider)}: "
        "send fewer messages, begin a new session, or choose a model with a longer context"
    )


def _may_pass(status: int) -> bool:
    return status in _RETRYABLE or status >= _SERVER_FAULT


def _is_context(error: "openai.APIError") -> bool:
    if getattr(error, "status_code", 400) not in _CONTEXT_STATUS:
        return False
    named = bool(_CONTEXT_CODES & {error.code, error.type})
    return named or bool(_CONTEXT_WORDS.search(_message(error)))


def _is_out_of_credit(error: "openai.APIError") -> bool:
    return "insufficient_quota" in (error.code, error.type)


def _wait(error: "openai.APIStatusError") -> str:
    after = error.response.headers.get("retry-after", "")
    return f"try again in {after} s" if after.isdecimal() else "try again later"


def _said(error: "openai.APIError", provider: Provider) -> str:
    said = mask(_message(error), provider.api_key)
    return f": {said}" if said and not said.startswith("<") else ""  # "<": a proxy's web page


def _message(error: "openai.APIError") -> str:
    """Find the server's own words in any of the shapes that servers use."""
    body = error.body
    if isinstance(body, Mapping):
        body = body.get("message") or body.get("detail") or ""
    return body if isinstance(body, str) else ""
