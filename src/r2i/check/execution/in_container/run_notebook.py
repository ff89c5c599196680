"""Runs a notebook, or starts every kernel, and tells on stdout what happens.

Run as a script by whatever Python of the image has nbclient, with nothing of r2i: `run_notebook.py TASK`, the path of a JSON
file that `r2i.check.execution.containers` writes. Each message is an object of JSON on lines that begin with the task's mark;
`r2i.check.execution.transcript` reads them. No code of a notebook runs in this container: the kernels are in another one, held there by
`hold_kernels.py`, and share nothing with it but the loopback over which a kernel is spoken to. Python 3.6 or newer.
"""

import collections
import functools
import json
import os
import re
import signal
import socket
import sys
import tempfile
import threading
import time
from pathlib import Path
from subprocess import Popen
from typing import Any, ClassVar, Dict, List, NoReturn, Optional, Tuple

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

#: The largest notebook, and the longest line of what holds the kernels, in bytes.
LARGEST, LINE = 64_000_000, 1 << 20

#: How long it may take to answer, and to see what the system does to a kernel's processes, in seconds.
ANSWER, LOOKING = 60, 0.5

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
#: What stands in for a kernel's process.
Process = Optional["Popen[bytes]"]


class Failed(Exception):  # noqa: N818 - the notebook did, not we
    def __init__(self, kind: str, message: str, **more: Any) -> None:
        super().__init__(message)
        self.fields: Fields = {"kind": kind, "message": message, **more}


class MessageWriter:
    """To the container's output as it was; from now on, that of kernels goes elsewhere, and its end is kept."""

    def __init__(self, mark: str) -> None:
        self._mark = mark
        self._stream = os.fdopen(os.dup(1), "w", encoding="ascii")
        self._tail: "collections.deque[int]" = collections.deque(maxlen=TAIL)
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


class Holder:
    """What holds the kernels, in the container where the code of the repository runs: nothing that it says is believed."""

    def __init__(self, port: int, stand_in: str) -> None:
        self._port, self._stand_in = port, stand_in
        self._state = Path(tempfile.mkdtemp(), "state")
        self.languages = self._languages()

    def spec(self, kernel: str, directory: str) -> Any:
        """A kernel of this container that stands in for one of the other."""
        from jupyter_client.kernelspec import KernelSpec

        words = [sys.executable, "-I", self._stand_in, str(self._port), kernel, directory, str(self._state)]
        language = self.languages[kernel]
        return KernelSpec(argv=[*words, "{connection_file}"], display_name=kernel, language=language)

    def read(self, relative: str) -> Any:
        """Where a notebook lies there, and what it holds."""
        import nbformat

        said, content = self._ask(do="read", path=relative)
        path = said.get("path")
        if not isinstance(path, str):
            raise Failed("unreadable", str(said.get("unreadable", "The notebook cannot be read")))
        try:
            return path, nbformat.reads(content.decode("utf-8"), as_version=4)
        except Exception as error:
            raise Failed(
                "unreadable", f"The notebook cannot be read: {str(error) or type(error).__name__}"
            ) from error

    def peak(self) -> int:
        return int(self._used().get("peak", 0))

    def exceeded(self) -> bool:
        """Whether the system has ended a process there for its memory."""
        return self._used().get("exceeded") is True

    def _used(self) -> Fields:
        try:
            with self._state.open() as file:
                found: Fields = json.load(file)
                return found
        except (OSError, ValueError):
            return {}

    def _languages(self) -> Dict[str, str]:
        said, _ = self._ask(do="list")
        found = said.get("specs")
        return {str(name): str(one) for name, one in found.items()} if isinstance(found, dict) else {}

    def _ask(self, **request: Any) -> Tuple[Fields, bytes]:
        with socket.create_connection(("127.0.0.1", self._port), ANSWER) as asked:
            asked.sendall(json.dumps(request).encode() + b"\n")
            with asked.makefile("rb") as answer:
                said: Fields = json.loads(answer.readline(LINE))
                size = min(int(said.get("size", 0)), LARGEST)
                return said, answer.read(size)


def kernels(holder: Holder, messages: MessageWriter) -> None:
    """Whether each kernel starts."""
    import nbformat

    messages.say("kernels", names=sorted(holder.languages.items()))
    for name in sorted(holder.languages):
        began = time.monotonic()
        error = ""
        log: List[str] = []
        try:
            with client(nbformat.v4.new_notebook(), holder.spec(name, ""), name, None).setup_kernel():
                pass
        except Exception as problem:  # noqa: BLE001 - whatever nbclient of the image raises
            error, log = str(problem) or type(problem).__name__, messages.tail()
        messages.say(
            "kernel", name=name, ok=not error, seconds=time.monotonic() - began, message=error, log=log
        )


def notebook(task: Fields, holder: Holder, messages: MessageWriter) -> None:
    """Run it as far as the task wants, and tell of each cell."""
    path, document = holder.read(task["path"])
    kernel = chosen(document, holder.languages)
    messages.say("kernel-chosen", name=kernel, named=named(document))
    imports = task["imports"] if holder.languages[kernel].lower() == "python" else []
    new = functools.partial(
        client, document, holder.spec(kernel, str(Path(path).parent)), kernel, task["timeout"]
    )
    runner, process, started, kind = new(), None, False, ""
    try:
        process = start(runner, kernel, messages)
        started = True
        if task["run"]:
            run(runner, task, messages)
    except Failed as failure:
        fields = explained(failure.fields, process, holder, messages)
        messages.say("failed", **fields)
        kind = fields["kind"]
    messages.say("peak", bytes=holder.peak())
    if started and imports:
        if kind not in ("", "error"):
            # The kernel is dead, or still busy.
            if process is not None:
                process.kill()
            runner = new()
            start(runner, kernel, messages)
        do_imports(runner, task["paths"], imports, task["mark"] + "import", messages)
    messages.say("end")


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


def client(document: Any, spec: Any, kernel: str, timeout: Optional[int]) -> Any:
    from nbclient import NotebookClient
    from nbformat.v4 import output_from_msg

    # nbclient is in the image, and not where types are checked.
    class Client(NotebookClient):  # type: ignore[misc]
        """Starts what stands in for the kernel, and keeps of the outputs what fits: a cell can write without end.

        `in_widgets` are errors that a cell shows in a widget, such as those of a function given to `interact`.
        """

        in_widgets: ClassVar[Dict[int, List[Any]]] = collections.defaultdict(list)

        def create_kernel_manager(self) -> Any:
            manager = super().create_kernel_manager()
            # What every version looks up by the name; a public way to say it is in none.
            manager._kernel_spec = spec  # noqa: SLF001
            return manager

        def output(self, outs: Any, msg: Any, display_id: Any, cell_index: int) -> Any:
            if len(outs) >= OUTPUTS and (msg["msg_type"] != "error" or errors_in(outs)):
                outs[-1]["r2i_cut"] = outs[-1].get("r2i_cut", 0) + 1
                return None
            if self.clear_before_next_output or msg["msg_type"] != "stream":
                out = super().output(outs, msg, display_id, cell_index)
                if out is not None:
                    out.update(bounded(out))
                elif msg["msg_type"] == "error":
                    self.in_widgets[cell_index][:] = [output_from_msg(msg)]
                return out
            before = len(outs)
            out = super().output(outs, msg, display_id, cell_index)
            return None if out is None else joined(outs) if before else shorten(out)

    limits = {"timeout": timeout, "startup_timeout": STARTUP}
    return Client(document, kernel_name=kernel, shutdown_kernel="immediate", **limits)


def joined(outs: List[Any]) -> Any:
    """The last output, with the one before if both are of the same stream; no longer than may be kept."""
    if outs[-2].get("name") == outs[-1].get("name"):
        outs[-2]["text"] += outs.pop()["text"]
    return shorten(outs[-1])


def start(runner: Any, kernel: str, messages: MessageWriter) -> Process:
    """Start the kernel and give the process that stands in for it."""
    try:
        runner.create_kernel_manager()
        runner.start_new_kernel()
        provisioner = getattr(runner.km, "provisioner", None)
        popen: Process = getattr(provisioner, "process", None) or getattr(runner.km, "kernel", None)
        runner.start_new_kernel_client()
    except Exception as error:
        message = f"The kernel `{kernel}` does not start: {str(error) or type(error).__name__}"
        raise Failed("dead-kernel", message, traceback=messages.tail()) from error
    return popen


def failure_of(runner: Any, cell: Any, index: int, task: Fields) -> "Optional[Failed]":
    """Execute a cell; None if it does what it is meant to do."""
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    failed = None
    try:
        runner.execute_cell(cell, index)
        shown = [*errors_in(cell.outputs), *runner.in_widgets[index]]
        if shown and "raises-exception" not in tags(cell):
            failed = error_of(shown[0])
    except CellExecutionError as error:
        failed = error_of(raised_in(cell, error))
    except CellTimeoutError:
        failed = Failed("timeout", f"A cell exceeded the time limit of {task['timeout']} s")
    except DeadKernelError:
        failed = Failed("dead-kernel", "The kernel died")
    if failed is not None:
        failed.fields.update(cell=index + 1, source=cell.source[:TEXT_LIMIT])
    return failed


def run(runner: Any, task: Fields, messages: MessageWriter) -> None:
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
        if skipped:
            cell.outputs = []
        else:
            failed = failure_of(runner, cell, index, task)
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


def errors_in(outputs: List[Any]) -> List[Any]:
    """A cell whose reply is good may show errors: of callbacks at its end, in which figures are drawn, and of representations."""
    return [output for output in outputs if output.output_type == "error"]


def raised_in(cell: Any, error: Exception) -> Any:
    """The exception that ended the cell, as it stands in the outputs; a callback at the end may have failed after it."""
    said = {name: getattr(error, name, "") for name in ("ename", "evalue")}
    shown = errors_in(cell.outputs)
    ended = [output for output in shown if output.get("ename") == said["ename"]]
    return ended[-1] if ended else shown[-1] if shown else said


def error_of(output: Any) -> Failed:
    return Failed(
        "error",
        "",
        error_name=output.get("ename", ""),
        error_value=str(output.get("evalue", ""))[:TEXT_LIMIT],
        traceback=("\n".join(output.get("traceback") or []))[-TEXT_LIMIT:].splitlines(),
    )


def explained(fields: Fields, popen: Process, holder: Holder, messages: MessageWriter) -> Fields:
    """Why a kernel died: the system tells what it ended for its memory, and the process by which signal it ended."""
    fields = dict(fields)
    status = None if popen is None else popen.poll()
    time.sleep(LOOKING)
    if fields["kind"] == "dead-kernel":
        if holder.exceeded():
            fields.update(
                kind="out-of-memory", message="The kernel was killed because it needs too much memory"
            )
        elif status is not None and "cell" in fields:
            how = (
                f"exited with status {status}"
                if status >= 0
                else f"was killed by {signal.Signals(-status).name}"
            )
            fields["message"] = f"The kernel {how}"
        fields.setdefault("traceback", messages.tail())
    elif fields["kind"] == "error" and holder.exceeded():
        fields["ended_for_memory"] = True
    return fields


def do_imports(
    runner: Any, paths: List[str], statements: List[str], mark: str, messages: MessageWriter
) -> None:
    """Do every import, in what is left of the notebook's kernel."""
    import nbformat

    arguments = json.dumps([paths, statements, mark])
    cell = nbformat.v4.new_code_cell(IMPORTING.format(arguments=arguments))
    runner.nb.cells.append(cell)
    messages.say("importing", of=len(statements))
    trouble = ""
    try:
        runner.execute_cell(cell, len(runner.nb.cells) - 1, store_history=False)
    except Exception as error:  # noqa: BLE001 - whatever nbclient of the image raises
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


def shorten(output: Any) -> Any:
    """Cut its text in place to what is kept."""
    text = output.get("text")
    if isinstance(text, str) and len(text) > TEXT_LIMIT:
        text = re.sub(r"(?m)^[^\n]*\r(?!\n)", "", text)  # what a progress bar has painted over
        output["r2i_cut"] = output.get("r2i_cut", 0) + max(0, len(text) - TEXT_LIMIT)
        output["text"] = text[:TEXT_LIMIT]
    return output


def within(budget: Dict[str, int], which: str, outputs: List[Fields]) -> List[Fields]:
    """The outputs as far as they fit into what is left for the notebook."""
    size = len(json.dumps(outputs))
    if size <= budget[which]:
        budget[which] -= size
        return outputs
    return [{"output_type": output.get("output_type", ""), "r2i_cut": size} for output in outputs]


def main(file: str) -> NoReturn:
    task = json.loads(Path(file).read_text(encoding="utf-8"))
    if not sys.flags.isolated:
        del sys.path[0]  # no modules lie there
    messages = MessageWriter(task["mark"])
    try:
        import logging

        logging.disable(logging.CRITICAL)
        holder = Holder(task["port"], task["stand_in"])
        if task["path"] is None:
            kernels(holder, messages)
            messages.say("end")
        else:
            notebook(task, holder, messages)
    except Failed as failure:
        messages.say("failed", **failure.fields)
        messages.say("end")
    except BaseException as error:  # noqa: BLE001 - told to whoever asked
        import traceback

        said = traceback.format_exc().splitlines()[-20:]
        message = f"The notebook runner failed: {str(error) or type(error).__name__}"
        messages.say("failed", kind="no-answer", message=message, traceback=said)
        messages.say("end")
    # The container ends with us.
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1])
