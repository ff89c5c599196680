"""Passwords and tokens in text: by the shapes of well-known services, and by the names that they are given.

Kept scanners are no choice for this: detect-secrets takes each line through its plugins, pictures included (17 s for 25 notebooks,
where tenths of a second are left for 500), brings `requests`, and had its last release in May 2024; gitleaks and trufflehog are
programs in Go.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import groupby, islice
from typing import Any

from r2i.facts.tables import read_table


@dataclass(frozen=True, kw_only=True)
class Credential:
    """Something that opens a door. `secret` is never shown; `what` and `begin`, what all of its kind begin with, may be.

    `line` is that of the text, counted from 1. `of_guests` says that the account is one that everybody may use,
    `of_cookies` that it signs the cookies of a hub, which is not in the image, `of_server` that it opens a Jupyter server, and `hashed`
    that the password itself is not there.
    """

    what: str
    line: int
    secret: str = field(repr=False)
    begin: str = ""
    who: str = ""
    of_guests: bool = False
    of_cookies: bool = False
    of_server: bool = False
    hashed: bool = False


#: Names of files that hold a key or a password.
FILE_OF_SECRETS = re.compile(
    r"(?:.*[/\\])?(?:id_(?:rsa|dsa|ecdsa|ed25519)|\.(?:netrc|pgpass|npmrc|pypirc|htpasswd)|[^/\\]*\.(?:pem|key|p12|pfx|ppk|jks)"
    r"|[^/\\]*(?:credential|secret|passw(?:or)?d|service[_-]?account|api[_-]?key)[^/\\]*\.(?:json|ya?ml|toml|ini|cfg|txt|env))",
    re.IGNORECASE,
)
#: What to do instead of committing one.
NEVER_COMMIT = "Read the path from an environment variable; never commit a key or password"

#: How many of a kind are named of one text: to say where each stands, the text is read again.
MOST = 200

#: What a password is called where it is set: `DB_PASSWORD = "…"`, `login(token="…")`, `"api_key": "…"`.
NAMED = re.compile(
    r"""(?<![A-Za-z0-9_])(?P<name>[A-Za-z0-9_]{0,60}?(?:password|passwd|pwd|secret|token|api_?key|access_?key|secret_?key))"""
    r"""["']?[ \t]*(?::[ \t]*str[ \t]*)?[=:][ \t]*(?P<quote>["'])(?P<quoted>[^"'\s]{8,200})(?P=quote)(?P<value>)""",
    re.IGNORECASE,
)

#: The same in files in which values have no quotes: `.env`, `.netrc`.
UNQUOTED = re.compile(
    r"""^[ \t]*(?:export[ \t]+)?(?P<name>[A-Za-z0-9_]{0,60}?(?:password|passwd|pwd|secret|token|api_?key|access_?key|secret_?key))"""
    r"""[ \t]*[=:][ \t]*(?:(?P<quote>["'])(?P<quoted>[^"'\s]{8,200})(?P=quote)|(?P<value>[^"'\s#]{8,200}))[ \t]*$""",
    re.IGNORECASE | re.MULTILINE,
)
ASSIGNED = re.compile(UNQUOTED.pattern.replace("(?:export", "(?:(?:export|ENV|ARG)", 1), UNQUOTED.flags)
NETRC = re.compile(r"\bpassword[ \t]+(?P<value>\S{4,200})")

#: Addresses with a password: `postgresql://anna:…@db.example.org/tides`. On the same machine it opens nothing to others.
ADDRESS = re.compile(
    r"""\b(?P<scheme>[a-z][a-z0-9+]{1,30})://[^\s:/@"']{1,80}:(?P<secret>[^\s:/@"']{8,200})@(?!localhost\b|127\.)[\w.-]*\w"""
)

#: What opens a Jupyter server, on a command line or in its configuration; what a variable or nothing is stands for none.
OF_SERVER = re.compile(
    r"""(?:NotebookApp|ServerApp|LabApp|IdentityProvider|PasswordIdentityProvider)\.(?P<name>token|password|hashed_password)"""
    r"""[ \t]*=[ \t]*(?:u?["'](?P<quoted>[^"'\s${]{4,200})["']|(?P<value>[\w:.+/=-]{4,200}))(?=[ \t]*(?:$|\\|--|["'#\]]))""",
    re.MULTILINE,
)
#: How Jupyter writes the hash of a password.
HASHED = re.compile(r"(?:sha\d*|argon2):")

#: Values that are no text.
NO_VALUE = frozenset({"None", "True", "False", "token", "password"})

#: How commands are given them: a header, an option, a line of `.netrc`, and the file of Kaggle's program.
OF_COMMANDS = re.compile(
    r"""Authorization:[ \t]*(?:Bearer|token|Basic)[ \t]+(?P<header>[\w.~+/=-]{16,300})"""
    r"""|(?<=\s)--?(?P<option>(?:[a-z]+-)*(?:password|passwd|token|api-?key|access-?key|secret(?:-?key)?))(?:[ \t]+|=)["']?(?P<given>[^\s"'$-][^\s"'$]{7,200})"""
    r"""|\bcurl\b[^\n|;]*?\s(?:-u|--user)[ \t]*["']?[\w.@+-]{1,80}:(?P<user>[^\s"'$@]{8,200})"""
    r"""|\bmachine[ \t]+\S+[ \t]+login[ \t]+\S+[ \t]+password[ \t]+["']?(?P<netrc>[^\s"'$\\]{8,200})"""
    r"""|"username":[ \t]*"[\w.@-]+",[ \t]*"key":[ \t]*"(?P<kaggle>[0-9a-f]{32})\"""",
    re.IGNORECASE,
)
WHAT = {
    "header": "a token in a header",
    "given": "the value of an option",
    "user": "a password for `curl`",
    "netrc": "a password",
    "kaggle": "a Kaggle key",
}

#: Words by which `NAMED` has a chance: looking for them first is faster.
NAMES = ("password", "passwd", "pwd", "secret", "token", "key")

PLACEHOLDER = re.compile(
    r"example|sample|dummy|fake|test|placeholder|change_?me|replace|insert|your|xxx|\*\*\*|\.\.\.|…|<|>|\$\{|\{|todo|redacted"
    r"|(.)\1{5}|abcdef|123456|password|secret",
    re.IGNORECASE,
)

#: Tokens that services give out to be in web pages, as Mapbox (`pk.…`) and Stripe (`pk_live_…`) do.
PUBLIC = re.compile(r"pk\.eyJ|pk_(?:live|test)_")

#: What comes before the id of a key in a signed address: the key itself is not there, and the address soon opens nothing.
SIGNED = re.compile(r"(?:X-Amz-Credential|AWSAccessKeyId|GoogleAccessId)(?:=|%3D)\Z")

#: Accounts that everybody may use.
OF_GUESTS = re.compile(
    r"(?i)[\"'](?:guest|demo|anonymous|public|visitor|read_?only)\w*[\"']|\b(?:guest|demo)[ _-]?(?:user|account|login)\b"
)


OF_COOKIES = re.compile(r"cookie_?secret", re.IGNORECASE)


def may_have_credentials(text: str) -> bool:
    """Whether it is worth the time to look closer."""
    return _begins().search(text) is not None


def credentials_in(text: str) -> tuple[Credential, ...]:
    """Those that can be told by their shape alone."""
    return tuple(islice(_shaped(text), MOST)) if may_have_credentials(text) else ()


def credentials_in_code(source: str) -> tuple[Credential, ...]:
    """Those in source code, also by the names that they are given."""
    found = list(credentials_in(source))
    lowered = source.lower()
    if any(name in lowered for name in NAMES):
        found += islice(_named(source, NAMED, {one.secret for one in found}), MOST)
    if "App." in source or "IdentityProvider." in source:
        found += islice(_of_servers(source, {one.secret for one in found}), MOST)
    return (*found, *islice(_in_addresses(source, found), MOST))


def credentials_in_script(text: str) -> tuple[Credential, ...]:
    """Those in a script for a shell, or in a `Dockerfile`: values may have no quotes, and commands are given them."""
    found = list(credentials_in_code(text))
    for more in (_named(text, ASSIGNED, {one.secret for one in found}), _of_commands(text)):
        known = {one.secret for one in found}
        found += [one for one in islice(more, MOST) if one.secret not in known and "$" not in one.secret]
    return (*found,)


def credentials_in_settings(text: str, *, netrc: bool = False) -> tuple[Credential, ...]:
    """Those in files of settings such as `.env`, whose values have no quotes; of a `.netrc`, all."""
    found = list(credentials_in(text))
    known = {one.secret for one in found}
    found += islice(_named(text, UNQUOTED, known), MOST)
    if netrc:
        found += [
            Credential(what="a password", line=_line(text, match.start("value")), secret=match["value"])
            for match in NETRC.finditer(text)
            if match["value"] not in known and not PLACEHOLDER.search(match["value"])
        ]
    return (*found, *islice(_in_addresses(text, found), MOST))


def _shaped(text: str) -> Iterator[Credential]:
    for pattern, shape in _shapes():
        if not any(begin in text for begin in shape["begin"]):
            continue
        for match in pattern.finditer(text):
            if SIGNED.search(text[max(0, match.start() - 30) : match.start()]):
                continue
            if shape.get("even") or _random(match["rest"]):
                yield Credential(
                    what=shape["what"],
                    line=_line(text, match.start()),
                    secret=match[0],
                    begin=match["begin"],
                    who=shape["who"],
                )


def _named(text: str, pattern: re.Pattern[str], known: set[str]) -> Iterator[Credential]:
    for match in pattern.finditer(text):
        value = match["value"] or match["quoted"]
        if value not in known and _strong(value, password="pass" in match["name"].lower()):
            yield Credential(
                what=f"the value of `{match['name']}`",
                line=_line(text, match.start("name")),
                secret=value,
                of_guests=OF_GUESTS.search(_around(text, match)) is not None,
                of_cookies=OF_COOKIES.search(match["name"]) is not None,
                hashed=HASHED.match(value) is not None and "pass" in match["name"].lower(),
            )


def _around(text: str, match: re.Match[str]) -> str:
    """The line of a password, and those beside it, in which the name of the account stands."""
    start, end = text.rfind("\n", 0, match.start()), text.find("\n", match.end())
    before = text.rfind("\n", 0, max(start, 0))
    after = text.find("\n", end + 1) if end >= 0 else -1
    return text[before + 1 : after if after >= 0 else len(text)]


def _of_commands(text: str) -> Iterator[Credential]:
    for match in OF_COMMANDS.finditer(text):
        kind = next(name for name in WHAT if match[name])
        if kind == "kaggle" or _strong(match[kind], password=kind != "header"):
            what = f"the value of `--{match['option']}`" if kind == "given" else WHAT[kind]
            yield Credential(what=what, line=_line(text, match.start(kind)), secret=match[kind])


def _of_servers(text: str, known: set[str]) -> Iterator[Credential]:
    for match in OF_SERVER.finditer(text):
        value = match["quoted"] or match["value"]
        if (
            value not in known
            and value not in NO_VALUE
            and not text[: match.start()].rpartition("\n")[2].lstrip().startswith("#")
        ):
            what = (
                "the token of a Jupyter server"
                if match["name"] == "token"
                else "the password of a Jupyter server"
            )
            hashed = HASHED.match(value) is not None and match["name"] != "token"
            line = _line(text, match.start())
            yield Credential(what=what, line=line, secret=value, hashed=hashed, of_server=True)


def _in_addresses(text: str, found: Iterable[Credential]) -> Iterator[Credential]:
    for match in ADDRESS.finditer(text) if "://" in text else ():
        secret = match["secret"]
        if _strong(secret, password=True) and not any(
            secret in one.secret or one.secret in secret for one in found
        ):
            what = f"a password in a `{match['scheme']}` URL"
            yield Credential(what=what, line=_line(text, match.start()), secret=secret)


def _line(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1


def _random(rest: str) -> bool:
    return not re.search(r"EXAMPLE|(.)\1{5}", rest) and entropy(rest) > 3


def _strong(value: str, *, password: bool) -> bool:
    """Whether nobody writes such a value as a word, a path, a version or a placeholder."""
    if PLACEHOLDER.search(value) or re.match(r"https?://|[~./]", value) or PUBLIC.match(value):
        return False
    kinds = sum(bool(re.search(kind, value)) for kind in ("[a-z]", "[A-Z]", "[0-9]", "[^A-Za-z0-9_. -]"))
    if password and kinds >= 3:
        return True
    longest = max(re.split(r"[^A-Za-z0-9+=]", value), key=len)
    return len(longest) >= 16 and bool(re.search("[0-9].*[0-9]", longest)) and entropy(longest) > 3.2


def entropy(text: str) -> float:
    """Bits a character, by how often each occurs."""
    return -sum(count / len(text) * math.log2(count / len(text)) for count in Counter(text).values())


@cache
def _shapes() -> tuple[tuple[re.Pattern[str], dict[str, Any]], ...]:
    table = read_table("r2i.check.facts", "credentials.toml")
    return tuple(
        (
            re.compile(
                rf"(?P<begin>{'|'.join(map(_at_beginning, shape['begin']))})(?P<rest>{shape['rest']})(?![A-Za-z0-9])"
            ),
            shape,
        )
        for shape in table["shape"]
    )


def _at_beginning(begin: str) -> str:
    """Where a word begins so: to look behind only then is many times as fast as to do so at each character."""
    literal = re.escape(begin)
    return f"{literal}(?<![A-Za-z0-9_-]{literal})"


@cache
def _begins() -> re.Pattern[str]:
    table = read_table("r2i.check.facts", "credentials.toml")
    begins = sorted(begin for shape in table["shape"] for begin in shape["begin"])
    # Grouped by their first letter, it is twice as fast.
    return re.compile(
        "|".join(
            f"{re.escape(first)}(?:{'|'.join(re.escape(begin[1:]) for begin in same)})"
            for first, same in groupby(begins, key=lambda begin: begin[0])
        )
    )
