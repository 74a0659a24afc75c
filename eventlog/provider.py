"""Which server answers: read once from the environment, then a plain value.

It knows the variables people set for OpenAI, Azure, Volcengine Ark and servers that speak the same
API. It opens no connection, and it reads no `os.environ` by itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from eventlog import local_model
from eventlog.errors import ModelError

ProviderName = Literal["openai", "azure", "ark", "compatible", "embedded"]

OPENAI_URL = "https://api.openai.com/v1"
OPENAI_MODEL = "gpt-4o-mini"
ARK_URL = "https://ark.cn-beijing.volces.com/api/v3"
AZURE_API_VERSION = "2024-10-21"

CHOICES = """\
choose one of these:
  OpenAI          OPENAI_API_KEY (and OPENAI_MODEL, else gpt-4o-mini)
  a server of     OPENAI_BASE_URL, such as http://localhost:11434/v1 for Ollama; llama.cpp, vLLM and
    its API         others too (and OPENAI_MODEL, else its first; OPENAI_API_KEY, if it wants one)
  Azure           OPENAI_BY_AZURE=true with OPENAI_BASE_URL, OPENAI_API_KEY, OPENAI_MODEL
                    (the deployment; and OPENAI_API_VERSION, else 2024-10-21)
  Volcengine Ark  MODEL_TYPE=ark with ARK_API_KEY, ARK_MODEL (and ARK_BASE_URL)
  this machine    `make model` installs a small model;
                    EVENTLOG_LOCAL_MODEL names another GGUF file"""


@dataclass(frozen=True)
class Provider:
    """Where to ask, for which model, and with which key; the key is never part of its repr.

    `model` is None where the server is to be asked for its first. The embedded model has a `file`,
    the GGUF, in place of a `base_url`. `api_version` is Azure's.

    Raises:
        ModelError: the key or the address cannot be right; the error does not show the key.
    """

    name: ProviderName
    model: str | None
    base_url: str | None = field(default=None, repr=False)  # may hold a password: see `address`
    api_key: str | None = field(default=None, repr=False)
    api_version: str | None = None
    file: Path | None = None

    def __post_init__(self) -> None:
        if self.api_key and not _can_be_a_header(self.api_key):
            raise ModelError(
                f"{self.key_variable} holds a space, a line break or a character that is not "
                "ASCII, which no API key has: set it again",
                retryable=False,
            )
        if self.name != "embedded" and not _is_http(self.base_url or ""):
            raise ModelError(
                f"{self.url_variable} must begin with http:// or https:// and name a host",
                retryable=False,
            )

    @property
    def address(self) -> str:
        """The base URL as it may be shown: without user, password and query."""
        if self.base_url is None:
            return "the embedded model"
        parts = urlsplit(self.base_url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"

    @property
    def is_loopback(self) -> bool:
        """Whether the server is on this machine, where no proxy can reach it."""
        host = _host(self.base_url or "")
        return host in {"localhost", "::1"} or host.startswith("127.")

    @property
    def key_variable(self) -> str:
        """The environment variable that holds the key."""
        return "ARK_API_KEY" if self.name == "ark" else "OPENAI_API_KEY"

    @property
    def model_variable(self) -> str:
        """The environment variable that names the model."""
        return "ARK_MODEL" if self.name == "ark" else "OPENAI_MODEL"

    @property
    def url_variable(self) -> str:
        """The environment variable that holds the address."""
        return "ARK_BASE_URL" if self.name == "ark" else "OPENAI_BASE_URL"


def choose_provider(environ: Mapping[str, str], *, model: str | None = None) -> Provider:
    """Choose by what is set in `environ`; `model` goes before the variable that names one.

    The first that fits: Ark (MODEL_TYPE=ark), Azure (OPENAI_BY_AZURE), OpenAI or a compatible
    server (OPENAI_API_KEY, OPENAI_BASE_URL), the embedded model. An empty variable is unset.

    Raises:
        ModelError: nothing is configured, or something that the choice needs is missing; the text
            lists what to set.
    """
    settings = {name: value for name, value in environ.items() if value.strip()}
    if settings.get("MODEL_TYPE", "").strip().lower() == "ark":
        return _ark(settings, model)
    if settings.get("OPENAI_BY_AZURE", "").strip().lower() in {"true", "1", "yes"}:
        return _azure(settings, model)
    if "OPENAI_API_KEY" in settings or "OPENAI_BASE_URL" in settings:
        return _openai(settings, model)
    return _embedded(settings, model)


def _ark(settings: Mapping[str, str], model: str | None) -> Provider:
    return Provider(
        name="ark",
        model=model or _needed(settings, "ARK_MODEL", "MODEL_TYPE=ark"),
        base_url=settings.get("ARK_BASE_URL", ARK_URL).strip(),
        api_key=_needed(settings, "ARK_API_KEY", "MODEL_TYPE=ark"),
    )


def _azure(settings: Mapping[str, str], model: str | None) -> Provider:
    base_url = _needed(settings, "OPENAI_BASE_URL", "OPENAI_BY_AZURE").strip().rstrip("/")
    return Provider(
        name="azure",
        model=model or _needed(settings, "OPENAI_MODEL", "OPENAI_BY_AZURE"),
        base_url=base_url,
        api_key=_needed(settings, "OPENAI_API_KEY", "OPENAI_BY_AZURE"),
        api_version=settings.get("OPENAI_API_VERSION", AZURE_API_VERSION).strip(),
    )


def _openai(settings: Mapping[str, str], model: str | None) -> Provider:
    base_url = settings.get("OPENAI_BASE_URL", OPENAI_URL).strip()
    theirs = _host(base_url) == _host(OPENAI_URL)
    return Provider(
        name="openai" if theirs else "compatible",
        model=model or settings.get("OPENAI_MODEL") or (OPENAI_MODEL if theirs else None),
        base_url=base_url,
        api_key=settings.get("OPENAI_API_KEY"),
    )


def _embedded(settings: Mapping[str, str], model: str | None) -> Provider:
    file = local_model.model_file(settings)
    if file is None:
        raise ModelError(f"no model is configured: {CHOICES}", retryable=False)
    if model not in {None, file.stem}:
        raise ModelError(
            f"no provider is configured for the model {model}: {CHOICES}", retryable=False
        )
    return Provider(name="embedded", model=file.stem, file=file)


def _needed(settings: Mapping[str, str], name: str, by: str) -> str:
    if name in settings:
        return settings[name]
    raise ModelError(f"{by} is set, so {name} is needed too: set it, or {CHOICES}", retryable=False)


def _can_be_a_header(key: str) -> bool:
    return key.isascii() and key.isprintable() and " " not in key


def _is_http(url: str) -> bool:
    return url.lower().startswith(("http://", "https://")) and bool(_host(url))


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:  # an unclosed [ of an IPv6 address
        return ""
