"""Caches of layers outside of the builder: `--cache-from` and `--cache-to`.

https://docs.docker.com/build/cache/backends/
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, TypeAlias

from r2i.engines.attributes import attributes, written
from r2i.engines.naming import REFERENCE
from r2i.errors import EngineError, UsageError

CacheOption: TypeAlias = Literal["--cache-from", "--cache-to"]

#: What each kind needs, by option.
NEEDED: Mapping[str, Mapping[CacheOption, tuple[str, ...]]] = {
    "registry": {"--cache-from": ("ref",), "--cache-to": ("ref",)},
    "local": {"--cache-from": ("src",), "--cache-to": ("dest",)},
    "gha": {"--cache-from": (), "--cache-to": ()},
    "inline": {"--cache-to": ()},
    "s3": {"--cache-from": ("bucket", "region"), "--cache-to": ("bucket", "region")},
    "azblob": {"--cache-from": ("account_url",), "--cache-to": ("account_url",)},
}

#: The variables in which buildx reads what nobody else should: a command line can be read by all users of a machine.
VARIABLES: Mapping[str, Mapping[str, str]] = {
    "gha": {"token": "ACTIONS_RUNTIME_TOKEN"},
    "s3": {
        "access_key_id": "AWS_ACCESS_KEY_ID",
        "secret_access_key": "AWS_SECRET_ACCESS_KEY",
        "session_token": "AWS_SESSION_TOKEN",
    },
    "azblob": {},
}

#: The variables that buildx reads for a kind.
PREFIXES: Mapping[str, str] = {"gha": "ACTIONS_", "s3": "AWS_"}


@dataclass(frozen=True, kw_only=True)
class LayerCache:
    """One cache; `values` are for the command line, `secrets` are variables for the environment of buildx."""

    kind: str
    values: Mapping[str, str]
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def word(self) -> str:
        return written({"type": self.kind, **self.values})

    def at(self, name: str, directory: Path) -> LayerCache:
        """The same with another directory of this machine as `src` or `dest`."""
        return replace(self, values={**self.values, name: str(directory)})


def layer_cache(option: CacheOption, text: str) -> LayerCache:
    """Read what was typed; raise `UsageError` without showing any value of it."""
    values = attributes(option, text)
    if "" in values:
        values = {"type": "registry", "ref": values[""]}
    kind = values.pop("type", "")
    kinds = [each for each, needed in NEEDED.items() if option in needed]
    if kind not in kinds:
        said = f"has the unknown type `{kind}`" if kind in NEEDED or kind.isalnum() else "has no known `type`"
        if kind == "inline":
            said = "cannot be of type `inline`"
        raise UsageError(
            f"`{option}` {said}",
            hint="Name the image itself: `--cache-from type=registry,ref=IMAGE`"
            if kind == "inline"
            else f"Use {', '.join(f'`type={each}`' for each in kinds)}",
        )
    if missing := [name for name in NEEDED[kind][option] if name not in values]:
        raise UsageError(
            f"`{option} type={kind}` needs `{missing[0]}`",
            hint=f"Write `{option} type={kind},{','.join(f'{name}=…' for name in NEEDED[kind][option])}`",
        )
    _check_values(option, kind, values)
    secrets = {variable: values.pop(name) for name, variable in _variables(kind).items() if name in values}
    return LayerCache(kind=kind, values=values, secrets=secrets)


def _variables(kind: str) -> Mapping[str, str]:
    return VARIABLES.get(kind, {})


def _check_values(option: CacheOption, kind: str, values: Mapping[str, str]) -> None:
    if kind == "registry" and not REFERENCE.fullmatch(values["ref"]):
        raise UsageError(
            f"The `ref` of `{option}` is not a valid image name",
            hint="Write it like `ghcr.io/owner/name:cache`",
        )
    if values.get("mode", "min") not in {"min", "max"}:
        raise UsageError(f"The `mode` of `{option}` is neither `min` nor `max`", hint="Use `mode=max`")
    if kind == "local" and option == "--cache-from" and not Path(values["src"]).is_dir():
        raise UsageError(
            f"`{option} type=local` names no directory",
            hint="Write it with `--cache-to type=local,dest=DIR` first",
        )
    if kind == "azblob" and "secret_access_key" in values:
        raise UsageError(
            f"`{option} type=azblob` cannot take `secret_access_key`: other users of this machine could read it",
            hint="Set `BUILDKIT_AZURE_STORAGE_SECRET_ACCESS_KEY` for the builder",
        )


def cache_environment(caches: Iterable[LayerCache], environ: Mapping[str, str]) -> dict[str, str]:
    """What buildx reads for these caches; raise `UsageError` where something is missing."""
    found: dict[str, str] = {}
    typed: dict[str, str] = {}
    for cache in caches:
        if prefix := PREFIXES.get(cache.kind):
            found |= {name: value for name, value in environ.items() if name.startswith(prefix)}
        if any(typed.setdefault(name, value) != value for name, value in cache.secrets.items()):
            raise UsageError(
                f"Caches of type `{cache.kind}` have different credentials",
                hint="Use the same for all of them",
            )
        if cache.kind == "gha" and "ACTIONS_RUNTIME_TOKEN" not in found | typed:
            raise UsageError(
                "A cache of type `gha` needs `ACTIONS_RUNTIME_TOKEN`, which only GitHub Actions has",
                hint="Pass the variables of the runner on to r2i, or use `type=registry` or `type=local`",
            )
    return found | typed


def for_podman(option: CacheOption, caches: Iterable[LayerCache]) -> tuple[str, ...]:
    """Podman takes a repository of a registry, without a tag; raise `EngineError` for anything else."""
    words = []
    for cache in caches:
        reference = cache.values.get("ref", "")
        if cache.kind != "registry" or len(cache.values) > 1 or ":" in reference.rpartition("/")[2]:
            raise EngineError(
                f"With Podman, `{option}` takes only a repository of a registry, without a tag and other fields",
                hint=f"Write `{option} HOST/NAME`, or use `--engine docker`",
            )
        words.append(f"{option}={reference}")
    return tuple(words)
