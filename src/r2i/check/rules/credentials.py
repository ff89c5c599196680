"""N403, N404: passwords and tokens that anybody who has the repository can read. No finding shows one."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

from r2i.check.code.credentials import (
    Credential,
    credentials_in_code,
    credentials_in_script,
    credentials_in_settings,
)
from r2i.check.code.notebooks import LARGEST
from r2i.check.findings import Finding, Rule, Severity
from r2i.check.subject import Subject
from r2i.errors import R2iError

#: Files of settings, and those whose values have no quotes.
UNQUOTED = re.compile(
    r"(?:^|/)(?:\.env(?:\.\w+)?|[\w-]+\.env|\.?_?netrc|\.pypirc|\.npmrc|\.Renviron|kaggle\.json|\.s3cfg|credentials"
    r"|[^/]+\.(?:ini|cfg|conf|properties|pem|key)|id_(?:rsa|dsa|ecdsa|ed25519))$"
)
QUOTED = re.compile(
    r"(?:^|/)(?:\.Rprofile|Pipfile|[^/]*(?:requirements|constraints)[^/]*\.(?:txt|in)|[^/]+\.(?:py|R|jl|toml|ya?ml|json))$"
)
SCRIPTS = re.compile(r"(?:^|/)(?:postBuild|start|(?:[^/]+\.)?Dockerfile(?:\.\w+)?|[^/]+\.(?:sh|bash))$")
YAML = (".yml", ".yaml")
NETRC = re.compile(r"(?:^|/)[._]netrc$")
#: Files that a server of Jupyter makes for itself: keys of its cookies and signatures, and how to reach it while it runs.
OF_SERVER = re.compile(
    r"(?:^|/)(?:(?:jupyter|jupyterhub|notebook)_cookie_secret|notebook_secret|(?:jpserver|nbserver)-\d+(?:-open)?\.(?:json|html))$"
)
EXAMPLES = re.compile(r"(?:^|/)tests?/|\.(?:example|sample|template|dist)\b", re.IGNORECASE)
LOCKS = re.compile(r"(?:^|/)(?:package-lock\.json|[^/]*\.lock|[^/]*lock\.(?:ya?ml|json|toml))$")

#: Larger files are data, in bytes.
LARGEST_SETTINGS = 200_000


def _in_notebooks(subject: Subject) -> Iterator[Finding]:
    for notebook in subject.notebooks:
        for cell in notebook.cells:
            for one in credentials_in_code(cell.source):
                yield Finding(
                    message=f"The notebook contains {_what(one)}",
                    file=notebook.path,
                    line=subject.line_of(notebook, cell, one.line),
                    cell=cell.number,
                    hint=_hint(one),
                    severity=_severity(one),
                )
            for one in cell.leaks:
                yield Finding(
                    message=f"The outputs of the cell contain {_what(one)}",
                    file=notebook.path,
                    line=_line_of_output(subject, notebook.path, one),
                    cell=cell.number,
                    hint=f"{_hint(one)}; clear the outputs",
                )


def _in_files(subject: Subject) -> Iterator[Finding]:
    for path, size in subject.tracked.items():
        if size and OF_SERVER.search(path):
            yield _of_server(path)
            continue
        if not 0 < size <= LARGEST_SETTINGS or EXAMPLES.search(path) or LOCKS.search(path):
            continue
        for one in _in_file(subject, path):
            yield Finding(
                message=f"The file contains {_what(one)}",
                file=path,
                line=one.line,
                hint=_hint(one),
                severity=_severity(one) or _of_a_server_elsewhere(subject, path, one),
            )


def _of_a_server_elsewhere(subject: Subject, path: str, one: Credential) -> Severity | None:
    """A server that a script of a person starts is on that person's machine."""
    started = path.endswith((".sh", ".bash")) and path not in (
        subject.text(subject.config("start") or "") or ""
    )
    return "info" if one.of_server and started else None


def _in_file(subject: Subject, path: str) -> tuple[Credential, ...]:
    if UNQUOTED.search(path):
        return credentials_in_settings(subject.text(path) or "", netrc=bool(NETRC.search(path)))
    if SCRIPTS.search(path):
        return credentials_in_script(subject.text(path) or "")
    if not QUOTED.search(path):
        return ()
    text = subject.text(path) or ""
    found = credentials_in_code(text)
    if path.endswith(YAML):
        known = {one.secret for one in found}
        found += tuple(one for one in credentials_in_settings(text) if one.secret not in known)
    return found


def _of_server(path: str) -> Finding:
    return Finding(
        message="The file is a secret that a Jupyter server made for itself",
        file=path,
        hint=f"Run `git rm --cached {shlex.quote(path)}`, add it to `.gitignore`, and delete it on the server, which makes a new one",
    )


def _what(one: Credential) -> str:
    shown = f" (`{one.begin}…`)" if one.begin and not one.begin.startswith("-") else ""
    return f"{one.what}{shown}"


def _severity(one: Credential) -> Severity | None:
    """What is given to everybody opens nothing else, a hub is not the image, and a hash is no password."""
    return "info" if one.of_guests or one.of_cookies or one.hashed else None


def _hint(one: Credential) -> str:
    where = f" at {one.who}" if one.who else ""
    return (
        f"Revoke it{where}, because it stays in the git history; read a new one from an environment variable"
    )


def _line_of_output(subject: Subject, path: str, one: Credential) -> int | None:
    try:
        data = subject.checkout.read_bytes(path, limit=LARGEST)
    except R2iError:
        return None
    at = data.find(one.secret.encode())
    return data.count(b"\n", 0, at) + 1 if at >= 0 else None


RULES = (
    Rule(
        code="N403",
        name="credential-in-notebook",
        severity="error",
        why="Everybody with the repository or its image can use the credential.",
        find=_in_notebooks,
    ),
    Rule(
        code="N404",
        name="credential-in-file",
        severity="error",
        why="Everybody with the repository or its image can use the credential.",
        find=_in_files,
    ),
)
