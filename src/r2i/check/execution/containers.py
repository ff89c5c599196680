"""One task in its two containers: kernels run in one, what runs the notebook and tells of it in another.

A container has the repository as it is in the image, and nothing of this machine. A notebook reaches neither the processes nor the
files of what tells of it.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import Any

from r2i.building.launch import with_settings
from r2i.check.execution.planned import RunLimits
from r2i.check.execution.pool import RunningContainers
from r2i.check.execution.runs import Failure
from r2i.check.execution.transcript import Messages
from r2i.check.execution.verdicts import no_answer, silent
from r2i.engines.protocol import Container, Engine, File, RunRequest

#: Where the containers find what runs notebooks, and what it is to do: where nobody mounts or writes anything.
PROGRAM, STAND_IN, TASK = "/.r2i-run-notebook.py", "/.r2i-stand-in.py", "/.r2i-task.json"

#: Where the container of the kernels finds what holds them.
HOLDER = "/.r2i-hold-kernels.py"

#: Run by the Python of our server, which nobody in a build can change but root, else of the image's own; 96 is `NO_NBCLIENT`. `options` are tried one
#: after the other: what tells of a notebook should take no module from the repository, its home, or `PYTHONPATH`.
FIND_PYTHON = """
options=$1; shift
server=/srv/jupyter/bin/python
if [ -x $server ] && $server -I -c 'import nbclient' 2>/dev/null; then exec $server ${options%% *} "$@"; fi
own=$(command -v jupyter) && own=$(sed -n '1s/^#! *\\([^ ]*\\).*/\\1/p' "$own" 2>/dev/null)
for option in $options; do
  for python in /srv/env/bin/python "$own" python3 python; do
    if command -v "$python" >/dev/null 2>&1 && "$python" $option -c '
import sys
if not sys.flags.isolated: sys.path[:1] = []
import importlib.util
sys.exit(importlib.util.find_spec("nbclient") is None)'; then exec "$python" $option "$@"; fi
  done
done
exit 96
"""

#: By which an image would have a library of its own loaded into what runs notebooks.
OF_THE_LOADER = ("LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT")


@dataclass(frozen=True)
class TaskContainers:
    """`request` names the image, and whom it runs as."""

    engine: Engine
    request: RunRequest
    limits: RunLimits
    running: RunningContainers

    def follow(
        self, task: Mapping[str, Any], take: Callable[[Mapping[str, Any], int], None]
    ) -> Failure | None:
        """Run the program with a task and give what it says to `take`; a failure where it does not come to its end."""
        mark = f"r2i-{secrets.token_hex(8)}"
        request = replace(
            self.request,
            # No option at all cannot be written; this one changes nothing.
            command=("/bin/sh", "-c", FIND_PYTHON, "sh", "-u", HOLDER, mark),
            network=self.limits.network,
            files=(_program(HOLDER, "hold_kernels.py"),),
        )
        if self.limits.network:
            request = with_settings(request, self.limits.script)
        messages = Messages(mark)
        with self.running.start(self.engine, request) as kernels:
            port = _port(kernels, messages)
            self.running.go_on()
            if port is None:
                return self._unanswered(kernels, messages)
            return self._run_beside(kernels, {**task, "port": port, "stand_in": STAND_IN}, take)

    def _run_beside(
        self,
        kernels: Container,
        task: Mapping[str, Any],
        take: Callable[[Mapping[str, Any], int], None],
    ) -> Failure | None:
        """What runs the notebook has files, processes and an output of its own, and a mark that nobody else sees."""
        mark = f"r2i-{secrets.token_hex(8)}"
        request = replace(
            self.request,
            command=("/bin/sh", "-c", FIND_PYTHON, "sh", "-I -u", PROGRAM, TASK),
            environment={**self.request.environment, **dict.fromkeys(OF_THE_LOADER, "")},
            bare=True,
            beside=kernels.id,
            files=(
                _program(PROGRAM, "run_notebook.py"),
                _program(STAND_IN, "stand_in.py"),
                File(path=TASK, text=json.dumps({**task, "mark": mark})),
            ),
        )
        messages = Messages(mark)
        with self.running.start(self.engine, request) as container:
            ended = False
            for line in container.logs():
                message = messages.take(line)
                if message is not None:
                    self.running.hear(container)
                    self.running.hear(kernels)
                    take(message, messages.read)
                    ended = ended or message.get("event") == "end"
            self.running.go_on()
            if not kernels.running():
                return self._unanswered(kernels, messages)
            return None if ended else self._unanswered(container, messages)

    def _unanswered(self, container: Container, messages: Messages) -> Failure:
        return silent() if container.id in self.running.silent else no_answer(container, messages)


def _program(path: str, name: str) -> File:
    text = files("r2i.check.execution").joinpath("in_container", name).read_text(encoding="utf-8")
    return File(path=path, text=text)


def _port(kernels: Container, messages: Messages) -> int | None:
    """Where the kernels are held; None where that container has ended."""
    for line in kernels.logs():
        if line.startswith(messages.mark) and (digits := line[len(messages.mark) :]).isdecimal():
            return int(digits)
        messages.take(line)
    return None
