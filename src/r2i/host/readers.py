"""Configuration files of pip, uv and conda, and netrc, as variables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from string import Template
from typing import Any

from r2i.host.condarc import condarc_files, of_condarc, of_variables
from r2i.host.variables import SEPARATORS
from r2i.model import Notice

#: pip's options and uv's settings that matter, by the variable which says the same.
PIP_OPTIONS = {
    "index-url": "PIP_INDEX_URL",
    "extra-index-url": "PIP_EXTRA_INDEX_URL",
    "find-links": "PIP_FIND_LINKS",
    "trusted-host": "PIP_TRUSTED_HOST",
    "timeout": "PIP_DEFAULT_TIMEOUT",
    "default-timeout": "PIP_DEFAULT_TIMEOUT",
    "retries": "PIP_RETRIES",
    "proxy": "PIP_PROXY",
    "cert": "PIP_CERT",
}
UV_SETTINGS = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_EXTRA_INDEX_URL",
    "find-links": "UV_FIND_LINKS",
    "index-strategy": "UV_INDEX_STRATEGY",
    "allow-insecure-host": "UV_INSECURE_HOST",
    "python-install-mirror": "UV_PYTHON_INSTALL_MIRROR",
    "pypy-install-mirror": "UV_PYPY_INSTALL_MIRROR",
    "python-downloads-json-url": "UV_PYTHON_DOWNLOADS_JSON_URL",
    "native-tls": "UV_NATIVE_TLS",
    "system-certs": "UV_SYSTEM_CERTS",
}


def read_pip(environ: Mapping[str, str], home: Path, system: Path, notices: list[Notice]) -> dict[str, str]:
    """pip's configuration as variables: later files and pip's section `install` count before the others."""
    import configparser

    named = environ.get("PIP_CONFIG_FILE")
    if named == "/dev/null":  # pip's way to say: no configuration at all
        return {}
    files = [
        *(Path(path) / "pip/pip.conf" for path in environ.get("XDG_CONFIG_DIRS", "").split(":") if path),
        system / "etc/xdg/pip/pip.conf",
        system / "etc/pip.conf",
        home / ".pip/pip.conf",
        home / "Library/Application Support/pip/pip.conf",
        _config_home(environ, home) / "pip/pip.conf",
        *([Path(environ["VIRTUAL_ENV"]) / "pip.conf"] if environ.get("VIRTUAL_ENV") else []),
        *([Path(named)] if named else []),
    ]
    result: dict[str, str] = {}
    for section in ("global", "install"):
        for path in (path for path in files if path.is_file()):
            parser = configparser.RawConfigParser()
            try:
                parser.read_string(read(path, notices))
            except configparser.Error:
                notices.append(warning(f"`{path}` is not a valid configuration file; build steps ignore it"))
                continue
            items = parser.items(section) if parser.has_section(section) else []
            options = ((name.lower().lstrip("-").replace("_", "-"), value) for name, value in items)
            result |= {PIP_OPTIONS[name]: _joined(value) for name, value in options if name in PIP_OPTIONS}
    if result.get("PIP_CERT", "").startswith("~/"):
        result["PIP_CERT"] = f"{home}{result['PIP_CERT'][1:]}"
    return {name: value for name, value in result.items() if value}


def read_conda(environ: Mapping[str, str], home: Path, system: Path, notices: list[Notice]) -> dict[str, str]:
    """conda's configuration as variables, those of the environment last; its files may name these by `${NAME}`."""
    result: dict[str, str] = {}
    for path in (path for path in condarc_files(environ, home, system) if path.is_file()):
        found = of_condarc(Template(read(path, notices)).safe_substitute(environ))
        if found is None:
            notices.append(warning(f"`{path}` is not a valid configuration file; build steps ignore it"))
        result |= found or {}
    return result | of_variables(environ)


def read_uv(environ: Mapping[str, str], home: Path, system: Path, notices: list[Notice]) -> dict[str, str]:
    """uv's configuration as variables: the user's counts before the system's, its indexes come first."""
    import tomllib

    if environ.get("UV_NO_CONFIG", "").lower() in ("1", "true", "yes", "on"):
        return {}
    files = [system / "etc/uv/uv.toml", _config_home(environ, home) / "uv/uv.toml"]
    if environ.get("UV_CONFIG_FILE"):
        files = [Path(environ["UV_CONFIG_FILE"])]
    result: dict[str, str] = {}
    for path in (path for path in files if path.is_file()):
        try:
            table = tomllib.loads(read(path, notices))
        except (tomllib.TOMLDecodeError, RecursionError):
            notices.append(warning(f"`{path}` is not valid TOML; build steps ignore it"))
            continue
        found = dict(_uv_variables(table))
        if "UV_INDEX" in found and "UV_INDEX" in result:
            found["UV_INDEX"] += f" {result['UV_INDEX']}"
        result |= found
    return result


def _uv_variables(table: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    pip = table.get("pip")
    for settings in (table, pip if isinstance(pip, dict) else {}):
        for name, variable in UV_SETTINGS.items():
            match settings.get(name):
                case bool(value):
                    yield variable, str(value).lower()
                case str(value):
                    yield variable, value
                case [*values]:
                    yield variable, SEPARATORS.get(variable, " ").join(map(str, values))
                case _:
                    pass
    entries = table.get("index")
    indexes = [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    more = []
    for entry in indexes:
        address = f"{entry['name']}={entry.get('url')}" if entry.get("name") else str(entry.get("url"))
        if entry.get("default") is True:
            yield "UV_DEFAULT_INDEX", address
        elif entry.get("explicit") is not True:  # only for packages that a project names
            more.append(address)
    if more:
        yield "UV_INDEX", " ".join(more)


def read_netrc(
    environ: Mapping[str, str], home: Path, hosts: set[str], notices: list[Notice]
) -> dict[str, tuple[str, str]]:
    """Login and password by host, for the hosts of the configured addresses."""
    import netrc

    path = Path(environ.get("NETRC") or home / ".netrc")
    if not path.is_file():
        return {}
    try:
        entries = netrc.netrc(str(path)).hosts
    except (OSError, UnicodeDecodeError, netrc.NetrcParseError) as error:
        # An error of the parser holds the token at which it stopped, maybe a password.
        why = error.strerror if isinstance(error, OSError) else "it is not a valid netrc file"
        notices.append(warning(f"`{path}` has no effect in build steps: {why}"))
        return {}
    return {
        host.lower(): (login or "", password or "")
        for host, (login, _, password) in entries.items()
        if host.lower() in hosts
    }


def _config_home(environ: Mapping[str, str], home: Path) -> Path:
    return Path(environ.get("XDG_CONFIG_HOME") or home / ".config")


def _joined(value: str) -> str:
    return " ".join(value.split())


def read(path: Path, notices: list[Notice]) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        notices.append(warning(f"`{path}` cannot be read ({error.strerror}); build steps ignore it"))
        return ""


def warning(message: str) -> Notice:
    return Notice(level="warning", message=message)
