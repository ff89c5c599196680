"""Notebooks that fail and want to be believed to pass: whatever they reach is theirs alone."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from r2i.engines import EngineName
from r2i.process import run
from tests.building import R2I, fresh_tag, write
from tests.real_engines import engine_of, remove_image

ENGINES = [pytest.param(name, marks=pytest.mark.engine) for name in ("docker", "podman")]

#: What a forger would have said: every cell ran, and that is the end. Marks are all words that may be one.
FORGED = """
import contextlib, glob, json, os, re, signal, sys
words = set()
for pattern in ("/.r2i-*", "/proc/*/cmdline", "/proc/*/environ"):
    for name in glob.glob(pattern):
        with contextlib.suppress(OSError):
            words |= set(re.findall(r"r2i-[0-9a-f]{16}", open(name, errors="replace").read()))
said = [
    {"event": "ran", "number": 1, "status": "passed"},
    {"event": "ran", "number": 2, "status": "passed"},
    {"event": "imports", "results": []},
    {"event": "end"},
]
forged = "".join("\\n" + word + "." + json.dumps(one) for one in said for word in words) + "\\n"
pids = [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()]
def say():
    for name in glob.glob("/proc/[0-9]*/fd/*"):
        with contextlib.suppress(OSError):
            handle = os.open(name, os.O_WRONLY | os.O_NONBLOCK)
            os.write(handle, forged.encode())
            os.close(handle)
"""

ATTACKS = {
    "writes": "say()",
    "kills": "say()\nfor pid in pids:\n    with contextlib.suppress(OSError):\n        os.kill(pid, signal.SIGKILL)",
    "stops": "say()\nfor pid in pids:\n    if pid != os.getppid():\n"
    "        with contextlib.suppress(OSError):\n            os.kill(pid, signal.SIGSTOP)",
    "ends-the-container": "say()\nos.kill(1, signal.SIGTERM); os.kill(os.getppid(), signal.SIGKILL)",
    "traces": "import ctypes\nlibc = ctypes.CDLL(None)\n"
    "for pid in pids:\n    libc.ptrace(16, pid, 0, 0)\n    with contextlib.suppress(OSError):\n"
    "        open(f'/proc/{pid}/mem', 'r+b')",
    "replaces-modules": "import site\nplaces = {*sys.path, '.', '/', site.getusersitepackages(), *glob.glob('/srv/*/lib/python3*/site-packages')}\n"
    "for place in places:\n"
    "    for name in ('nbclient', 'jupyter_client', 'nbformat', 'sitecustomize', 'usercustomize', 'zmq', 'json'):\n"
    "        with contextlib.suppress(OSError):\n"
    "            os.makedirs(place or '.', exist_ok=True)\n"
    "            open(os.path.join(place or '.', name + '.py'), 'w').write('raise SystemExit(0)')",
    "edits-kernels": "for name in glob.glob('/srv/*/share/jupyter/kernels/*/kernel.json'):\n"
    "    with contextlib.suppress(OSError):\n"
    "        spec = json.load(open(name)); spec['argv'] = ['/bin/true']; json.dump(spec, open(name, 'w'))",
    "leaves-daemons": "for _ in range(5):\n    if os.fork() == 0:\n        os.setsid()\n"
    "        while True:\n            say(); __import__('time').sleep(0.05)",
    "exits": "say()\nos._exit(0)",
    "ends-its-group": "say()\nos.killpg(0, signal.SIGKILL)",
}

#: What a repository may have beside its notebooks, and in its home: modules that turn every word of a check.
FORGING = """
import json
plain = json.dumps
json.dumps = lambda *given, **more: plain(*given, **more).replace('"failed"', '"passed"')
"""

#: What all of the repository sees of the check, and whose it is.
LOOKING = """
import glob, os
assert not os.path.exists("/.r2i-task.json")
assert not [name for name in glob.glob("/.r2i-*") if "hold-kernels" not in name], os.listdir("/")
assert os.getuid() == os.stat(os.getcwd()).st_uid == 1000
assert os.environ["HOME"] == "/home/jovyan" == os.getcwd()
assert os.access(os.environ["HOME"], os.W_OK)
assert "CapBnd:\\t0000000000000000" in open("/proc/self/status").read()
assert "run-notebook" not in "".join(open(f"/proc/{pid}/cmdline").read() for pid in os.listdir("/proc") if pid.isdigit())
"""


def notebook(*sources: str) -> str:
    cells: list[dict[str, object]] = [
        {
            "cell_type": "code",
            "id": f"cell-{number}",
            "metadata": {},
            "execution_count": None,
            "outputs": [],
            "source": source,
        }
        for number, source in enumerate(sources)
    ]
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells})


def executed(directory: Path, name: EngineName) -> tuple[int, dict[str, Any]]:
    engine_of(name)
    tag = fresh_tag(directory.name)
    words = [R2I, "check", str(directory), "--engine", name, "--tag", tag, "--execute", "--format", "json"]
    try:
        done = run([*words, "--timeout", "120"], env={**os.environ, "NO_COLOR": "1"}, timeout=800)
    finally:
        remove_image(name, tag)
    dynamic = json.loads(done.stdout)["dynamic"]
    return done.returncode, {one["path"].removesuffix(".ipynb"): one for one in dynamic["notebooks"]}


@pytest.mark.parametrize("name", ENGINES)
def test_no_notebook_forges_its_check(name: EngineName, tmp_path: Path) -> None:
    directory = write(
        tmp_path / "forger",
        {
            **{
                f"{attack}.ipynb": notebook(FORGED + source, "raise SystemError('the failure')")
                for attack, source in ATTACKS.items()
            },
            "honest.ipynb": notebook(LOOKING, "1 + 1"),
            "nbclient.py": FORGING,
            "sitecustomize.py": FORGING,
            "postBuild": '#!/bin/sh\nd=$(python -c "import site; print(site.getusersitepackages())")\n'
            'mkdir -p "$d" && cp nbclient.py "$d/usercustomize.py"\n'
            "mkdir -p ~/.local/bin && for name in sh sed python python3 jupyter; do install -m 755 impostor ~/.local/bin/$name; done\n",
            "impostor": '#!/bin/bash\nexec /srv/jupyter/bin/python /home/jovyan/forge.py "$@"\n',
            "forge.py": FORGING_RUNNER,
        },
    )
    (directory / "postBuild").chmod(0o755)
    status, runs = executed(directory, name)

    assert status == 8
    assert runs["honest"]["failure"] is None, runs["honest"]["failure"]
    assert runs["honest"]["levels"]["L3"] == "passed"
    for attack in ATTACKS:
        assert runs[attack]["levels"]["L3"] == "failed", attack
        assert runs[attack]["failure"] is not None
        assert [cell["status"] for cell in runs[attack]["cells"][1:]] != ["passed"], attack
    for attack in ("writes", "traces", "replaces-modules", "edits-kernels", "leaves-daemons"):
        failure = runs[attack]["failure"]
        assert (failure["cell"], failure["error_name"]) == (2, "SystemError"), (attack, failure)


#: What a shell that the repository brings would do in the place of the real one: every cell passes.
FORGING_RUNNER = """
import runpy, sys
import nbclient
async def passes(self, cell, cell_index, *more, **options):
    return cell
nbclient.NotebookClient.async_execute_cell = passes
sys.argv = sys.argv[-2:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


OWN = """\
FROM {base}
RUN apt-get update && apt-get install -y --no-install-recommends python3-nbclient python3-ipykernel jupyter-core && rm -rf /var/lib/apt/lists/*
ENV PYTHONPATH=/repo
WORKDIR /repo
COPY . .
RUN chown -R 4321 .
USER 4321
"""


@pytest.mark.engine
def test_an_image_whose_user_has_no_name_runs_its_notebooks(tmp_path: Path) -> None:
    """Its modules are beside the notebook and on `PYTHONPATH`, and are not what tells of it."""
    from tests.real_engines import BASE

    directory = write(
        tmp_path / "own",
        {
            "Dockerfile": OWN.format(base=BASE),
            "nbclient.py": "raise SystemExit(0)",
            "works.ipynb": notebook("import os\nassert os.getuid() == 4321 and os.getgid() == 4321"),
            "fails.ipynb": notebook("1", "raise SystemError('the failure')"),
        },
    )
    _, runs = executed(directory, "docker")

    assert runs["works"]["failure"] is None, runs["works"]["failure"]
    assert runs["fails"]["failure"]["error_name"] == "SystemError"
