"""Holds the kernels of a notebook, in the container where the code of the repository runs.

Run as a script by whatever Python of the image has nbclient, with nothing of r2i: `hold_kernels.py MARK`. It listens on the
loopback, says on stdout behind the mark at which port, and answers one request on each connection, an object of JSON on a line:
which kernels there are, what a notebook holds, and what becomes of a kernel that is to start. `run_notebook.py` asks, in a
container of its own. Everything in here may be changed by what runs here: whoever asks believes nothing but what a kernel
could say by itself. Python 3.6 or newer.
"""

import collections
import contextlib
import json
import os
import signal
import socket
import sys
import tempfile
import threading
import time
from pathlib import Path
from string import Template
from subprocess import DEVNULL, Popen
from typing import Any, Dict

#: The largest notebook, in bytes.
LARGEST = 64_000_000

Fields = Dict[str, Any]


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

    def total(self, kernel: int) -> int:
        """Processes that live know their own peak."""
        self.peak = max(self.peak, _status(kernel, "VmHWM"))
        return self.peak

    def exceeded(self) -> bool:
        return self._kills() > self._killed

    def _held(self, field: str) -> int:
        pids = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
        return sum(_status(pid, field) for pid in pids if pid not in self._own)

    @staticmethod
    def _kills() -> int:
        """By either version of control groups."""
        return _sum("/sys/fs/cgroup/memory.events", "oom_kill ") or _sum(
            "/sys/fs/cgroup/memory/memory.oom_control", "oom_kill "
        )


def _status(pid: int, field: str) -> int:
    return 1024 * _sum(f"/proc/{pid}/status", f"{field}:")


def _sum(file: str, start: str) -> int:
    """The numbers in the lines that begin so; 0 where they cannot be read."""
    try:
        with Path(file).open() as lines:
            return sum(int(line.split()[1]) for line in lines if line.startswith(start))
    except (OSError, ValueError, IndexError):
        return 0


class Asker:
    """The other end of a connection."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._lock = threading.Lock()

    def tell(self, fields: Fields, content: bytes = b"") -> None:
        with self._lock:
            self._connection.sendall(json.dumps(fields).encode() + b"\n" + content)


def specs() -> Fields:
    """The languages of all kernels, by name."""
    from jupyter_client.kernelspec import KernelSpecManager

    found = KernelSpecManager().get_all_specs()
    return {"specs": {name: str(one["spec"].get("language", "")) for name, one in found.items()}}


def tell_notebook(relative: str, asker: Asker) -> None:
    """Where it lies and what it holds."""
    home = os.path.expanduser("~")  # noqa: PTH111 - there may be none, for which pathlib raises
    directories = [os.environ.get("REPO_DIR"), Path.cwd(), home]
    paths = [Path(directory, relative) for directory in directories if directory]
    path = next((path for path in paths if os.path.isfile(path)), None)  # noqa: PTH113 - nor may it be read
    if path is None:
        return asker.tell({"unreadable": "The notebook is not in the image"})
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        return asker.tell({"unreadable": f"The notebook cannot be read: {error}"})
    if len(content) > LARGEST:
        return asker.tell({"unreadable": f"The notebook is larger than {LARGEST // 1_000_000} MB"})
    return asker.tell({"path": str(path), "size": len(content)}, content)


def start(request: Fields, output: int) -> "Popen[bytes]":
    """Start a kernel as jupyter_client does, at the addresses that whoever asks has chosen."""
    from jupyter_client import KernelManager

    handle, path = tempfile.mkstemp(prefix="r2i-kernel-", suffix=".json")
    with os.fdopen(handle, "w") as file:
        json.dump(request["connection"], file)
    manager = KernelManager(kernel_name=request["kernel"], connection_file=path)
    # Those of jupyter_client before 8 expect what only their own start sets.
    manager._launch_args = {}  # noqa: SLF001
    argv = manager.format_kernel_cmd(extra_arguments=request["more"])
    environment = dict(os.environ)
    own = manager.kernel_spec.env or {}
    environment.update({name: Template(value).safe_substitute(environment) for name, value in own.items()})
    process = Popen(  # noqa: S603 - what the image says
        argv,
        cwd=request["directory"] or None,
        env=environment,
        stdin=DEVNULL,
        stdout=output,
        stderr=output,
        start_new_session=True,
    )
    offer(process.pid)
    return process


def offer(pid: int) -> None:
    """Where memory is short, the system is to end the kernel, and not who holds it."""
    with contextlib.suppress(OSError):
        Path(f"/proc/{pid}/oom_score_adj").write_text("900")


def hold(request: Fields, connection: socket.socket, asker: Asker, memory: Memory) -> None:
    """Start a kernel and tell what becomes of it; it ends with the connection."""
    reading, writing = os.pipe()
    try:
        process = start(request, writing)
    except Exception as error:  # noqa: BLE001 - whatever jupyter_client of the image raises
        asker.tell({"said": f"{str(error) or type(error).__name__}\n", "ended": 127})
        return
    finally:
        os.close(writing)
    written: "collections.deque[str]" = collections.deque(maxlen=1)
    reader = threading.Thread(target=_pass_on, args=(reading, asker), daemon=True)
    reader.start()
    threading.Thread(target=_end_with, args=(connection, process), daemon=True).start()
    while process.poll() is None:
        state = json.dumps({"peak": memory.total(process.pid), "exceeded": memory.exceeded()})
        if state not in written:
            written.append(state)
            asker.tell(json.loads(state))
        time.sleep(0.1)
    reader.join(0.5)  # what it has started may write on
    asker.tell({"peak": memory.peak, "exceeded": memory.exceeded(), "ended": process.returncode})


def _pass_on(reading: int, asker: Asker) -> None:
    try:
        while True:
            said = os.read(reading, 8192)
            if not said:
                return
            asker.tell({"said": said.decode("utf-8", "replace")})
    except OSError:
        return


def _end_with(connection: socket.socket, process: "Popen[bytes]") -> None:
    with contextlib.suppress(OSError):
        while connection.recv(4096):
            pass
    with contextlib.suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)


def answer(connection: socket.socket, memory: Memory) -> None:
    asker = Asker(connection)
    try:
        with connection, connection.makefile("rb") as lines:
            request = json.loads(lines.readline())
            if request["do"] == "list":
                asker.tell(specs())
            elif request["do"] == "read":
                tell_notebook(request["path"], asker)
            else:
                hold(request, connection, asker, memory)
    except OSError:
        pass  # nobody asks any more


def main(mark: str) -> None:
    import logging

    logging.disable(logging.CRITICAL)
    if not sys.flags.isolated:
        del sys.path[0]  # no modules lie there
    # The first process of a container is not ended by what it does not handle.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    memory = Memory()
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        sys.stdout.write(f"\n{mark}{server.getsockname()[1]}\n")
        sys.stdout.flush()
        while True:
            connection, _ = server.accept()
            threading.Thread(target=answer, args=(connection, memory), daemon=True).start()


if __name__ == "__main__":
    main(sys.argv[1])
