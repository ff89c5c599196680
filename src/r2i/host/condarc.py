"""conda's own configuration, as the variables that say the same: mirrors, names of channels, certificates, proxies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

#: What a build step is told, beside variables that conda itself reads. Both are words, separated by blanks.
DEFAULT_CHANNELS = "R2I_CONDA_DEFAULT_CHANNELS"
CUSTOM_CHANNELS = "R2I_CONDA_CUSTOM_CHANNELS"

#: What is a number of seconds.
TIMEOUTS = {
    "remote_connect_timeout_secs": "CONDA_REMOTE_CONNECT_TIMEOUT_SECS",
    "remote_read_timeout_secs": "CONDA_REMOTE_READ_TIMEOUT_SECS",
}


def condarc_files(environ: Mapping[str, str], home: Path, system: Path) -> list[Path]:
    """The files that conda reads, the strongest last."""
    named = [Path(environ[name]) for name in ("CONDA_PREFIX",) if environ.get(name)]
    return [
        system / "etc/conda/.condarc",
        system / "etc/conda/condarc",
        system / "var/lib/conda/.condarc",
        system / "var/lib/conda/condarc",
        *(
            Path(environ[name]) / ".condarc"
            for name in ("CONDA_ROOT", "MAMBA_ROOT_PREFIX")
            if environ.get(name)
        ),
        Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / "conda/.condarc",
        home / ".conda/.condarc",
        home / ".condarc",
        *(path / ".condarc" for path in named),
        *([Path(environ["CONDARC"])] if environ.get("CONDARC") else []),
    ]


def of_condarc(text: str) -> dict[str, str] | None:
    """The settings of one file; None where it is not valid."""
    import yaml

    try:
        table = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError):  # ValueError: a date that does not exist
        return None
    if table is None:
        return {}
    return dict(_variables(table)) if isinstance(table, dict) else None


def of_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """conda's own variable for a list is written with commas."""
    given = environ.get("CONDA_DEFAULT_CHANNELS", "").replace(",", " ").split()
    return {DEFAULT_CHANNELS: " ".join(given)} if given else {}


def _variables(table: Mapping[Any, Any]) -> Iterator[tuple[str, str]]:
    alias, defaults = table.get("channel_alias"), table.get("default_channels")
    custom, proxies = table.get("custom_channels"), table.get("proxy_servers")
    if isinstance(alias, str):
        yield "CONDA_CHANNEL_ALIAS", alias
    if isinstance(defaults, list):
        yield DEFAULT_CHANNELS, " ".join(map(str, defaults))
    if isinstance(custom, dict):
        yield CUSTOM_CHANNELS, " ".join(f"{name}={address}" for name, address in custom.items())
    if isinstance(proxies, dict):
        yield from (
            (f"{name.upper()}_PROXY", str(proxies[name])) for name in ("http", "https") if proxies.get(name)
        )
    # It may also be a truth value, or a word.
    if "/" in str(table.get("ssl_verify")):
        yield "CONDA_SSL_VERIFY", str(table["ssl_verify"])
    for name, variable in TIMEOUTS.items():
        if isinstance(table.get(name), (int, float)):
            yield variable, str(table[name])
