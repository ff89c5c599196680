"""Notebooks that really run, with each engine that answers."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from r2i.check.execution.planned import RunLimits, limits, planned
from r2i.check.execution.runs import Level
from r2i.check.subject import Subject
from r2i.checkout import Checkout
from r2i.cli.execution import ExecutionChoices, levels
from r2i.engines import EngineName
from r2i.process import Completed, run
from tests.building import R2I, fresh_tag, notebook, write
from tests.children import started
from tests.real_engines import BASE, engine_of, remove_image
from tests.serving import docker_over_a_network
from tests.waiting import until

EXECUTIONS = Path(__file__).parents[1] / "fixtures" / "executions"
ENGINES = [pytest.param(name, marks=pytest.mark.engine) for name in ("docker", "podman")]

#: Enough for a kernel, and soon too little.
OPTIONS = ("--timeout", "15", "--memory", "300m", "--progress", "plain", "--format", "json")


@dataclass(frozen=True)
class Checked:
    done: Completed
    before: dict[str, bytes]
    after: dict[str, bytes]

    @property
    def dynamic(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.done.stdout)["dynamic"]
        return found

    def notebook(self, path: str) -> dict[str, Any]:
        found: dict[str, Any] = next(one for one in self.dynamic["notebooks"] if one["path"] == path)
        return found


def contents(directory: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()
    }


def r2i_check(directory: Path, name: EngineName, *options: str) -> Completed:
    engine_of(name)
    tag = fresh_tag(directory.name)
    words = [R2I, "check", str(directory), "--engine", name, "--tag", tag, *OPTIONS, *options]
    try:
        return run(words, env={**os.environ, "NO_COLOR": "1"}, timeout=800)
    finally:
        remove_image(name, tag)


def checked(case: str, name: EngineName, scratch: Path, *options: str) -> Checked:
    directory = scratch / case
    shutil.copytree(EXECUTIONS / case, directory)
    before = contents(directory)
    done = r2i_check(directory, name, *options)
    return Checked(done, before, contents(directory))


def containers(name: EngineName, owner: int) -> list[str]:
    """Those of one process of r2i."""
    form = '{{.ID}} {{.Label "io.r2i.owner"}}' if name == "docker" else "{{.ID}} {{.Labels}}"
    listed = run([name, "ps", "--all", "--filter", "label=io.r2i.owner", "--format", form]).stdout
    return [line.split()[0] for line in listed.splitlines() if f"/{owner}/" in line]


@pytest.fixture(scope="module", params=ENGINES)
def endings(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Checked:
    """All ways in which a notebook ends."""
    return checked("endings", request.param, tmp_path_factory.mktemp("endings"), "--execute")


def test_every_level_is_reported(endings: Checked) -> None:
    dynamic = endings.dynamic

    assert endings.done.returncode == 8
    assert (dynamic["asked"], dynamic["reached"], dynamic["ok"]) == ("L3", "L1", False)
    assert dynamic["levels"] == {
        "L0": "passed",
        "L1": "passed",
        "L2": "failed",
        "L3": "skipped",
        "L4": "skipped",
    }
    assert dynamic["server"]["ok"]
    assert [(kernel["name"], kernel["ok"]) for kernel in dynamic["kernels"]] == [("python3", True)]


@pytest.mark.parametrize(
    "path",
    [
        "passes.ipynb",
        "raises.ipynb",
        "skips.ipynb",
        "writes.ipynb",
        "folder/inside.ipynb",
        "drawn-as-expected.ipynb",
    ],
)
def test_notebooks_that_pass(endings: Checked, path: str) -> None:
    found = endings.notebook(path)

    assert found["failure"] is None
    assert found["levels"]["L3"] == "passed"
    assert 10_000_000 < found["peak_memory"] < 300_000_000


def test_an_error_is_told_with_its_cell_and_traceback(endings: Checked) -> None:
    failure = endings.notebook("error.ipynb")["failure"]

    assert (failure["kind"], failure["cell"], failure["error_name"]) == ("error", 3, "NameError")
    assert failure["source"].startswith("def area(r):")
    assert any("math.pi * r * square" in line for line in failure["traceback"])
    assert "\x1b" not in "".join(failure["traceback"])
    assert [cell["status"] for cell in endings.notebook("error.ipynb")["cells"]] == [
        "passed",
        "failed",
        "skipped",
    ]


@pytest.mark.parametrize("path", ["drawn-later.ipynb", "representation.ipynb"])
def test_a_cell_that_shows_an_error_fails(endings: Checked, path: str) -> None:
    """Its reply is good: what draws figures runs after the cell, and what shows a value beside it."""
    found = endings.notebook(path)

    assert (found["failure"]["kind"], found["failure"]["cell"]) == ("error", 2)
    assert found["failure"]["error_name"] == "ValueError"
    assert found["levels"]["L3"] == "failed"
    assert [cell["status"] for cell in found["cells"]][:2] == ["passed", "failed"]


@pytest.mark.parametrize(
    ("path", "kind", "cell", "words"),
    [
        ("dead.ipynb", "dead-kernel", 2, "SIGSEGV"),
        ("memory.ipynb", "out-of-memory", 2, "too much memory"),
        ("slow.ipynb", "timeout", 2, "time limit of 15 s"),
        ("network.ipynb", "error", 2, "unreachable"),
        ("other-language.ipynb", "missing-kernel", None, "no kernel `octave`"),
        ("broken.ipynb", "unreadable", None, "cannot be read"),
    ],
)
def test_ends_are_told_apart(endings: Checked, path: str, kind: str, cell: int | None, words: str) -> None:
    failure = endings.notebook(path)["failure"]

    assert (failure["kind"], failure["cell"]) == (kind, cell)
    assert words in failure["message"]


@pytest.mark.parametrize(
    ("path", "causes"),
    [
        ("dead.ipynb", ["kernel-died"]),
        ("memory.ipynb", ["out-of-memory"]),
        ("slow.ipynb", ["cell-timeout"]),
        ("other-language.ipynb", ["kernel-missing"]),
        ("broken.ipynb", ["notebook-unreadable"]),
        ("imports.ipynb", ["module-missing", "module-missing"]),
        ("passes.ipynb", []),
    ],
)
def test_causes_are_told_with_what_mends_them(endings: Checked, path: str, causes: list[str]) -> None:
    found = endings.notebook(path)["causes"]

    assert [cause["code"] for cause in found] == causes
    assert all(cause["change"] or cause["hint"] for cause in found)


def test_every_import_that_fails_is_named(endings: Checked) -> None:
    found = endings.notebook("imports.ipynb")

    assert found["levels"]["L2"] == "failed"
    assert [(one["statement"], one["cell"], one["line"]) for one in found["failed_imports"]] == [
        ("import numpy", 2, 1),
        ("from json import no_such_name", 2, 2),
        ("import scipy.optimize", 3, 1),
    ]
    assert all(endings.notebook(path)["levels"]["L2"] == "passed" for path in ("slow.ipynb", "memory.ipynb"))


def test_a_kernel_of_another_name_runs_what_is_of_its_language(endings: Checked) -> None:
    found = endings.notebook("renamed-kernel.ipynb")

    assert found["kernel"] == "python3"
    assert "conda-env-mine-py" in found["notes"][0]


def test_the_repository_stays_as_it_is(endings: Checked) -> None:
    assert endings.after == endings.before


def test_progress_is_on_stderr_alone(endings: Checked) -> None:
    assert "[passes.ipynb] done in " in endings.done.stderr
    assert "[slow.ipynb] failed after " in endings.done.stderr


@pytest.mark.parametrize("name", ENGINES)
def test_outputs_are_compared(name: EngineName, tmp_path: Path) -> None:
    found = checked("outputs", name, tmp_path, "--execute", "--level", "l4")

    assert found.done.returncode == 8
    assert found.dynamic["reached"] == "L3"
    assert found.notebook("equal.ipynb")["mismatches"] == []
    assert found.notebook("bare.ipynb")["levels"]["L4"] == "passed"
    assert [(one["cell"], one["what"]) for one in found.notebook("different.ipynb")["mismatches"]] == [
        (1, "stdout"),
        (2, "text/plain"),
        (3, "number"),
    ]


@pytest.mark.parametrize("name", ENGINES)
def test_each_notebook_runs_in_its_kernel(name: EngineName, tmp_path: Path) -> None:
    found = checked("kernels", name, tmp_path, "--level", "L4")

    assert found.done.returncode == 0, found.done.stderr
    assert [kernel["name"] for kernel in found.dynamic["kernels"]] == ["python3", "second"]
    assert found.notebook("second.ipynb")["kernel"] == "second"
    assert found.dynamic["reached"] == "L4"


@pytest.mark.engine
def test_a_kernel_that_does_not_start_is_named(tmp_path: Path) -> None:
    found = checked("dead-kernel", "docker", tmp_path, "--build")

    assert found.done.returncode == 8
    assert (found.dynamic["asked"], found.dynamic["reached"]) == ("L1", "L0")
    dead = next(kernel for kernel in found.dynamic["kernels"] if kernel["name"] == "dead")
    assert not dead["ok"]
    assert "there is no such thing" in dead["message"]
    assert found.dynamic["notebooks"] == []


@pytest.mark.engine
def test_imports_are_tried_without_running_anything(tmp_path: Path) -> None:
    found = checked("endings", "docker", tmp_path, "--level", "L2")
    failing = [one["path"] for one in found.dynamic["notebooks"] if one["levels"]["L2"] != "passed"]

    assert failing == ["broken.ipynb", "imports.ipynb", "other-language.ipynb"]
    assert all(one["cells"] == [] for one in found.dynamic["notebooks"])
    assert found.notebook("imports.ipynb")["failure"]["kind"] == "import"


@pytest.mark.engine
def test_the_network_is_there_for_who_asks(tmp_path: Path) -> None:
    source = "import os\nassert len(os.listdir('/sys/class/net')) > 1"
    directory = write(tmp_path / "net", {"a.ipynb": notebook(source)})
    alone = r2i_check(directory, "docker", "--execute")
    connected = r2i_check(directory, "docker", "--execute", "--network")

    assert json.loads(alone.stdout)["dynamic"]["reached"] == "L2"
    assert json.loads(connected.stdout)["dynamic"]["reached"] == "L4"


@pytest.mark.engine
def test_an_image_without_jupyter_is_told_what_it_lacks(tmp_path: Path) -> None:
    directory = write(tmp_path / "bare", {"Dockerfile": f"FROM {BASE}\n", "a.ipynb": '{"cells": []}'})
    done = r2i_check(directory, "docker", "--execute")
    dynamic = json.loads(done.stdout)["dynamic"]

    assert done.returncode == 8
    assert dynamic["reached"] == "L0"
    assert "nbclient" in dynamic["notes"][-1]
    assert "nbclient" in dynamic["notebooks"][0]["failure"]["message"]
    assert any("as user 1000" in said for said in dynamic["notes"])


@pytest.mark.engine
def test_notebooks_that_are_texts_are_named_as_not_run(tmp_path: Path) -> None:
    text = "---\nkernelspec:\n  name: python3\n---\n\n```{code-cell}\nimport json\n```\n"
    done = r2i_check(write(tmp_path / "text", {"a.md": text, "requirements.txt": ""}), "docker", "--execute")
    dynamic = json.loads(done.stdout)["dynamic"]

    assert done.returncode == 0
    assert dynamic["notebooks"] == []
    assert any("`a.md` was not run: it is MyST Markdown" in said for said in dynamic["notes"])


@pytest.mark.engine
def test_a_repository_that_does_not_build_reaches_nothing(tmp_path: Path) -> None:
    directory = write(tmp_path / "fails", {"Dockerfile": f"FROM {BASE}\nRUN exit 3\n"})
    done = r2i_check(directory, "docker", "--build")
    dynamic = json.loads(done.stdout)["dynamic"]

    assert done.returncode == 8
    assert dynamic["reached"] is None
    assert dynamic["levels"]["L0"] == "failed"
    assert (dynamic["build"]["image"], dynamic["build"]["line"]) == (None, 2)


def endless(tag: str, name: EngineName) -> tuple[str, ...]:
    """The command of a check that is not over soon, and prints for a log."""
    words = ("--execute", "--tag", tag, "--engine", name, "--timeout", "100", "--progress", "plain")
    return (R2I, "check", str(EXECUTIONS / "endings"), *words)


@pytest.fixture(scope="module")
def interrupted() -> Iterator[str]:
    """The tag of an image whose checks do not end: built once, and removed at the end."""
    tag = fresh_tag("interrupted")
    yield tag
    for name in ("docker", "podman"):
        remove_image(name, tag)


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize(
    "numbers",
    [[signal.SIGINT], [signal.SIGTERM], [signal.SIGINT] * 3],
    ids=["ctrl-c", "term", "ctrl-c-thrice"],
)
def test_nothing_is_left_after_an_interrupt(
    name: EngineName, numbers: list[signal.Signals], interrupted: str
) -> None:
    engine_of(name)
    with started(*endless(interrupted, name), stderr=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        until(lambda: len(containers(name, child.pid)) >= 3, patience=300)
        for number in numbers:
            child.send_signal(number)
            time.sleep(0.2)
        _, said = child.communicate(timeout=120)

        assert child.returncode == 130
        assert said.endswith("Interrupted\n")
        assert "status 143" not in said
        assert containers(name, child.pid) == []


@pytest.mark.engine
def test_what_a_killed_check_left_is_gone_with_the_next(tmp_path: Path, interrupted: str) -> None:
    engine_of("docker")
    with started(*endless(interrupted, "docker"), stderr=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        until(lambda: len(containers("docker", child.pid)) >= 3, patience=300)
        child.kill()
        child.communicate()
        checked("kernels", "docker", tmp_path, "--build")

        assert containers("docker", child.pid) == []


@pytest.mark.engine
def test_an_engine_that_goes_away_is_an_error_of_the_engine(interrupted: str) -> None:
    engine_of("docker")
    with docker_over_a_network() as variables:
        child = subprocess.Popen(
            endless(interrupted, "docker"),
            env={**os.environ, **variables},
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        until(lambda: len(containers("docker", child.pid)) >= 3, patience=300)
    # The server of the block ends with it, and its connections with the containers.
    _, said = child.communicate(timeout=120)
    left = containers("docker", child.pid)
    if left:
        run(["docker", "rm", "--force", "--volumes", *left])

    assert child.returncode == 6, said
    assert "Traceback" not in said


def choosing(*, build: bool, execute: bool, level: str | None) -> ExecutionChoices:
    return ExecutionChoices(
        build=build, execute=execute, level=level, timeout=600, memory=None, network=False
    )


def test_levels_that_are_asked_for_and_tried() -> None:
    assert levels(choosing(build=False, execute=False, level=None)) is None
    assert levels(choosing(build=True, execute=False, level=None)) == (Level.L1, Level.L1)
    assert levels(choosing(build=False, execute=True, level=None)) == (Level.L3, Level.L4)
    assert levels(choosing(build=False, execute=False, level="L0")) == (Level.L0, Level.L0)
    assert levels(choosing(build=True, execute=False, level="L0")) == (Level.L0, Level.L1)
    assert levels(choosing(build=True, execute=False, level="L2")) == (Level.L2, Level.L2)
    assert levels(choosing(build=False, execute=True, level="L1")) == (Level.L1, Level.L4)


@dataclass(frozen=True)
class Machine:
    cores: int
    bytes: int

    def processors(self) -> int:
        return self.cores

    def memory(self) -> int:
        return self.bytes


@pytest.mark.parametrize(
    ("cores", "gigabytes", "jobs", "memory", "workers"),
    [
        (2, 16, 10, None, 4),
        (2, 16, 3, None, 3),
        (8, 4, 99, None, 3),
        (8, 4, 99, 2 << 30, 1),
        (1, 1, 9, None, 1),
    ],
)
def test_as_many_at_once_as_there_is_room_for(
    cores: int, gigabytes: int, jobs: int, memory: int | None, workers: int
) -> None:
    machine: Any = Machine(cores, gigabytes << 30)
    found = limits(machine, memory=memory, timeout=9, jobs=jobs)

    assert found == RunLimits(workers=workers, memory=memory or found.memory, timeout=9)
    assert memory is not None or found.memory * workers <= gigabytes << 30


def test_imports_that_are_expected_to_fail_are_not_tried() -> None:
    subject = Subject(checkout=Checkout.open(EXECUTIONS / "endings"))
    found = {
        notebook.path: ([one.statement for one in notebook.imports], notebook.paths)
        for notebook in planned(subject)
    }

    assert found["skips.ipynb"] == found["raises.ipynb"] == ([], ())
    assert found["imports.ipynb"][0] == [
        "import json",
        "import numpy",
        "from json import no_such_name",
        "import scipy.optimize",
    ]
    assert found["folder/inside.ipynb"] == (["import sys", "import colours"], ("..",))
