"""What secrets look like: a kind, signs that are quick to look for, and a pattern for each.

It knows the shapes of keys and tokens, and the names and headers that give a password away. It knows
nothing of masking, nor of the disguises that a secret may stand in: redaction does.

Every pattern is bounded or possessive, so that time grows with the length of the text. A pattern for what
has no shape of its own asks for more than a name: a digit, quotes, or letters that make no word.
"""

import re
from typing import NamedTuple


class Rule(NamedTuple):
    """How one kind of secret looks: one of `signs`, in lower case, is in any text that holds one.

    The pattern's group `secret` is what is masked; without that group, all of the match.
    """

    kind: str
    signs: tuple[str, ...]
    pattern: re.Pattern[str]


def _rule(kind: str, signs: str, pattern: str, flags: int = 0) -> Rule:
    return Rule(kind, tuple(signs.split()), re.compile(pattern, flags))


_ALONE = r"(?<![A-Za-z0-9_])(?<![A-Za-z0-9_]-)"  # not the end of a longer word, as in "risk-…"
_PEM_SEPARATOR = r"\s|\\[nr]|[>|\"',+]|[A-Z][\w-]{1,40}: [^\n]{0,200}\n|\d{1,6}[\t→]"
_WHOSE = [
    "db",
    "database",
    "user",
    "admin",
    "root",
    "login",
    "smtp",
    "mail",
    "email",
    "imap",
    "ftp",
    "ssh",
    "mysql",
    "postgres",
    "pg",
    "redis",
]
_PASS = "|".join(rf"(?<={whose}{gap}pass)" for whose in _WHOSE for gap in ("", "_", "-"))
_CLEAR = (  # a look at the first letter saves most of the time
    r"(?-i:(?=[AEPSaeps]))(?:"
    r"passw(?:or)?ds?|passwd|passphrase|pwd(?<!oldpwd)(?!=[/~])|secret|api[_-]?key|access[_-]?key|secret[_-]?key|"
    r"private[_-]?key|account[_-]?key|signing[_-]?key|encryption[_-]?key|"
    rf"pass(?:(?-i:(?<=[A-Z0-9]_PASS))|{_PASS}))"
)
_VAGUE = (  # a token is often a piece of text, or a number of them
    r"(?-i:(?=[CTct]))(?:(?<!page)(?<!page[_-])token|credentials?)"
)
_NAMES = rf"{_CLEAR}|{_VAGUE}"
CLEAR_NAME = re.compile(rf"(?:{_CLEAR})\Z", re.IGNORECASE)
"""A name whose value is a secret."""
VAGUE_NAME = re.compile(rf"(?:{_VAGUE})\Z", re.IGNORECASE)
"""A name whose value may be a secret, or something else."""
_NAME_SIGNS = "pass pwd secret token key credential"
# What stands where a secret would: a variable, a gap to fill in, a type, a mark of ours.
PLACEHOLDER = (
    r"(?![<\{\[\(…=]|\*\*|\.\.|%(?:[s(]|[A-Z_]{1,60}+%)"
    r"|\$(?:[{(]|(?-i:[A-Z_][A-Z0-9_]{0,60}+(?![a-z])|[a-z_]{1,60}+(?![A-Za-z0-9!@#$%^&*])))"
    r"|(?:your|example|pass|x{3,}|none|null|nil|true|false|undefined|str(?:ing)?|text|required|optional|bytes|int|"
    rf"varchar|redacted|hidden|masked|{_NAMES})(?![A-Za-z0-9])"
    r"|[A-Za-z_-]{1,12}\.\.\."
    r"|[A-Za-z_]{1,60}+(?:\.[A-Za-z_]{1,60}+)+(?![^\s,;)\]}(\[]))"
)
_QUOTE = r"\\{0,3}[\"'`]"
_IS = rf"(?:{_QUOTE})?\s{{0,8}}(?:=>|:=|[:=])\s{{0,8}}"
# Letters alone that are no word and no name in a program: the case changes too often, or there are too many.
_RANDOM = (
    r"(?-i:(?=[A-Za-z]{0,40}?(?:[a-z]{1,2}[A-Z]{1,3}){3})"
    r"(?=[A-Za-z]{0,40}?(?:[a-z][A-Z]{2,3}[a-z]|(?:[a-z]{1,2}[A-Z]{1,3}){5}))[A-Za-z]{16,400}+"
    r"|[a-z]{24,400}+|[A-Z]{24,400}+)(?![\w.(\[/-])"
)
_PROVIDERS: tuple[Rule, ...] = (
    _rule(
        "private-key",
        "private",
        r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
        rf"(?:(?:{_PEM_SEPARATOR})*+[A-Za-z0-9+/=]{{16,}}+)*+"
        rf"(?:(?:(?:{_PEM_SEPARATOR})*+[A-Za-z0-9+/=]{{0,15}}+){{0,2}}(?:{_PEM_SEPARATOR})*+"
        r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----)?",
    ),
    _rule("anthropic-key", "sk-ant-", _ALONE + r"sk-ant-[A-Za-z0-9_-]{16,}+"),
    _rule("openai-key", "sk-", _ALONE + r"sk-(?=[A-Za-z_-]{0,60}\d)[A-Za-z0-9_-]{16,}+"),
    _rule("openai-key", "sk-", _ALONE + r"sk-(?:proj|svcacct|admin)-(?![xX]{4})[A-Za-z0-9]{16,}[A-Za-z0-9_-]*+"),
    _rule("openai-key", "sk-", _ALONE + r"sk-" + _RANDOM),
    _rule("aws-key", "akia asia abia acca", r"(?<![A-Za-z0-9+/])(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9+/])"),
    _rule("github-token", "ghp_ gho_ ghu_ ghs_ ghr_", _ALONE + r"gh[pousr]_[A-Za-z0-9]{30,}+"),
    _rule("github-token", "github_pat_", _ALONE + r"github_pat_[A-Za-z0-9_]{22,}+"),
    _rule(
        "gitlab-token",
        "glpat- gldt- glrt- glcbt- glptt- glsoat- glagent- glft-",
        _ALONE + r"gl(?:pat|dt|rt|cbt|ptt|soat|agent|ft)-(?=[A-Za-z_-]{0,40}\d)[A-Za-z0-9_.-]{20,}+",
    ),
    _rule("google-key", "aiza", r"(?<![A-Za-z0-9_+/-])AIza[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])"),
    _rule("google-token", "ya29. gocspx-", _ALONE + r"(?:ya29\.|GOCSPX-)[A-Za-z0-9_-]{20,}+"),
    _rule("slack-token", "xox xapp-", _ALONE + r"(?:xox[abeoprs]|xapp)-[A-Za-z0-9-]{10,}+"),
    _rule("slack-webhook", "hooks.slack.com", r"hooks\.slack\.com/(?:services|workflows)/(?P<secret>[A-Za-z0-9/_+-]{20,}+)"),
    _rule("stripe-key", "_live_ _test_ whsec_", _ALONE + r"(?:[sr]k_(?:live|test)_|whsec_)[A-Za-z0-9]{10,}+"),
    _rule("huggingface-token", "hf_", _ALONE + r"(?:hf|api_org)_[A-Za-z0-9]{30,}+"),
    _rule("groq-key", "gsk_", _ALONE + r"gsk_[A-Za-z0-9]{30,}+"),
    _rule("xai-key", "xai-", _ALONE + r"xai-[A-Za-z0-9]{30,}+"),
    _rule("perplexity-key", "pplx-", _ALONE + r"pplx-[A-Za-z0-9]{30,}+"),
    _rule("replicate-token", "r8_", _ALONE + r"r8_[A-Za-z0-9]{30,}+"),
    _rule("npm-token", "npm_", _ALONE + r"npm_[A-Za-z0-9]{36}(?![A-Za-z0-9])"),
    _rule("package-index-token", "pypi-", _ALONE + r"pypi-[A-Za-z0-9_-]{40,}+"),
    _rule("digitalocean-token", "_v1_", _ALONE + r"do[oprt]_v1_[a-f0-9]{40,}+"),
    _rule("sendgrid-key", "sg.", _ALONE + r"SG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{16,64}"),
    _rule("docker-token", "dckr_", _ALONE + r"dckr_(?:pat|oat)_[A-Za-z0-9_-]{20,}+"),
    _rule("grafana-token", "glsa_ glc_", _ALONE + r"(?:glsa|glc)_[A-Za-z0-9+/_]{32,}+"),
    _rule("vault-token", "hvs. hvb.", _ALONE + r"hv[sb]\.[A-Za-z0-9_-]{24,}+"),
    _rule("shopify-token", "shpat_ shpca_ shppa_ shpss_", _ALONE + r"shp(?:at|ca|pa|ss)_[A-Fa-f0-9]{32,}+"),
    _rule("databricks-token", "dapi", _ALONE + r"dapi[a-f0-9]{32}(?:-\d)?(?![A-Za-z0-9])"),
    _rule("twilio-key", "sk", _ALONE + r"SK[0-9a-f]{32}(?![A-Za-z0-9])"),
    _rule("mailgun-key", "key-", _ALONE + r"key-[0-9a-f]{32}(?![A-Za-z0-9])"),
    _rule("mailchimp-key", "-us", _ALONE + r"[0-9a-f]{32}-us\d{1,2}(?![A-Za-z0-9])"),
    _rule("atlassian-token", "atatt3", _ALONE + r"ATATT3[A-Za-z0-9_=-]{40,}+"),
    _rule("linear-key", "lin_api_", _ALONE + r"lin_api_[A-Za-z0-9]{32,}+"),
    _rule("notion-token", "ntn_", _ALONE + r"ntn_[A-Za-z0-9]{40,}+"),
    _rule("sentry-token", "sntrys_ sntryu_", _ALONE + r"sntry[su]_[A-Za-z0-9+/=_]{40,}+"),
    _rule("nvidia-key", "nvapi-", _ALONE + r"nvapi-[A-Za-z0-9_-]{40,}+"),
    _rule("age-key", "age-secret-key-", _ALONE + r"AGE-SECRET-KEY-1[A-Za-z0-9]{50,}+"),
    _rule("discord-webhook", "/api/webhooks/", r"discord(?:app)?\.com/api/webhooks/\d{5,30}/(?P<secret>[\w-]{40,}+)"),
    _rule("telegram-token", ":aa", r"(?<![A-Za-z0-9])\d{8,10}:AA[A-Za-z0-9_-]{33}(?![A-Za-z0-9_-])"),
    _rule("jwt", "eyj", r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,}+\.eyJ[A-Za-z0-9_-]{8,}+(?:\.[A-Za-z0-9_-]*+)?"),
)  # fmt: skip
_COOKIE = r"(?=[A-Za-z%._~+/-]{0,60}\d)[A-Za-z0-9%._~+/-]{16,4000}+"
_CURL = r"\bcurl\b(?:\\\n|[^\n]){0,400}?\s"
_FLAGS = "passw(?:or)?d|passwd|passphrase|pass|pwd|token|secret|(?:api|access|secret|private)-?key"
_BY_NAME: tuple[Rule, ...] = (
    _rule(
        "bearer-token",
        "bearer basic",
        r"\b(?:bearer|basic)\s{1,8}(?=[A-Za-z._~+/=-]{0,200}\d)(?P<secret>[A-Za-z0-9._~+/=-]{12,}+)",
        re.IGNORECASE,
    ),
    _rule(
        "bearer-token",
        "authorization",
        rf"authorization{_IS}(?:{_QUOTE})?(?:[a-z][a-z-]{{1,20}}\s{{1,8}})?{PLACEHOLDER}(?!AWS4-|\[masked:)"
        rf"(?P<secret>(?=[A-Za-z._~+/=-]{{0,200}}\d)[A-Za-z0-9._~+/=-]{{16,}}+(?![(\[])|{_RANDOM})",
        re.IGNORECASE,
    ),
    _rule(
        "cookie",
        "cookie",
        rf"(?<!set-)\bcookie(?:{_QUOTE})?:\s{{0,8}}(?:{_QUOTE})?"
        rf"(?=[^\n\"'`]{{0,400}}?={_COOKIE})(?P<secret>[\w.-]{{1,64}}=[^\n\"'`\\<>(){{}}\[\]]{{8,4000}}+)",
        re.IGNORECASE,
    ),
    _rule(
        "cookie",
        "set-cookie",
        rf"\bset-cookie(?:{_QUOTE})?:[\s\[]{{0,8}}(?:{_QUOTE})?[\w.-]{{1,64}}=(?P<secret>{_COOKIE})",
        re.IGNORECASE,
    ),
    _rule("cookie", "curl", rf"{_CURL}(?:-b|--cookie)[ =](?:{_QUOTE})?[\w.-]{{1,64}}=(?P<secret>{_COOKIE})"),
    _rule(
        "password",
        "curl",
        rf"{_CURL}(?:-u|-U|--user|--proxy-user)[ =]{{0,4}}(?:{_QUOTE})?[^\s:\"'`\\$<{{]{{1,80}}:"
        rf"{PLACEHOLDER}(?P<secret>[^\s\"'`\\<>]{{4,200}}+)",
        re.IGNORECASE,
    ),
    # --password …, as on a command line: quoted, or no plain word
    _rule(
        "password",
        "--",
        rf"(?<![\w-])--(?:[a-z0-9]{{1,20}}-){{0,3}}(?:{_FLAGS})[ \t]{{1,4}}"
        rf"(?:(?P<quote>[\"']){PLACEHOLDER}(?P<secret>[^\n\"'`\\]{{6,400}}+)(?P=quote))",
        re.IGNORECASE,
    ),
    _rule(
        "password",
        "--",
        rf"(?<![\w-])--(?:[a-z0-9]{{1,20}}-){{0,3}}(?:{_FLAGS})[ \t]{{1,4}}{PLACEHOLDER}(?!id=|--)"
        rf"(?P<secret>(?=[^\s\d]{{0,100}}\d)[^\s\"'`\\&;,()\[\]{{}}<>|]{{6,400}}+(?![(\[])|{_RANDOM})",
        re.IGNORECASE,
    ),
    _rule("password", "sshpass", rf"\bsshpass[ \t]{{1,4}}-p[ \t]{{0,4}}(?:{_QUOTE})?{PLACEHOLDER}"
          r"(?P<secret>[^\s\"'`\\]{4,200}+)"),
    _rule("password", "machine", rf"\bmachine\s{{1,8}}[\w.:-]{{1,200}}\s{{1,8}}login\s{{1,8}}\S{{1,200}}\s{{1,8}}password\s{{1,8}}"
          rf"{PLACEHOLDER}(?P<secret>[^\s\"'`\\\[\]]{{4,400}}+)"),
    _rule("password", "_auth", r"(?<![A-Za-z0-9])_auth[ \t]{0,4}=[ \t]{0,4}\"?(?P<secret>[A-Za-z0-9+/]{12,}+={0,2})(?![(\[.])"),
    _rule("url-password", "://", r"://[^\s:/@\"'<>\[\]]{0,100}+:(?P<secret>(?!\[masked:)[^\s/@\"'<>]{1,200}+)@"),
    _rule(
        "url-signature",
        "key= sig= signature= auth=",
        r"[?&](?:key|sig|signature|auth|x-amz-signature)=(?P<secret>[^\s&\"'<>\[\])]{12,400}+)",
        re.IGNORECASE,
    ),
    # name = "…": whatever is between the quotes
    _rule(
        "password",
        _NAME_SIGNS,
        rf"(?:{_CLEAR}){_IS}(?P<quote>{_QUOTE}){PLACEHOLDER}(?P<secret>[^\n\"'`\\]{{4,400}}+)(?P=quote)",
        re.IGNORECASE,
    ),
    _rule(
        "password",
        "token credential",
        rf"(?:{_VAGUE}){_IS}(?P<quote>{_QUOTE}){PLACEHOLDER}"
        r"(?P<secret>(?=[^\n\"'`\d]{0,100}\d)[^\s\"'`\\]{8,400}+)(?P=quote)",
        re.IGNORECASE,
    ),
    # NAME=…, as in a shell, a .env file or a URL
    _rule(
        "password",
        _NAME_SIGNS,
        rf"(?:{_CLEAR})={PLACEHOLDER}(?P<secret>[^\s\"'`\\&;,()\[\]{{}}<>]{{4,400}}+)(?![(\[.])",
        re.IGNORECASE,
    ),
    # name: …, where the value is no plain word, or all that is left of the line
    _rule(
        "password",
        _NAME_SIGNS,
        rf"(?:{_NAMES}){_IS}{PLACEHOLDER}"
        r"(?P<secret>(?=[^\s\d]{0,100}\d)[^\s\"'`\\&;,()\[\]{}<>]{6,400}+)(?![(\[])",
        re.IGNORECASE,
    ),
    # NAME: … or NAME=… in capitals, or any name: letters alone
    _rule(
        "password",
        _NAME_SIGNS,
        rf"(?:{_NAMES}){_IS}(?:{_QUOTE})?{PLACEHOLDER}(?P<secret>{_RANDOM})",
        re.IGNORECASE,
    ),
    _rule(
        "password",
        _NAME_SIGNS,
        rf"(?-i:API_?KEY|ACCESS_KEY|SECRET_KEY|SECRET|PASSWORD|(?<![A-Z])TOKEN){_IS}{PLACEHOLDER}"
        r"(?P<secret>[A-Za-z]{16,400}+)(?![\w.(\[/-])",
        re.IGNORECASE,
    ),
    _rule(
        "password",
        "export",
        rf"\bexport[ \t]{{1,4}}(?:[A-Za-z0-9]{{1,30}}_){{0,6}}(?-i:TOKEN|CREDENTIALS?|PASS|AUTH)="
        rf"{PLACEHOLDER}(?P<secret>[A-Za-z0-9_+=-]{{8,400}}+)(?![\w./(\[])",
        re.IGNORECASE,
    ),
    _rule(
        "password",
        "passw passphrase pwd secret",
        rf"^[ \t>-]{{0,20}}(?:[\w.-]{{0,40}}[_.-])?(?:passw(?:or)?d|passwd|passphrase|pwd|secret):[ \t]{{1,8}}{PLACEHOLDER}"
        r"(?P<secret>[^\s\"'`\\&;,()\[\]{}<>]{4,400}+)[ \t]{0,8}$",
        re.IGNORECASE | re.MULTILINE,
    ),
)  # fmt: skip
SECRETS: tuple[Rule, ...] = (*_PROVIDERS, *_BY_NAME)
"""Every kind of secret that is known here."""

EMAIL = _rule(
    "email",
    "@",
    r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]{1,64}+@[A-Za-z0-9-]{1,63}+(?:\.[A-Za-z0-9-]{1,63}+){1,8}",
)
"""E-mail addresses: no secret, but asked for by whoever shares a conversation."""
