"""Read by the Jupyter server when it starts: every Shiny app of the repository is behind its proxy, at `/shiny/<directory>/`.

Each app is a process of R, started when a browser asks for it, that listens on a Unix socket: nothing but the server, which asks
for the token, reaches it.
"""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote

APP = "/usr/local/share/r2i/shiny_app.R"

#: What makes a directory an app, in lower case as Shiny compares them.
FILES = frozenset({"app.r", "server.r"})

#: Libraries of packages, which bring examples of apps.
LIBRARIES = frozenset({"node_modules", "packrat", "renv"})

DEEPEST = 4
MOST_APPS = 100

#: An app loads its packages and data before it answers.
SECONDS = 120


def apps(top: Path) -> list[str]:
    """The directories of apps below a directory, which itself is the empty string."""
    found = []
    for directory, names, files in os.walk(top):
        parts = Path(directory).relative_to(top).parts
        names[:] = sorted(n for n in names if n[0] != "." and n not in LIBRARIES and len(parts) < DEEPEST)
        if FILES.intersection(name.lower() for name in files):
            found.append("/".join(parts))
    return found[:MOST_APPS]


def servers(top: Path) -> dict[str, dict[str, object]]:
    """What `jupyter-server-proxy` starts, by path; of two that begin an address, the longer one comes first."""
    found = apps(top)
    more = found if "" in found else ["", *found]
    made: dict[str, dict[str, object]] = {}
    for inside in sorted(more, key=len, reverse=True):
        arguments = [str(top / inside)] if inside in found else [str(top), *found]
        escaped = [word.replace("{", "{{").replace("}", "}}") for word in arguments]
        made["/".join(filter(None, ["shiny", quote(inside)]))] = {
            "command": ["Rscript", APP, "{unix_socket}", *escaped],
            "unix_socket": True,
            "timeout": SECONDS,
            "launcher_entry": {"enabled": not inside, "title": "Shiny"},
        }
    return made


if "get_config" in globals():
    get_config().ServerProxy.servers.update(servers(Path(os.environ.get("REPO_DIR", "."))))  # type: ignore[name-defined]  # noqa: F821
