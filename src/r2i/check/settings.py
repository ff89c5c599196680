"""What is checked: `--select` and `--ignore`, `[tool.r2i.check]` of `pyproject.toml`, and comments in the files."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any

from r2i.check.targets import BOTH, CHOICES, Targets
from r2i.checkout import Checkout
from r2i.errors import InvalidRepositoryError, UsageError

FILE = "pyproject.toml"
KEYS = ("select", "ignore", "exclude", "max-size", "target", "per-file-ignores")

#: `# r2i: ignore` is for all rules, `# r2i: ignore[N301, D2]` for those; in a notebook's JSON it stands in a string.
COMMENT = re.compile(r"#\s*r2i:\s*ignore(?:\[([A-Z0-9,\s]*)\])?")

SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([kMGT]?)i?B?\s*", re.IGNORECASE)
UNITS = {"": 1, "k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12}

#: What an image may weigh before it is slow to start on a hub, in bytes.
MAX_SIZE = 4_000_000_000


@dataclass(frozen=True, kw_only=True)
class CheckSettings:
    """Codes are whole or beginnings; an empty `select` is all of them. `max_size` is in bytes, `targets` are whose images count."""

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    per_file_ignores: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    max_size: int = MAX_SIZE
    targets: Targets = BOTH

    def selects(self, code: str) -> bool:
        return (not self.select or code.startswith(self.select)) and not code.startswith(
            self.ignore or ("\0",)
        )

    def excludes(self, path: str) -> bool:
        return any(_matches(path, pattern) for pattern in self.exclude)

    def ignores(self, code: str, path: str | None, line: str) -> bool:
        """Whether the repository does not want to hear this of that file, or of this line of it."""
        if match := COMMENT.search(line):
            codes = tuple(word for word in re.split(r"[,\s]+", match[1] or "") if word)
            if match[1] is None or code.startswith(codes or ("\0",)):
                return True
        return path is not None and any(
            code.startswith(codes)
            for pattern, codes in self.per_file_ignores.items()
            if _matches(path, pattern)
        )


def settings_of(checkout: Checkout, *, codes: Collection[str]) -> CheckSettings:
    """What `pyproject.toml` says; raise `InvalidRepositoryError` where it is wrong.

    The file may lie anywhere where the environment does not count: it is that of the checkout's root.
    """
    if not checkout.has(FILE):
        return CheckSettings()
    tool = checkout.read_toml(FILE).get("tool")
    r2i = _table(tool.get("r2i", {}) if isinstance(tool, dict) else {}, "tool.r2i", ("check",))
    given = _table(r2i.get("check", {}), "tool.r2i.check", KEYS)
    ignores = given.get("per-file-ignores", {})
    if not isinstance(ignores, dict):
        raise _wrong("`tool.r2i.check.per-file-ignores` is not a table")
    return CheckSettings(
        select=_codes(given.get("select", []), "select", codes),
        ignore=_codes(given.get("ignore", []), "ignore", codes),
        exclude=_strings(given.get("exclude", []), "exclude"),
        per_file_ignores={
            pattern: _codes(value, f"per-file-ignores.{pattern}", codes) for pattern, value in ignores.items()
        },
        max_size=_size(given["max-size"]) if "max-size" in given else MAX_SIZE,
        targets=_targets(given.get("target", "both")),
    )


def with_chosen(
    settings: CheckSettings,
    *,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    max_size: str | None,
    target: str | None = None,
    codes: Collection[str],
) -> CheckSettings:
    """The command line decides over the file, and adds to what that ignores; raise `UsageError` where it is wrong."""
    select, ignore = _separate(select), _separate(ignore)
    for option, given in (("--select", select), ("--ignore", ignore)):
        for code in given:
            if not any(known.startswith(code) for known in codes):
                raise UsageError(
                    f"`{option} {code}` matches no rule", hint="Run `r2i check --rules` to list all rules"
                )
    size = settings.max_size if max_size is None else parsed_size(max_size)
    if size is None:
        raise UsageError(f"`--max-size {max_size}` is not a size", hint="Write `--max-size 2GB`")
    return replace(
        settings,
        select=select or settings.select,
        ignore=(*settings.ignore, *ignore),
        max_size=size,
        targets=settings.targets if target is None else CHOICES[target],
    )


def _separate(given: Iterable[str]) -> tuple[str, ...]:
    """`f1,d` is `F1` and `D`."""
    return tuple(code.strip().upper() for one in given for code in one.split(",") if code.strip())


def parsed_size(text: str) -> int | None:
    """`2 GB`, `500MB` in bytes; None where it is no size."""
    match = SIZE.fullmatch(text)
    return int(float(match[1]) * UNITS[match[2].lower()]) if match else None


def _table(value: object, name: str, keys: tuple[str, ...]) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise _wrong(f"`{name}` is not a table")
    if unknown := value.keys() - {*keys}:
        known = ", ".join(f"`{key}`" for key in keys)
        raise _wrong(f"`{name}` has no key `{min(unknown)}`", hint=f"Write one of {known}")
    return value


def _size(value: object) -> int:
    size = parsed_size(value) if isinstance(value, str) else None
    if size is None:
        raise _wrong("`tool.r2i.check.max-size` is not a size", hint='Write `max-size = "2 GB"`')
    return size


def _targets(value: object) -> Targets:
    targets = CHOICES.get(value) if isinstance(value, str) else None
    if targets is None:
        known = ", ".join(f'`"{name}"`' for name in CHOICES)
        raise _wrong("`tool.r2i.check.target` is not a target", hint=f"Write one of {known}")
    return targets


def _codes(value: object, key: str, codes: Collection[str]) -> tuple[str, ...]:
    given = _strings(value, key)
    for code in given:
        if not any(known.startswith(code) for known in codes):
            raise _wrong(
                f"`tool.r2i.check.{key}` contains `{code}`, which matches no rule",
                hint="Run `r2i check --rules` to list all rules",
            )
    return given


def _strings(value: Any, key: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(one, str) and one for one in value):
        raise _wrong(f"`tool.r2i.check.{key}` is not a list of strings")
    return tuple(value)


def _matches(path: str, pattern: str) -> bool:
    """As in a shell, where `*` also reaches into directories; the name of a directory is for all below it."""
    pattern = pattern.rstrip("/")
    return fnmatchcase(path, pattern) or path.startswith(f"{pattern}/") or fnmatchcase(path, f"{pattern}/*")


def _wrong(message: str, *, hint: str | None = None) -> InvalidRepositoryError:
    return InvalidRepositoryError(message, file=FILE, hint=hint)
