"""The address that is opened when a server is ready."""

from __future__ import annotations

from urllib.parse import quote

from r2i.sources.opens import below_server


def page_path(option: str | None, opens: str, default: str) -> str:
    """What `--urlpath` says, else what a link opens, else a default. Raises `UsageError` for what is not of the server."""
    if option:
        return below_server(option.lstrip("/"), what="`--urlpath`")
    return opens or default


def page(server: str, path: str, *, token: str) -> str:
    """The address of a path, with the token where the server reads it: before a fragment, which it never sees."""
    path, mark, fragment = path.partition("#")
    return f"{server}/{path}{'&' if '?' in path else '?'}token={quote(token)}{mark}{fragment}"
