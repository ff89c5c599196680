"""Which extras and groups of a lock are installed: what the author's tool takes unasked, and what the user names."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from r2i.errors import UsageError
from r2i.formats.requirements.specifiers import normalised
from r2i.model import Options

#: Options that are looked at where something is selected: for an environment's `heeds`.
HEEDED = ("--extra", "--group")


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Normalised names (PEP 685), without those that are there twice."""

    extras: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    added: tuple[str, ...] = ()

    def arguments(self) -> tuple[str, ...]:
        """For uv, which takes the default groups by itself."""
        extras = (word for name in self.extras for word in ("--extra", name))
        return (*extras, *(word for name in self.added for word in ("--group", name)))


def select(
    options: Options, file: str, *, extras: Iterable[str], groups: Iterable[str], default: Iterable[str] = ()
) -> Selection:
    """Raise where the user names what `file` does not have."""
    chosen = _known(options.extras, extras, file, option="--extra", what="optional dependencies")
    added = _known(options.groups, groups, file, option="--group", what="dependency groups")
    names = (*(normalised(name) for name in default), *added)
    return Selection(extras=chosen, groups=tuple(dict.fromkeys(names)), added=added)


def _known(
    named: Iterable[str], available: Iterable[str], file: str, *, option: str, what: str
) -> tuple[str, ...]:
    chosen = tuple(dict.fromkeys(normalised(name) for name in named))
    known = sorted({normalised(name) for name in available}) if chosen else []
    for name in chosen:
        if name not in known:
            there_are = ", ".join(f"`{each}`" for each in known)
            raise UsageError(
                f"`{option} {name}`: `{file}` has no {what} of that name",
                hint=f"Choose one of {there_are}" if known else f"Remove `{option}`: the file has none",
            )
    return chosen
