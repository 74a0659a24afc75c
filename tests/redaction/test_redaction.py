"""What looks like a secret is masked, in any disguise; what does not is left alone; time is linear."""

import base64
import json
import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventlog.redaction import EMAIL, MARK, SECRETS, mask, mask_value

# Written in pieces, so that no scanner takes these for keys of ours.
OPENAI = "sk-" + "proj-Zq8rT3vXy7LmN2pK4wBd"
BODY = "Zq8rT3vXy7LmN2pK4wBdZq8rT3vXy7LmN2pK4w"
PEM = f"-----BEGIN RSA PRIVATE KEY-----\n{BODY}\n{BODY}\nabc=\n-----END RSA PRIVATE KEY-----"
KEYS = {
    "openai-key": OPENAI,
    "anthropic-key": "sk-" + "ant-api03-" + BODY,
    "aws-key": "AKIA" + "Z7QK3XW2N5M4P6RT",
    "github-token": "ghp_" + BODY[:36],
    "gitlab-token": "glpat-" + BODY[:20],
    "google-key": "AIza" + BODY[:35],
    "google-token": "ya29." + BODY,
    "slack-token": "xoxb-" + "1234567890-" + BODY[:24],
    "stripe-key": "sk_live_" + BODY[:24],
    "huggingface-token": "hf_" + BODY[:34],
    "npm-token": "npm_" + BODY[:36],
    "sendgrid-key": "SG." + BODY[:22] + "." + BODY,
    "telegram-token": "123456789:AA" + BODY[:33],
    "jwt": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0." + BODY,
    "private-key": PEM,
}


HEX = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b"
LETTERS = "qWkRtZpLmXvBnHsDfGjKyCeA"
LOWER = "skdjfhqwoeirutyalskdjfhgm"
MORE_KEYS = {
    "docker-token": "dckr_" + "pat_" + BODY[:27],
    "grafana-token": "glsa_" + BODY[:32] + "_a1b2c3d4",
    "vault-token": "hvs." + BODY,
    "shopify-token": "shpat_" + HEX[:32],
    "databricks-token": "dapi" + HEX[:32],
    "twilio-key": "SK" + HEX[:32],
    "mailgun-key": "key-" + HEX[:32],
    "mailchimp-key": HEX[:32] + "-us12",
    "atlassian-token": "ATATT3" + "xFfGF0" + BODY,
    "linear-key": "lin_api_" + BODY,
    "notion-token": "ntn_" + BODY + BODY,
    "sentry-token": "sntrys_" + BODY + BODY,
    "nvidia-key": "nvapi-" + BODY + BODY,
    "age-key": "AGE-SECRET-KEY-1" + BODY.upper() + BODY.upper(),
}


def masked(text: str) -> str:
    return str(mask(text).value)


@pytest.mark.parametrize("kind", KEYS)
def test_a_key_is_masked_wherever_it_stands(kind: str) -> None:
    for before, after in (("", ""), ("it is ", ", really"), ("(", ")"), ('"', '"'), ("\n", "\n")):
        found = mask(f"{before}{KEYS[kind]}{after}")
        assert found.value == f"{before}[masked:{kind}]{after}"
        assert found.found == {kind: 1}


@pytest.mark.parametrize("kind", MORE_KEYS)
def test_a_key_of_a_less_known_service_is_masked(kind: str) -> None:
    assert masked(f"it is {MORE_KEYS[kind]}, really") == f"it is [masked:{kind}], really"


def test_a_discord_webhook_is_masked_but_for_its_number() -> None:
    place = "https://discord.com/api/webhooks/123456789012345678/"
    assert masked(place + BODY + BODY) == place + "[masked:discord-webhook]"


@pytest.mark.parametrize("prefix", ["sk-" + "proj-", "sk-" + "svcacct-", "sk-"])
def test_a_model_key_of_letters_only_is_masked(prefix: str) -> None:
    assert masked(f"it is {prefix}{LETTERS}") == "it is [masked:openai-key]"
    assert masked(f"it is sk-ant-api-{LETTERS}") == "it is [masked:anthropic-key]"


def test_github_fine_grained_tokens_and_temporary_aws_keys_are_masked() -> None:
    assert masked("github_pat_" + BODY) == "[masked:github-token]"
    assert masked("ASIA" + "Z7QK3XW2N5M4P6RT") == "[masked:aws-key]"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("password=hunter2", "password=[masked:password]"),
        ("DB_PASSWORD=correcthorse\n", "DB_PASSWORD=[masked:password]\n"),
        ("export AWS_SECRET_ACCESS_KEY=wJalr/K7MDENG+bP", "export AWS_SECRET_ACCESS_KEY=[masked:password]"),
        ('password = "$ecret1" + "%x"', 'password = "[masked:password]" + "%x"'),
        ('api_key: "abcd efgh"', 'api_key: "[masked:password]"'),
        ("  password: secretword\n", "  password: [masked:password]\n"),
        ("apiKey = 'k1'; clientSecret = 'x y z w'", "apiKey = 'k1'; clientSecret = '[masked:password]'"),
        (r'{\"password\": \"hunter2\"', r'{\"password\": \"[masked:password]\"'),
        ("Authorization: Bearer abcdef1234567890", "Authorization: Bearer [masked:bearer-token]"),
        ("postgres://app:s3cr3t@db/x", "postgres://app:[masked:url-password]@db/x"),
        ("DB_PASS=hunter2222", "DB_PASS=[masked:password]"),
        ("smtpPass: 'correct horse'", "smtpPass: '[masked:password]'"),
        (f"OPENAI_API_KEY: {LOWER[:16]}\n", "OPENAI_API_KEY: [masked:password]\n"),
        (f"token: {LETTERS}", "token: [masked:password]"),
        (f'"api_key": {LOWER}', '"api_key": [masked:password]'),
        ("export TOKEN=abcdefghij", "export TOKEN=[masked:password]"),
        (f"export GITHUB_TOKEN={LETTERS}", "export GITHUB_TOKEN=[masked:password]"),
        (f"Authorization: Token {HEX}", "Authorization: Token [masked:bearer-token]"),
        (f"-H 'Authorization: {HEX}'", "-H 'Authorization: [masked:bearer-token]'"),
        (f'"Authorization": "Bearer {LETTERS}"', '"Authorization": "Bearer [masked:bearer-token]"'),
        ("curl -u admin:S3cretPass https://x", "curl -u admin:[masked:password] https://x"),
        ("curl -s \\\n --user 'jo:secretword' x", "curl -s \\\n --user 'jo:[masked:password]' x"),
        (f"curl -b 'sid={HEX}' x", "curl -b 'sid=[masked:cookie]' x"),
        ("login --password hunter22 -v", "login --password [masked:password] -v"),
        ("login --password=hunterish", "login --password=[masked:password]"),
        ("x --admin-password 'correct horse'", "x --admin-password '[masked:password]'"),
        (f"x --api-key {LETTERS}", "x --api-key [masked:password]"),
        ("sshpass -p hunter2 ssh x", "sshpass -p [masked:password] ssh x"),
        (f"Cookie: theme=dark; sid={HEX}\r\nAccept: */*", "Cookie: [masked:cookie]\nAccept: */*"),
        (f"Set-Cookie: sid={HEX}; Path=/", "Set-Cookie: sid=[masked:cookie]; Path=/"),
        (f'"set-cookie": ["sid={HEX}; Path=/"]', '"set-cookie": ["sid=[masked:cookie]; Path=/"]'),
        ("machine x.org\n  login jo\n  password hunterish", "machine x.org\n  login jo\n  password [masked:password]"),
        (f"//r.org/:_authToken={LETTERS}", "//r.org/:_authToken=[masked:password]"),
        ("_auth = am86aHVudGVyMjI=", "_auth = [masked:password]"),
        ("https://x.org/?key=abcdef123456&y=1", "https://x.org/?key=[masked:url-signature]&y=1"),
    ],
)  # fmt: skip
def test_what_a_name_gives_away_is_masked_and_the_name_stays(text: str, shown: str) -> None:
    assert masked(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        OPENAI.replace("-", r"\-"),
        f"**{OPENAI[:9]}**{OPENAI[9:]}",
        f"`{OPENAI[:5]}`{OPENAI[5:]}",
        f"&#115;{OPENAI[1:]}",
        f"{OPENAI[:-1]}&#x{ord(OPENAI[-1]):x};",
        f"\\u0073{OPENAI[1:]}",
        f"{OPENAI[:8]}\u200b{OPENAI[8:]}",
    ],
)
def test_a_key_in_disguise_is_masked(text: str) -> None:
    found = mask(f"my key {text}.")
    assert found.found == {"openai-key": 1}
    assert OPENAI[10:-2] not in found.value
    assert found.value.startswith("my key ")
    assert found.value.endswith(".")


@pytest.mark.parametrize(
    "text",
    [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "550e8400-e29b-41d4-a716-446655440000",
        "a risk-assessment-and-management-plan-2024",
        "class sk-fading-circle-animation-big",
        "max_tokens=100, total_tokens: 12345678",
        "password: string",
        "password=$password; PASSWORD=%PASSWORD%; pwd='%s'; secret=$(cat x)",
        "def login(password=password, token=token):",
        "token = get_token(4321)",
        "password = os.environ['DB_PASSWORD']",
        "login(password=user.password)",
        "OPENAI_API_KEY=$KEY and api_key='<your key>' and secret={{ secret }}",
        "Your password: must be long",
        "tiktoken==0.7.0 and page_token=abcd1234",
        "OPENAI_API_KEY=sk-... or ANTHROPIC_API_KEY=your-key-goes-here",
        "Basic understanding of bearer instruments",
        '{"token": " hello", "logprob": -0.25}',
        "http://localhost:8080/a@b and git@github.com:a/b.git",
        "Ask jo@example.org",
        "the password: must be eight characters",
        f"commit {HEX}; api_key: str; password=None; PASSWORD=$DB_PASSWORD",
        "PWD=/home/jo/x1 OLDPWD=/tmp/abc1",
        "PASS: 12 tests; bypass=abcd1234; tests_pass=12345; first_pass = run(2)",
        "apiKey: getApiKeyFromSettings, token: CancellationTokenSource, key: parseHTMLFromURLs",
        "TOKEN: CancellationTokenSource() or TOKEN = settings.token",
        "--password TEXT, --token TOKEN, --password PASSWORD, or --password to be asked",
        "docker build --secret id=npm1,src=x; login --password ${PW1234} --password-stdin < x123456",
        "docker run -u 1000:1000 x",
        "curl -u user:password x; curl -u $USER:$PASS y; curl -u 'jo:<token>' z",
        "Authorization: Bearer YOUR_ACCESS_TOKEN_HERE; Authorization: required for v2/users",
        "Authorization: AWS4-HMAC-SHA256 Credential=x",
        "Cookie: theme=dark; consent=1",
        "export TOKEN=$(cat x); export TOKEN=your-token-here; export PASS=$1",
        "sk-proj-your-key-goes-here or sk-proj-xxxxxxxxxxxxxxxxxxxxxxxx",
    ],
)
def test_what_is_no_secret_is_left_alone(text: str) -> None:
    assert mask(text).value == text
    assert mask_value({"content": text}).value == {"content": text}


def test_pictures_are_left_alone_whatever_their_bytes_spell() -> None:
    body = base64.b64encode(random.Random(1).randbytes(3000)).decode().rstrip("=")
    picture = f"data:image/png;base64,{body}AKIA{'Z7QK3XW2N5M4P6RT'}"
    assert masked(f"![x]({picture})") == f"![x]({picture})"


def test_a_private_key_that_was_cut_off_is_masked_and_what_follows_is_not() -> None:
    cut = PEM.partition("\nabc")[0]
    numbered = "".join(f"{n:6}\t{line}\n" for n, line in enumerate(cut.splitlines(), 1))
    assert masked(f"{cut}\nand so on") == "[masked:private-key]\nand so on"
    assert BODY not in masked(numbered)
    assert BODY not in masked(json.dumps(PEM))


def test_json_within_json_is_masked_and_keeps_its_other_values() -> None:
    arguments = json.dumps({"a": [1, "x"], "deep": json.dumps({"api_key": "12 34"})})
    shown = mask_value({"arguments": arguments})
    inner = json.loads(shown.value["arguments"])
    assert inner["a"] == [1, "x"]
    assert json.loads(inner["deep"]) == {"api_key": "[masked:password]"}
    assert shown.found == {"password": 1}


def test_json_text_without_a_secret_keeps_its_every_space() -> None:
    text = '{ "a" : 18446744073709551616 ,\n "b": "x" }'
    assert mask_value([text]).value == [text]


def test_names_of_members_are_masked_and_what_was_given_is_not_changed() -> None:
    given = {OPENAI: 1, "n": [OPENAI]}
    shown = mask_value(given)
    assert shown.value == {"[masked:openai-key]": 1, "n": ["[masked:openai-key]"]}
    assert given == {OPENAI: 1, "n": [OPENAI]}


def test_addresses_are_masked_only_when_asked() -> None:
    rules = (*SECRETS, EMAIL)
    assert mask("jo.a+b@mail.example.org!", rules).value == "[masked:email]!"
    assert mask("jo@example.org").found == {}


def test_no_rules_mask_nothing() -> None:
    assert mask(OPENAI, ()).value == OPENAI
    assert mask_value({"password": "hunter2"}, ()).value == {"password": "hunter2"}


pieces = st.sampled_from(
    [*KEYS.values(), "password", "=", ": ", '"', "'", "`", "\\", "**", " ", "\n", "://", "u:p@", "&#45;",
     "token", "[masked:jwt]", LETTERS, HEX, "Authorization: ", "Cookie: ", "Set-Cookie: ", "a=", "; ", "curl -u ",
     "--password ", "export TOKEN=", "DB_PASS", "API_KEY", "[", "]", "Bearer ", "a1b2c3d4e5f6", "{", "}", ",", "\\u002d", "sk-"]
)  # fmt: skip


@given(st.lists(pieces, max_size=12).map("".join))
def test_masking_again_changes_nothing(text: str) -> None:
    once = mask_value(text)
    again = mask_value(once.value)
    assert again.value == once.value
    assert not again.found


@given(st.lists(pieces, max_size=8).map("".join))
def test_as_many_marks_appear_as_are_counted(text: str) -> None:
    once = mask(text)
    assert len(MARK.findall(once.value)) - len(MARK.findall(text)) == once.found.total()


HOSTILE = (
    "a", "-", " ", "\n\t-", "password", "password=", "password" + " " * 9, "secret='", "://a:", "bearer ",
    "-----BEGIN PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----" + "\n" * 50, "eyJaaaaaaaaaa.", "sk-",
    "a@", "a@a.", "[masked:", "\\*", "&amp;", "data:image/png;base64,", "a*", "password.", "'\"`",
    "curl ", "curl -u ", "curl -u a:", "cookie: a=", "set-cookie:", "Authorization: ", "Authorization: a ", "--password ",
    "--a-", "API_KEY: aB", "sk-aB", "export A_", "machine a login ", "[[", "aBC", "discord.com/api/webhooks/",
)  # fmt: skip


@pytest.mark.parametrize("unit", HOSTILE)
def test_no_text_takes_longer_than_its_length(unit: str) -> None:
    def seconds(size: int) -> float:
        text = unit * (size // len(unit))
        began = time.process_time()
        mask(text, (*SECRETS, EMAIL))
        return time.process_time() - began

    small, large = min(seconds(100_000) for _ in range(3)), seconds(1_000_000)
    assert large < 30 * max(small, 0.01)


@pytest.mark.slow
def test_ten_megabytes_take_seconds() -> None:
    text = "the password is here, said the fox; api_key = none of it\n" * 180_000
    began = time.process_time()
    mask(text)
    assert time.process_time() - began < 20
