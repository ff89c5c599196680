"""F2: files whose names nearly are those that count."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from functools import lru_cache

from r2i.buildpacks import ENVIRONMENTS
from r2i.check.findings import Finding, Rule
from r2i.check.subject import Subject
from r2i.check.targets import BINDER_ONLY
from r2i.edits.fixes import Fix
from r2i.facts.tables import read_table
from r2i.planning.detect import config_names

#: What a name can be meant for. The others are so short or so common that a similar one is most likely just similar.
MEANT = (
    "environment.yml",
    "environment.yaml",
    "requirements.txt",
    "Pipfile",
    "Pipfile.lock",
    "runtime.txt",
    "install.R",
    "postBuild",
    "Dockerfile",
    "apt.txt",
    "start",
)
SCRIPTS = ("postBuild", "start")

#: A line of a script that does something.
COMMAND = re.compile(r"^[ \t]*[^#\s]", re.MULTILINE)

#: Names that r2i reads, and Binder does not.
NOT_OF_BINDER = frozenset({"install.r"})

#: Names of which two letters are not enough to tell them apart.
SHORTEST = 7


def _misspelled(subject: Subject) -> Iterator[Finding]:
    if subject.config("Dockerfile"):
        return
    used, known = _used(subject), frozenset(config_names()) - NOT_OF_BINDER
    for path in subject.files:
        directory, _, name = path.rpartition("/")
        if directory != subject.config_dir or path in used or name in known:
            continue
        right = meant_by(name) or _meant_alone(subject, name)
        if right and _would_count(subject, right) and not _is_something_else(subject, path, right):
            new = posixpath.join(directory, right)
            yield Finding(
                message=f"Binder does not read `{path}`, only `{right}`",
                file=path,
                hint=f"Rename it to `{new}`",
                fix=Fix(title=f"Rename `{path}` to `{new}`", renamed=((path, new),)),
                targets=BINDER_ONLY if name in NOT_OF_BINDER else None,
            )


def meant_by(name: str) -> str | None:
    """The name that counts, for one that does not and is hardly an accident."""
    if found := _table("meant").get(name.lower()):
        return found
    bare = re.sub(r"\.(?:txt|text)$", "", name, flags=re.IGNORECASE)
    if bare != name and bare in MEANT and bare != "start":
        return bare
    for right in MEANT:
        if right in SCRIPTS and _squashed(name).removesuffix(".sh") == _squashed(right):
            # `start.sh` starts anything, everywhere.
            return right if right != "start" or name.lower() == right else None
        if _squashed(name) == _squashed(right):
            return right
    return next((right for right in MEANT if _is_slip(name, right)), None)


def _meant_alone(subject: Subject, name: str) -> str | None:
    environment = subject.environment
    if environment is None or environment.defined_by:
        return None
    return _table("alone").get(name.lower())


def _is_slip(name: str, right: str) -> bool:
    """Whether one letter is missing, too many, another one, or changed places with the next; no digit or sign is one, no ending."""
    stem, ending = posixpath.splitext(name.lower())
    right_stem, right_ending = posixpath.splitext(right.lower())
    if ending != right_ending or len(right_stem) < SHORTEST or not stem.isalpha():
        return False
    if len(stem) < len(right_stem):
        stem, right_stem = right_stem, stem
    at = next((i for i, (a, b) in enumerate(zip(stem, right_stem, strict=False)) if a != b), len(right_stem))
    rest, right_rest = stem[at:], right_stem[at:]
    if len(stem) == len(right_stem):
        swapped = rest[1:2] + rest[:1] + rest[2:]
        return rest[1:] == right_rest[1:] or swapped == right_rest
    return rest[1:] == right_rest


@lru_cache(maxsize=64)
def _squashed(name: str) -> str:
    return re.sub(r"[-_ ]", "", name.lower())


def _used(subject: Subject) -> set[str]:
    """What other files of the configuration name: it counts under any name."""
    if subject.plan is None:
        return set()
    evidence = {e.file for layer in subject.plan.layers for e in layer.evidence if e.file}
    evidence -= {path for name in NOT_OF_BINDER if (path := subject.config(name))}
    scripts = " ".join(subject.text(path) or "" for name in SCRIPTS if (path := subject.config(name)))
    return evidence | {path for path in subject.files if posixpath.basename(path) in scripts.split()}


def _would_count(subject: Subject, right: str) -> bool:
    """Whether nothing of that name, or stronger, is there already."""
    same = ("environment.yml", "environment.yaml") if right.startswith("environment.") else (right,)
    if any(map(subject.config, same)):
        return False
    environment = subject.environment
    if environment is None or not environment.defined_by:
        return True
    if right == "Dockerfile":  # it would replace what there is
        return False
    rank = _rank(right)
    return rank is None or rank <= (_rank(posixpath.basename(environment.defined_by)) or 0)


def _rank(name: str) -> int | None:
    """How strong a file is among those that define the environment: 0 wins."""
    return max((i for i, pack in enumerate(ENVIRONMENTS) if name in pack.files), default=None)


def _is_something_else(subject: Subject, path: str, right: str) -> bool:
    """A short name may be anybody's: a script begins as scripts do. One without a command does nothing under any name."""
    if right not in SCRIPTS:
        return False
    text = subject.text(path) or ""
    return (right == "start" and not text.startswith("#!")) or COMMAND.search(text) is None


def _misnamed_directory(subject: Subject) -> Iterator[Finding]:
    if subject.config_dir:
        return
    known = frozenset(config_names())
    inside: dict[str, list[str]] = {}
    for path in subject.files:
        directory, _, name = path.rpartition("/")
        if name in known:
            inside.setdefault(directory, []).append(path)
    for directory, paths in inside.items():
        right = re.sub(r"s$", "", directory.lower())
        if directory and right in ("binder", ".binder"):
            yield Finding(
                message=f"Binder does not read `{directory}/`, only `{right}/`",
                file=paths[0],
                hint=f"Rename the directory to `{right}`",
                fix=Fix(title=f"Rename `{directory}/` to `{right}/`", renamed=((directory, right),)),
            )


def near_misses(subject: Subject) -> bool:
    """Whether a file or a directory was meant to be one of the configuration."""
    return any(True for find in (_misspelled, _misnamed_directory) for _ in find(subject))


def _table(name: str) -> dict[str, str]:
    table: dict[str, str] = read_table("r2i.check.facts", "names.toml")[name]
    return table


RULES = (
    Rule(
        code="F201",
        name="misspelled-file",
        severity="warning",
        why="Binder looks for exact names, and silently ignores other files.",
        find=_misspelled,
        varying=True,
    ),
    Rule(
        code="F202",
        name="misnamed-directory",
        severity="warning",
        why="Binder looks for exact names, and ignores this directory.",
        find=_misnamed_directory,
    ),
)
