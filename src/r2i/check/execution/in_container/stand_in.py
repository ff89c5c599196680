"""Stands in for a kernel beside what runs a notebook, and has the real one started in the container where it may run.

What runs notebooks starts it as if it were the kernel: `stand_in.py PORT KERNEL DIRECTORY STATE CONNECTION_FILE …`. It writes
what the kernel writes, keeps in the file STATE what the kernel uses, and ends as the kernel ends; where it is ended, so is the
kernel. The other half of `hold_kernels.py`. Python 3.6 or newer.
"""

import json
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any, NoReturn

#: The status where the container of the kernel is gone.
GONE = 97

#: A line of the other half is much shorter, in bytes.
LONGEST = 1 << 20


def told(message: Any, state: str) -> None:
    """Pass on what was said of the kernel."""
    if isinstance(message.get("said"), str):
        sys.stdout.write(message["said"])
        sys.stdout.flush()
    if isinstance(message.get("peak"), int):
        new = Path(f"{state}.new")
        new.write_text(json.dumps({"peak": message["peak"], "exceeded": message.get("exceeded") is True}))
        new.replace(state)
    if isinstance(message.get("ended"), int):
        end_as(message["ended"])


def end_as(status: int) -> NoReturn:
    if status < 0:
        signal.signal(-status, signal.SIG_DFL) if -status not in (signal.SIGKILL, signal.SIGSTOP) else None
        os.kill(os.getpid(), -status)
    os._exit(status & 0xFF)


def main(port: str, kernel: str, directory: str, state: str, file: str, *more: str) -> NoReturn:
    request = {
        "do": "start",
        "kernel": kernel,
        "directory": directory,
        "connection": json.loads(Path(file).read_text(encoding="utf-8")),
        "more": more,
    }
    try:
        with socket.create_connection(("127.0.0.1", int(port))) as held, held.makefile("rb") as lines:
            held.sendall(json.dumps(request).encode() + b"\n")
            for line in iter(lambda: lines.readline(LONGEST), b""):
                told(json.loads(line), state)
    except (OSError, ValueError, AttributeError):
        pass
    sys.stdout.write("The container of the kernel has ended\n")
    sys.stdout.flush()
    os._exit(GONE)


if __name__ == "__main__":
    main(*sys.argv[1:])
