"""The tracebacks in `fixtures/tracebacks`: what real kernels sent, and of the repository what its cause depends on."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

from r2i.check.execution.causes import causes_of
from r2i.check.execution.runs import Cause, Failure, FailureKind, NotebookRun
from r2i.check.git_facts import GitFacts
from r2i.check.subject import Subject
from r2i.checkout import Checkout
from r2i.model import Options

TRACEBACKS = Path(__file__).parents[1] / "fixtures" / "tracebacks"

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n"


@dataclass(frozen=True, kw_only=True)
class Traceback:
    """`<cause>/<name>.txt`, and beside it `<name>.toml` where the rest matters.

    `cells` are those of the notebook, the first of which failed; `requirements` the lines of `requirements.txt`, `python`
    the Python that is asked for, and `base_image` that of the image; `files` are further files by path, `pointers` those of Git LFS. A `kind` other than
    `error` is what ended the notebook, with `message`.
    """

    cause: str
    name: str
    text: str
    notebook: str = "analysis.ipynb"
    cells: list[str] = field(default_factory=list)
    requirements: list[str] = field(default_factory=list)
    python: str = ""
    base_image: str = ""
    files: dict[str, str] = field(default_factory=dict)
    pointers: list[str] = field(default_factory=list)
    kind: FailureKind = "error"
    message: str = ""
    network: bool = False


def read_traceback(path: Path) -> Traceback:
    """A key that the table does not know is an error."""
    file = path.with_suffix(".toml")
    given = tomllib.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    if unknown := given.keys() - {f.name for f in fields(Traceback)}:
        raise ValueError(f"{file}: unknown keys {sorted(unknown)}")
    return Traceback(cause=path.parent.name, name=path.stem, text=path.read_text(encoding="utf-8"), **given)


def all_tracebacks() -> list[Traceback]:
    return [read_traceback(path) for path in sorted(TRACEBACKS.glob("*/*.txt"))]


def repository(traceback: Traceback, directory: Path) -> Subject:
    notebook = {
        "cells": [_cell(source) for source in traceback.cells or [""]],
        "metadata": {"kernelspec": {"name": "python3", "language": "python"}},
        "nbformat": 4,
        "nbformat_minor": 4,
    }
    files = {"requirements.txt": "".join(f"{line}\n" for line in traceback.requirements), **traceback.files}
    files |= dict.fromkeys(traceback.pointers, POINTER)
    files[traceback.notebook] = json.dumps(notebook)
    for path, text in files.items():
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        (directory / path).write_text(text, encoding="utf-8")
    # Of a day on which nothing changes but what `--as-of commit` can be proposed for.
    checkout = replace(Checkout.open(directory), date="2026-11-20T00:00:00Z")
    options = Options(python=traceback.python or None)
    if traceback.base_image:
        options = replace(options, base_image=traceback.base_image)
    return Subject(checkout=checkout, options=options, git=GitFacts(modes={}))


def run_of(traceback: Traceback) -> NotebookRun:
    lines = traceback.text.rstrip("\n").split("\n")
    name, _, value = lines[-1].partition(": ")
    return NotebookRun(
        path=traceback.notebook,
        failure=Failure(
            kind=traceback.kind,
            message=traceback.message or lines[-1],
            cell=1,
            source=traceback.cells[0] if traceback.cells else "",
            error_name=name,
            error_value=value,
            traceback=tuple(lines),
        ),
    )


def cause_of(traceback: Traceback, directory: Path) -> tuple[Subject, Cause | None]:
    subject = repository(traceback, directory)
    return subject, next(causes_of(subject, run_of(traceback), network=traceback.network), None)


def _cell(source: str) -> dict[str, object]:
    return {
        "cell_type": "code",
        "execution_count": None,
        "metadata": {},
        "outputs": [],
        "source": source.splitlines(keepends=True),
    }
