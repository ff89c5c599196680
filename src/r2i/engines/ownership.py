"""Whose a container is: a process that was killed has left its own behind, and the next one removes them."""

from __future__ import annotations

import os
import platform
import re
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

#: Everything that r2i runs carries both: `docker ps --filter label=io.r2i.run`.
RUN_LABEL = "io.r2i.run"
OWNER_LABEL = "io.r2i.owner"

OWNER = re.compile(r"(?P<host>.*)/(?P<pid>[1-9]\d{0,8})/(?P<began>\d*)", re.ASCII | re.DOTALL)


def labels() -> dict[str, str]:
    pid = os.getpid()
    return {RUN_LABEL: "1", OWNER_LABEL: f"{_host()}/{pid}/{_began(pid) or ''}"}


def is_abandoned(owner: str) -> bool:
    """Whether the process of that label is gone; no process of another machine ever is."""
    match = OWNER.fullmatch(owner)
    if match is None or match["host"] != _host():
        return False
    began = _began(int(match["pid"]))
    # Without a time, the number has to do: this system has none, or does not show that of others.
    return began is None or (began != "" and match["began"] not in {"", began})


def _host() -> str:
    """Machines that share an engine may share a name, too: so do containers in which r2i runs.

    The id of a machine is not for everybody to read, and so its digest is here.
    """
    marks = []
    with suppress(OSError):
        marks.append(Path("/etc/machine-id").read_text(encoding="ascii", errors="replace"))
    with suppress(OSError):
        marks.append(str(Path("/proc/self/ns/pid").readlink()))
    return f"{platform.node()}/{sha256(repr(marks).encode()).hexdigest()[:12]}"


def _began(pid: int) -> str | None:
    """When a process began, as a number that is not used again as its own is; empty if unknown, None if it is gone."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass  # another user's
    try:
        # pid (name) state …; a name may hold blanks and brackets
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return ""
    return None if fields[0] in {"Z", "X"} else fields[19]
