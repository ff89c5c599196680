"""Runs a notebook, or starts every kernel, in a container, and tells on stdout what happens.

Run as a script by whatever Python of the image has nbclient, with nothing of r2i: `run_notebook.py TASK`, the path of a JSON
file that `r2i.check.execution` writes. Each message is an object of JSON on lines that begin with the task's mark;
`r2i.check.transcript` reads them. Python 3.8 or newer.
"""

from __future__ import annotations

import collections
import functools
import json
import os
import re
import signal
import sys
import threading
import time
from subprocess import Popen
from typing import Any, Dict, List, NoReturn, Optional

# With these, jsonschema checks formats that notebooks do not have; one builds a grammar, which takes longer than all the rest.
# None makes an import of them fail, which typeshed does not know.
for name in ("fqdn", "isoduration", "rfc3339_validator", "rfc3986_validator", "rfc3987_syntax", "webcolors"):
    sys.modules.setdefault(name, None)  # type: ignore[arg-type]

#: What of the outputs is sent, in characters: of a text, of anything else, and of all outputs of a notebook.
TEXT_LIMIT, DATA_LIMIT, NOTEBOOK_LIMIT = 100_000, 2_000_000, 8_000_000

#: How many outputs of a cell are kept.
OUTPUTS = 500

#: Engines cut longer lines of a log.
PIECE = 8_000

#: Of what a kernel wrote past Jupyter, in bytes.
TAIL = 8_000

#: How long a kernel may take to start, in seconds.
STARTUP = 120

LARGEST = 64_000_000

#: Done in the kernel, so that it needs nothing but Python. One line for each import: its number, and the error.
IMPORTING = """
def _r2i_imports(paths, statements, mark):
    import json, os, sys
    sys.path[:0] = [os.path.abspath(path) for path in paths]
    for number, statement in enumerate(statements):
        said = []
        try:
            exec(statement, {{"__name__": "r2i_imports"}})
        except BaseException as error:
            said = [type(error).__name__, str(error)[:2000]]
        print("\\n" + mark + json.dumps([number] + said), flush=True)
_r2i_imports(*__import__("json").loads({arguments!r}))
del _r2i_imports
"""


Fields = Dict[str, Any]
#: A kernel's process; None where it is not one of this machine.
Process = Optional["Popen[bytes]"]


class Failed(Exception):  # noqa: N818 - the notebook did, not we
    def __init__(self, kind: str, message: str, **more: Any) -> None:
        super().__init__(message)
        self.fields: Fields = {"kind": kind, "message": message, **more}


class Messages:
    """To the container's output as it was; from now on, that of kernels goes elsewhere, and its end is kept."""

    def __init__(self, mark: str) -> None:
        self._mark = mark
        self._stream = os.fdopen(os.dup(1), "w", encoding="ascii")
        self._tail: collections.deque[int] = collections.deque(maxlen=TAIL)
        reading, writing = os.pipe()
        os.dup2(writing, 1)
        os.dup2(writing, 2)
        os.close(writing)
        threading.Thread(target=self._drain, args=(reading,), daemon=True).start()

    def say(self, event: str, **fields: Any) -> None:
        text = json.dumps({"event": event, **fields})
        pieces = [text[start : start + PIECE] for start in range(0, len(text), PIECE)]
        for piece in pieces[:-1]:
            self._stream.write(self._mark + "+" + piece + "\n")
        self._stream.write(self._mark + "." + pieces[-1] + "\n")
        self._stream.flush()

    def tail(self) -> List[str]:
        time.sleep(0.1)  # what the dead wrote last is still on its way
        lines = bytes(self._tail).decode("utf-8", "replace").splitlines()
        return [line for line in lines if "Kernel is running over TCP without encryption" not in line]

    def _drain(self, reading: int) -> None:
        while True:
            self._tail.extend(os.read(reading, 65536))


class Memory(threading.Thread):
    """The most that all processes but our own held at once, and whether the system has ended one for it."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak = 0
        self._own = {os.getpid(), os.getppid(), 1}
        self._killed = self._kills()
        self.start()

    def run(self) -> None:
        while True:
            self.peak = max(self.peak, self._held("VmRSS"))
            time.sleep(0.2)

    def total(self, kernel: Process) -> int:
        """Processes that live know their own peak."""
        if kernel is not None:
            self.peak = max(self.peak, _status(kernel.pid, "VmHWM"))
        return self.peak

    def exceeded(self) -> bool:
        return self._kills() > self._killed

    def _held(self, field: str) -> int:
        pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
        return sum(_status(pid, field) for pid in pids if pid not in self._own)

    @staticmethod
    def _kills() -> int:
        for file in ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control"):
            try:
                with open(file) as lines:
                    return sum(int(line.split()[1]) for line in lines if line.startswith("oom_kill "))
            except (OSError, ValueError, IndexError):
                continue
        return 0


def _status(pid: int, field: str) -> int:
    try:
        with open(f"/proc/{pid}/status") as lines:
            return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(field + ":"))
    except (OSError, ValueError, IndexError):
        return 0


def kernels(specs: Dict[str, str], messages: Messages) -> None:
    """Whether each kernel starts."""
    import nbformat

    messages.say("kernels", names=sorted(specs.items()))
    for name in sorted(specs):
        began = time.monotonic()
        error = ""
        log: List[str] = []
        try:
            with client(nbformat.v4.new_notebook(), name, None, None).setup_kernel():
                pass
        except Exception as problem:
            error, log = str(problem) or type(problem).__name__, messages.tail()
        messages.say(
            "kernel", name=name, ok=not error, seconds=time.monotonic() - began, message=error, log=log
        )


def notebook(task: Fields, specs: Dict[str, str], messages: Messages) -> None:
    """Run it as far as the task wants, and tell of each cell."""
    memory = Memory()
    path, document = read(task["path"])
    kernel = chosen(document, specs)
    messages.say("kernel-chosen", name=kernel, named=named(document))
    imports = task["imports"] if specs[kernel].lower() == "python" else []
    new = functools.partial(client, document, kernel, os.path.dirname(path), task["timeout"])
    runner, process, started, kind = new(), None, False, ""
    try:
        process = start(runner, kernel, messages)
        started = True
        if task["run"]:
            run(runner, task, messages)
    except Failed as failure:
        fields = explained(failure.fields, process, memory, messages)
        messages.say("failed", **fields)
        kind = fields["kind"]
    messages.say("peak", bytes=memory.total(process))
    if started and imports:
        if kind not in ("", "error"):
            # The kernel is dead, or still busy.
            if process is not None:
                process.kill()
            runner = new()
            start(runner, kernel, messages)
        do_imports(runner, task["paths"], imports, task["mark"] + "import", messages)
    messages.say("end")


def read(relative: str) -> Any:
    import nbformat

    directories = [os.environ.get("REPO_DIR"), os.getcwd(), os.path.expanduser("~")]
    paths = [os.path.join(directory, relative) for directory in directories if directory]
    path = next(filter(os.path.isfile, paths), None)
    if path is None:
        raise Failed("unreadable", "It is not in the image")
    try:
        if os.path.getsize(path) > LARGEST:
            raise Failed("unreadable", f"It is larger than {LARGEST // 1_000_000} MB")
        return path, nbformat.read(path, as_version=4)
    except Failed:
        raise
    except Exception as error:
        raise Failed("unreadable", f"It cannot be read: {str(error) or type(error).__name__}") from error


def named(document: Any) -> str:
    return str(document.metadata.get("kernelspec", {}).get("name", ""))


def chosen(document: Any, specs: Dict[str, str]) -> str:
    """The kernel that it names; where the image has none of that name, one for the same language, as JupyterLab does."""
    name = named(document)
    if name in specs:
        return name
    spec, info = document.metadata.get("kernelspec", {}), document.metadata.get("language_info", {})
    language = str(spec.get("language") or info.get("name") or "python")
    language = "python" if language == "ipython" else language
    fitting = [one for one in sorted(specs) if specs[one].lower() == language.lower()]
    if not fitting:
        raise Failed("missing-kernel", "", name=name, language=language, kernels=sorted(specs))
    return "python3" if "python3" in fitting else fitting[0]


def client(document: Any, kernel: str, directory: Optional[str], timeout: Optional[int]) -> Any:
    from nbclient import NotebookClient

    # nbclient is in the image, and not where types are checked.
    class Client(NotebookClient):  # type: ignore[misc]
        """Keeps of the outputs what fits: a cell can write without end."""

        def output(self, outs: Any, msg: Any, display_id: Any, cell_index: int) -> Any:
            if len(outs) >= OUTPUTS:
                outs[-1]["r2i_cut"] = outs[-1].get("r2i_cut", 0) + 1
                return None
            if self.clear_before_next_output or msg["msg_type"] != "stream":
                out = super().output(outs, msg, display_id, cell_index)
                if out is not None:
                    out.update(bounded(out))
                return out
            before = len(outs)
            out = super().output(outs, msg, display_id, cell_index)
            if out is not None and before and outs[-2].get("name") == out.get("name"):
                outs[-2]["text"] += outs.pop()["text"]
                out = outs[-1]
            if out is not None:
                shorten(out)
            return out

    return Client(
        document,
        kernel_name=kernel,
        timeout=timeout,
        startup_timeout=STARTUP,
        shutdown_kernel="immediate",
        resources={"metadata": {"path": directory}} if directory else {},
    )


def start(runner: Any, kernel: str, messages: Messages) -> Process:
    """Start the kernel and give its process, where it is one of this machine."""
    try:
        runner.create_kernel_manager()
        runner.start_new_kernel()
        provisioner = getattr(runner.km, "provisioner", None)
        popen: Process = getattr(provisioner, "process", None) or getattr(runner.km, "kernel", None)
        if popen is not None:
            offer(popen.pid)
        runner.start_new_kernel_client()
    except Exception as error:
        message = f"The kernel `{kernel}` does not start: {str(error) or type(error).__name__}"
        raise Failed("dead-kernel", message, traceback=messages.tail()) from error
    return popen


def offer(pid: int) -> None:
    """Where memory is short, the system is to end the kernel, and not who tells of it."""
    try:
        with open(f"/proc/{pid}/oom_score_adj", "w") as file:
            file.write("900")
    except OSError:
        pass


def run(runner: Any, task: Fields, messages: Messages) -> None:
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    cells = [*enumerate(runner.nb.cells)]
    stored = {index: stored_outputs(cell) for index, cell in cells}
    saved = {index: bool(stored[index]) or cell.get("execution_count") is not None for index, cell in cells}
    code = [(index, cell) for index, cell in cells if cell.cell_type == "code" and cell.source.strip()]
    budget = {"stored": NOTEBOOK_LIMIT, "outputs": NOTEBOOK_LIMIT}
    failed: Optional[Failed] = None
    for place, (index, cell) in enumerate(code, 1):
        skipped = failed is not None or "skip-execution" in tags(cell)
        messages.say("cell", number=index + 1, place=place, of=len(code), skipped=skipped)
        began = time.monotonic()
        try:
            if skipped:
                cell.outputs = []
            else:
                runner.execute_cell(cell, index)
        except CellExecutionError as error:
            failed = error_of(cell, error)
        except CellTimeoutError:
            message = f"A cell runs for more than {task['timeout']} s"
            failed = Failed("timeout", message)
        except DeadKernelError:
            failed = Failed("dead-kernel", "The kernel died")
        if failed is not None and not skipped:
            failed.fields.update(cell=index + 1, source=cell.source[:TEXT_LIMIT])
        messages.say(
            "ran",
            number=index + 1,
            source=cell.source[:TEXT_LIMIT],
            status="skipped" if skipped else "passed" if failed is None else "failed",
            seconds=time.monotonic() - began,
            tags=tags(cell)[:20],
            saved=saved[index],
            outputs=within(budget, "outputs", [bounded(output) for output in cell.outputs]),
            stored=within(budget, "stored", stored[index]),
        )
    if failed is not None:
        raise failed


def tags(cell: Any) -> List[str]:
    found = cell.metadata.get("tags", [])
    return [tag for tag in found if isinstance(tag, str)] if isinstance(found, list) else []


def error_of(cell: Any, error: Exception) -> Failed:
    """What the kernel said of an exception; it stands in the outputs, too."""
    output: Any = next((one for one in reversed(cell.outputs) if one.output_type == "error"), {})
    return Failed(
        "error",
        "",
        error_name=output.get("ename") or getattr(error, "ename", ""),
        error_value=str(output.get("evalue") or getattr(error, "evalue", ""))[:TEXT_LIMIT],
        traceback=("\n".join(output.get("traceback") or []))[-TEXT_LIMIT:].splitlines(),
    )


def explained(fields: Fields, popen: Process, memory: Memory, messages: Messages) -> Fields:
    """Why a kernel died: the system tells what it ended for its memory, and the process by which signal it ended."""
    fields = dict(fields)
    status = None if popen is None else popen.poll()
    if fields["kind"] == "dead-kernel":
        if memory.exceeded():
            fields.update(
                kind="out-of-memory", message="The kernel was ended: it needs more memory than there is"
            )
        elif status is not None and "cell" in fields:
            how = f"with status {status}" if status >= 0 else f"by {signal.Signals(-status).name}"
            fields["message"] = f"The kernel ended {how}"
        fields.setdefault("traceback", messages.tail())
    elif fields["kind"] == "error" and memory.exceeded():
        fields["ended_for_memory"] = True
    return fields


def do_imports(runner: Any, paths: List[str], statements: List[str], mark: str, messages: Messages) -> None:
    """Do every import, in what is left of the notebook's kernel."""
    import nbformat

    arguments = json.dumps([paths, statements, mark])
    cell = nbformat.v4.new_code_cell(IMPORTING.format(arguments=arguments))
    runner.nb.cells.append(cell)
    messages.say("importing", of=len(statements))
    trouble = ""
    try:
        runner.execute_cell(cell, len(runner.nb.cells) - 1, store_history=False)
    except Exception as error:
        trouble = type(error).__name__
    text = "".join(output.get("text", "") for output in cell.outputs if output.output_type == "stream")
    results = [json.loads(line[len(mark) :]) for line in text.split("\n") if line.startswith(mark)]
    messages.say("imports", results=results, trouble=trouble)


def stored_outputs(cell: Any) -> List[Fields]:
    return [bounded(output) for output in cell.get("outputs", ())[:OUTPUTS]]


def bounded(output: Any) -> Fields:
    """An output without what nobody compares, and without what is too large."""
    kept: Fields = {
        key: output[key]
        for key in ("output_type", "name", "text", "ename", "evalue", "r2i_cut")
        if key in output
    }
    if "traceback" in output:
        kept["traceback"] = [str(line)[:TEXT_LIMIT] for line in output["traceback"][:200]]
    if "data" in output:
        kept["data"] = {}
        for kind, value in output["data"].items():
            size = len(value) if isinstance(value, str) else len(json.dumps(value))
            if size <= (TEXT_LIMIT if kind == "text/plain" else DATA_LIMIT):
                kept["data"][kind] = value
            else:
                kept["r2i_cut"] = kept.get("r2i_cut", 0) + size
    shorten(kept)
    return kept


def shorten(output: Any) -> None:
    text = output.get("text")
    if isinstance(text, str) and len(text) > TEXT_LIMIT:
        text = re.sub(r"(?m)^[^\n]*\r(?!\n)", "", text)  # what a progress bar has painted over
        output["r2i_cut"] = output.get("r2i_cut", 0) + max(0, len(text) - TEXT_LIMIT)
        output["text"] = text[:TEXT_LIMIT]


def within(budget: Dict[str, int], which: str, outputs: List[Fields]) -> List[Fields]:
    """The outputs as far as they fit into what is left for the notebook."""
    size = len(json.dumps(outputs))
    if size <= budget[which]:
        budget[which] -= size
        return outputs
    return [{"output_type": output.get("output_type", ""), "r2i_cut": size} for output in outputs]


def main(file: str) -> NoReturn:
    with open(file, encoding="utf-8") as stream:
        task = json.load(stream)
    if sys.path[0] == os.path.dirname(os.path.abspath(file)):
        del sys.path[0]  # no modules lie there
    messages = Messages(task["mark"])
    try:
        import logging

        from jupyter_client.kernelspec import KernelSpecManager

        logging.disable(logging.CRITICAL)
        found = KernelSpecManager().get_all_specs()
        specs = {name: str(one["spec"].get("language", "")) for name, one in found.items()}
        if task["path"] is None:
            kernels(specs, messages)
            messages.say("end")
        else:
            notebook(task, specs, messages)
    except Failed as failure:
        messages.say("failed", **failure.fields)
        messages.say("end")
    except BaseException as error:
        import traceback

        said = traceback.format_exc().splitlines()[-20:]
        message = f"What runs notebooks failed: {str(error) or type(error).__name__}"
        messages.say("failed", kind="no-answer", message=message, traceback=said)
        messages.say("end")
    # The container ends with us, and with it whatever the notebook has started.
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1])
