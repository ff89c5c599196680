"""F21: configuration that is on this disk only."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from r2i.check.findings import Finding, Rule
from r2i.check.git_facts import GitFacts
from r2i.check.subject import Subject
from r2i.errors import R2iError
from r2i.planning.detect import config_names


def _not_committed(subject: Subject) -> Iterator[Finding]:
    git = subject.git
    if git is None or not git.modes:  # nothing of the directory is anybody's business yet
        return
    for path in _counting(subject):
        word = shlex.quote(path)
        if git.is_ignored(path):
            yield Finding(
                message=f"`{path}` affects the build, but git ignores it, so nobody else has it",
                file=path,
                hint=f"Remove it from `.gitignore` and commit it (`git add --force {word}`), or delete it",
            )
        elif _is_untracked(git, path):
            yield Finding(
                message=f"`{path}` affects the build, but is not in git, so nobody else has it",
                file=path,
                hint=f"Commit it: `git add {word}`",
            )


def _counting(subject: Subject) -> list[str]:
    """The configuration, and what it reads."""
    try:
        config = [path for name in config_names() if (path := subject.checkout.config(name))]
    except R2iError:  # two directories
        return []
    layers = subject.plan.layers if subject.plan else ()
    evidence = (e.file for layer in layers for e in layer.evidence)
    read = [file for file in evidence if file and not file.endswith(".ipynb") and subject.checkout.has(file)]
    return list(dict.fromkeys((*config, *read)))


def _is_untracked(git: GitFacts, path: str) -> bool:
    parts = path.split("/")
    return path in git.untracked or any(
        "/".join(parts[:end]) + "/" in git.untracked for end in range(1, len(parts))
    )


RULES = (
    Rule(
        code="F211",
        name="not-committed",
        severity="warning",
        why="Binder clones the repository, so files that are not in git are missing.",
        find=_not_committed,
        follows_file=True,
    ),
)
