"""Repositories of notebooks that tests of `r2i init` write."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.check.cases import GIT
from tests.writing import write


def notebook(*cells: str, python: str = "3.13.1") -> str:
    return json.dumps(
        {
            "cells": [
                {"cell_type": "code", "source": cell, "metadata": {}, "outputs": [], "execution_count": None}
                for cell in cells
            ],
            "metadata": {
                "kernelspec": {"name": "python3", "language": "python", "display_name": "Python 3"},
                "language_info": {"name": "python", "version": python},
            },
            "nbformat": 4,
            "nbformat_minor": 5,
        },
        indent=1,
    )


def repository(top: Path, files: dict[str, str], *, remote: str = "https://github.com/me/course") -> Path:
    """A directory `repo` with these files, a work tree where it has a remote."""
    directory = top / "repo"
    write(directory, files)
    if remote:
        for command in (("init", "--quiet", "--initial-branch=main"), ("remote", "add", "origin", remote)):
            subprocess.run([*GIT, *command], cwd=directory, check=True, capture_output=True)
    return directory


def files_of(directory: Path) -> dict[str, str]:
    return {
        path.relative_to(directory).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(directory.rglob("*"))
        if path.is_file() and ".git" not in path.relative_to(directory).parts
    }
