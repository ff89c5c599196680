"""The repositories in `fixtures/repos`: what each is for, and what r2i makes of it."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path
from shlex import quote
from typing import Any

from r2i.checkout import Checkout
from r2i.errors import R2iError
from r2i.model import Dockerfile, Options, Plan
from r2i.planning.compose import make_plan
from r2i.planning.plan_json import to_json
from r2i.planning.render import render

ROOT = Path(__file__).parents[1]
REPOS = ROOT / "tests" / "fixtures" / "repos"

#: Runs a cell in a kernel of the server and prints what it printed. `jupyter run` waits for a word that may be lost.
CELL = """
import sys, nbclient, nbformat
notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(sys.argv[2])])
nbclient.NotebookClient(notebook, kernel_name=sys.argv[1], timeout=300).execute()
print(end="".join(output.get("text", "") for output in notebook.cells[0].outputs))
"""


def asking_kernel(code: str, kernel: str = "python3") -> str:
    """A shell command for an image: a cell with that code is run, by the Python that the server has."""
    python = '"$(sed -n "1s/^#!//p" "$(command -v jupyter-nbconvert)")"'
    return f"{python} -c {quote(CELL)} {kernel} {quote(code)}"


@dataclass(frozen=True, kw_only=True)
class Case:
    """`case.toml`: `fails` says where a `fails-*` case fails, `podman` that the case is built with Podman, too.

    `exit` and `says` are the exit code and words of a build that fails, `serves` is false where the image is not
    Jupyter's, `builds` where it is never really built, `kernel` is how the path of its kernel's Python begins, `conda` is true where its packages are of the tests' channel, `cran` where they are of their mirror,
    `pythons` are those that uv is offered, `options` are those of `r2i build` in Python's spelling.
    """

    name: str
    fails: str = ""
    exit: int = 7
    says: list[str] = field(default_factory=list)
    podman: bool = False
    serves: bool = True
    builds: bool = True
    kernel: str = "/srv/env/bin/python "
    conda: bool = False
    cran: bool = False
    pythons: list[str] = field(default_factory=list)
    subdir: str = ""
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def directory(self) -> Path:
        return REPOS / self.name

    @property
    def repo(self) -> Path:
        return self.directory / "repo"

    @property
    def verify(self) -> Path:
        return self.directory / "verify"


def case(name: str) -> Case:
    """Read a case; a key that `case.toml` does not know is an error."""
    file = REPOS / name / "case.toml"
    given = tomllib.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    unknown = given.keys() - ({f.name for f in fields(Case)} - {"name"})
    if unknown:
        raise ValueError(f"{file}: unknown keys {sorted(unknown)}")
    fails = given.pop("fails", "plan" if name.startswith("fails-") else "")
    return Case(name=name, fails=fails, **given)


def all_cases() -> list[Case]:
    return [case(path.name) for path in sorted(REPOS.iterdir()) if path.is_dir()]


def outcome(case: Case) -> tuple[Plan, Dockerfile]:
    checkout = Checkout.open(case.repo, subdirectory=case.subdir)
    plan = make_plan(checkout, Options(**case.options))
    return plan, render(plan, checkout)


def golden_files(case: Case) -> dict[str, str]:
    """What lies beside `repo/`: the plan and the Dockerfile, or the error."""
    try:
        plan, dockerfile = outcome(case)
    except R2iError as error:
        where = f"{error.where}: " if error.where else ""
        hint = f"\nHint: {error.hint}" if error.hint else ""
        return {"error.txt": f"exit {error.exit_code}\nError: {where}{error.message}{hint}\n"}
    return {"plan.json": to_json(plan), "Dockerfile": dockerfile.text}
