"""The line in which a `postBuild` failed, as bash tells it, and that scripts run as they do without it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from r2i.diagnosis.step import explained
from r2i.errors import BuildFailedError
from r2i.model import Dockerfile, Options
from r2i.planning.compose import make_plan
from r2i.process import Completed, run
from tests.cases import ROOT
from tests.writing import write

PROGRAM = ROOT / "src" / "r2i" / "image" / "programs" / "where-it-failed"

#: That of Debian, as in images.
BASH = shutil.which("bash") or "/bin/bash"


def ran(directory: Path, script: str, *, with_it: bool = True) -> Completed:
    path = directory / "binder" / "postBuild"
    path.parent.mkdir(exist_ok=True)
    path.write_text(script.replace("#!/bin/bash", f"#!{BASH}"), encoding="utf-8")
    path.chmod(0o755)
    new = {"BASH_ENV": str(PROGRAM), "BASH_ENV_OF": "binder/postBuild"} if with_it else {}
    return run(["./binder/postBuild"], cwd=directory, env={**os.environ, **new})


def said(directory: Path, script: str) -> str:
    lines = [line for line in ran(directory, script).stderr.splitlines() if line.startswith("r2i: ")]
    return lines[-1].partition("failed with ")[2] if lines else ""


@pytest.mark.parametrize(
    ("script", "found"),
    [
        ("set -e\necho a\nfalse\necho b\n", "status 1 in line 4: false"),
        ("false\necho b\n(exit 5)\n", "status 5 in line 4: (exit 5)".replace("(exit 5)", "( exit 5 )")),
        ("false\necho b\nexit 3\n", "status 3 in line 4: exit 3"),
        ("set -eu\nf() {\n  cd /\n  test -f nope\n}\nf\n", "status 1 in line 5: test -f nope"),
        ("set -eu\necho $NOPE\n", "status 1 in line 3: echo $NOPE"),
        ("set -e\nif ! false; then\n  exit 4\nfi\n", "status 4 in line 4: exit 4"),
        ("set -ex\nbash -c 'exit 7'\n", "status 7 in line 3: bash -c 'exit 7'"),
        ("set -e\nno-such-program a\n", "status 127 in line 3: no-such-program a"),
        ("false\nexit 0\n", ""),
        ("true\n", ""),
    ],
)
def test_the_line_is_that_of_the_command(tmp_path: Path, script: str, found: str) -> None:
    assert said(tmp_path, f"#!/bin/bash\n{script}") == found


@pytest.mark.parametrize(
    "script",
    [
        "env | grep -c BASH_ENV; declare -p | grep -c ' -[a-z]*x[a-z]* R2I'; exit 2",
        "set -eo pipefail\ntrap 'echo mine' EXIT\nfalse | cat\n",
        "trap 'echo error' ERR\nfalse\ntrue",
        "set -e\nexec false",
        "f() { return 3; }\nf || echo $?\n[ -n '' ]",
        "bash -c 'echo $0; false'\nsh -c 'exit 6'",
    ],
)
def test_a_script_ends_as_it_does_without_it(tmp_path: Path, script: str) -> None:
    alone = ran(tmp_path, f"#!/bin/bash\n{script}\n", with_it=False)
    told = ran(tmp_path, f"#!/bin/bash\n{script}\n")

    assert (told.returncode, told.stdout) == (alone.returncode, alone.stdout)
    assert [
        line for line in told.stderr.splitlines() if not line.startswith("r2i: ")
    ] == alone.stderr.splitlines()


@pytest.mark.parametrize(("first", "shown"), [("#!/bin/bash\n", 3), ("", 2)])
def test_the_error_names_the_line_of_the_repository(tmp_path: Path, first: str, shown: int) -> None:
    checkout = write(tmp_path, {"postBuild": f"{first}set -e\ncurl -O x\n"})
    plan = make_plan(checkout, Options())
    index = next(n for n, layer in enumerate(plan.layers) if layer.template == "post_build")
    failed = BuildFailedError("exit status 6", dockerfile_line=7)
    log = ("curl: (6) no", "r2i: `postBuild` failed with status 6 in line 3: curl -O x")
    error = explained(
        failed, log, plan=plan, dockerfile=Dockerfile(text="", support={}, ignore="", layer_lines={7: index})
    )

    assert (error.file, error.line) == ("postBuild", shown)
    assert error.message == "`curl -O x` failed (the step `postBuild` failed)"


@pytest.mark.parametrize("script", ["#!/bin/sh\nfalse\n", "#!/usr/bin/env python3\n1/0\n"])
def test_other_interpreters_stay_as_they_are(tmp_path: Path, script: str) -> None:
    checkout = write(tmp_path, {"postBuild": script})
    layer = next(one for one in make_plan(checkout, Options()).layers if one.template == "post_build")

    assert not layer.variables["bash"]
    assert layer.resources == ()
