"""Access tokens of the environment, each for one host."""

from __future__ import annotations

from collections.abc import Mapping

from r2i.sources.web.client import HostToken


def access_token(
    variable: str, *, host: str, environ: Mapping[str, str], scheme: str = "Bearer"
) -> HostToken | None:
    """The token that a variable has for a host, None where it has none; `scheme` is the word before it in the header."""
    value = environ.get(variable, "").strip()
    if not value:
        return None
    return HostToken(host=host, header="Authorization", value=f"{scheme} {value}", variable=variable)
