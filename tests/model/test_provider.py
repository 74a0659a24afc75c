from pathlib import Path

import pytest

from eventlog import local_model
from eventlog.errors import ModelError
from eventlog.provider import ARK_URL, OPENAI_URL, Provider, choose_provider

KEY = "sk-test-1234567890abcdef"


@pytest.fixture
def no_local_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_model, "model_file", lambda _: None)


@pytest.fixture
def gguf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(local_model, "server_installed", lambda: True)
    file = tmp_path / "tiny.gguf"
    file.write_bytes(b"GGUF")
    return file


def test_openai_key_alone_means_openai_and_its_default_model() -> None:
    provider = choose_provider({"OPENAI_API_KEY": KEY})
    assert provider == Provider("openai", "gpt-4o-mini", OPENAI_URL, KEY)


def test_openai_model_is_read() -> None:
    provider = choose_provider({"OPENAI_API_KEY": KEY, "OPENAI_MODEL": "gpt-5"})
    assert provider.model == "gpt-5"


def test_the_model_given_goes_before_the_variable() -> None:
    environ = {"OPENAI_API_KEY": KEY, "OPENAI_MODEL": "gpt-5"}
    assert choose_provider(environ, model="o3").model == "o3"


def test_a_base_url_alone_means_a_compatible_server_asked_for_its_first_model() -> None:
    provider = choose_provider({"OPENAI_BASE_URL": "http://localhost:11434/v1"})
    assert provider == Provider("compatible", None, "http://localhost:11434/v1")


def test_openais_own_base_url_is_still_openai() -> None:
    environ = {"OPENAI_BASE_URL": "https://api.openai.com/v1/", "OPENAI_API_KEY": KEY}
    assert choose_provider(environ).name == "openai"


def test_azure_takes_endpoint_key_and_deployment() -> None:
    environ = {
        "OPENAI_BY_AZURE": "true",
        "OPENAI_BASE_URL": "https://example.openai.azure.com/",
        "OPENAI_API_KEY": KEY,
        "OPENAI_MODEL": "my-deployment",
    }
    provider = choose_provider(environ)
    assert (provider.name, provider.model) == ("azure", "my-deployment")
    assert provider.api_version == "2024-10-21"
    assert choose_provider({**environ, "OPENAI_BY_AZURE": "1"}).name == "azure"
    assert choose_provider({**environ, "OPENAI_BY_AZURE": "false"}).name == "compatible"


def test_ark_takes_its_own_variables_and_knows_its_address() -> None:
    environ = {
        "MODEL_TYPE": "ark",
        "ARK_API_KEY": KEY,
        "ARK_MODEL": "doubao",
        "OPENAI_API_KEY": "x",
    }
    assert choose_provider(environ) == Provider("ark", "doubao", ARK_URL, KEY)
    environ["ARK_BASE_URL"] = "https://ark.example.com/api/v3"
    assert choose_provider(environ).base_url == "https://ark.example.com/api/v3"


@pytest.mark.parametrize(
    ("environ", "missing"),
    [
        ({"MODEL_TYPE": "ark", "ARK_MODEL": "m"}, "ARK_API_KEY"),
        ({"MODEL_TYPE": "ark", "ARK_API_KEY": KEY}, "ARK_MODEL"),
        ({"OPENAI_BY_AZURE": "1", "OPENAI_API_KEY": KEY}, "OPENAI_BASE_URL"),
        ({"OPENAI_BY_AZURE": "1", "OPENAI_BASE_URL": "https://a.example"}, "OPENAI_MODEL"),
    ],
)
def test_a_missing_setting_is_named(environ: dict[str, str], missing: str) -> None:
    with pytest.raises(ModelError, match=f"so {missing} is needed too"):
        choose_provider(environ)


def test_nothing_configured_lists_every_choice(no_local_model: None) -> None:
    with pytest.raises(ModelError) as caught:
        choose_provider({"OPENAI_API_KEY": "", "OPENAI_BASE_URL": "  "})
    for name in ["OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_BY_AZURE", "ARK_API_KEY"]:
        assert name in caught.value.reason
    assert "EVENTLOG_LOCAL_MODEL" in caught.value.reason
    assert caught.value.retryable is False


def test_the_named_local_model_is_used_when_nothing_else_is_set(gguf: Path) -> None:
    provider = choose_provider({"EVENTLOG_LOCAL_MODEL": str(gguf)})
    assert provider == Provider("embedded", "tiny", file=gguf)


def test_a_local_model_that_is_not_there_is_an_error(gguf: Path) -> None:
    with pytest.raises(ModelError, match="no such file"):
        choose_provider({"EVENTLOG_LOCAL_MODEL": str(gguf) + "x"})


def test_a_local_model_without_its_server_is_an_error(
    gguf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_model, "server_installed", lambda: False)
    with pytest.raises(ModelError, match="xllamacpp"):
        choose_provider({"EVENTLOG_LOCAL_MODEL": str(gguf)})


def test_the_embedded_model_does_not_answer_in_anothers_name(gguf: Path) -> None:
    with pytest.raises(ModelError, match="no provider is configured for the model gpt-5"):
        choose_provider({"EVENTLOG_LOCAL_MODEL": str(gguf)}, model="gpt-5")


def test_the_repr_shows_neither_key_nor_password() -> None:
    provider = Provider("compatible", "m", "https://me:secret@host/v1?token=t", KEY)
    assert KEY not in repr(provider)
    assert "secret" not in repr(provider)
    assert provider.address == "https://host/v1"


@pytest.mark.parametrize("bad", ["sk-schlüssel-123", "sk-one\nsk-two", "sk-one ", "“sk-quoted”"])
def test_a_key_that_cannot_be_one_is_refused_without_showing_it(bad: str) -> None:
    with pytest.raises(ModelError, match="OPENAI_API_KEY holds") as caught:
        choose_provider({"OPENAI_API_KEY": bad})
    assert bad not in str(caught.value)


@pytest.mark.parametrize("bad", ["localhost:11434/v1", "ftp://host/v1", "http://", "http://[::1"])
def test_an_address_that_is_none_is_refused(bad: str) -> None:
    with pytest.raises(ModelError, match="OPENAI_BASE_URL must begin with http"):
        choose_provider({"OPENAI_BASE_URL": bad})
