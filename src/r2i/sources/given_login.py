"""The login that a platform gives a build in a variable, as repo2docker's image takes it from BinderHub."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import replace

from r2i.errors import UsageError
from r2i.host.logins import GIT_LOGIN
from r2i.model import Credentials, Source


def with_login(source: Source, environ: Mapping[str, str]) -> Source:
    """With what `git credential` would read in the variable, for the server of the repository only. Raises `UsageError`."""
    # BinderHub writes the line end as two characters.
    text = environ.get(GIT_LOGIN, "").replace("\\n", "\n")
    if not text.strip() or source.credentials or source.provider != "git":
        return source
    if not source.location.startswith(("https://", "http://")):
        return source
    fields = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    username, password = fields.get("username", ""), fields.get("password", "")
    if not password or any(unicodedata.category(c) in {"Cc", "Cs"} for c in username + password):
        raise UsageError(
            f"`{GIT_LOGIN}` is not a login",
            hint="Write it in two lines, `username=NAME` and `password=TOKEN`",
        )
    return replace(source, credentials=Credentials(username=username, password=password))
