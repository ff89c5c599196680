"""What is opened in the browser: a path below the Jupyter server, and never anywhere else. Pure."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

from r2i.errors import UsageError
from r2i.sources.typed import LONGEST, refuse_unprintable, shown

SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
#: What keeps its meaning in an address; `%` begins an escape that whoever wrote the path made.
KEPT = "/?#&=%:+,;@!$'()*~[]"


def below_server(path: str, *, what: str) -> str:
    """The path as it stands in an address: relative, printable ASCII.

    A slash at its beginning means the server's own top, as for BinderHub. Raises `UsageError`, in which `what` names
    the path, for an address of another server and for a path that leads out of this one.
    """
    place = what[:1].lower() + what[1:]
    refuse_unprintable(path, place)
    relative = path.removeprefix("/")
    # Browsers take `\` for `/`, and one escape away before they look for `..`.
    plain = unquote(path.partition("?")[0].partition("#")[0])
    refuse_unprintable(plain, place)
    elsewhere = relative.startswith("/") or SCHEME.match(relative) or "\\" in plain
    if elsewhere or ".." in plain.split("/") or len(path) > LONGEST:
        raise UsageError(
            f"{what} opens `{shown(path)}`, which is not a path of the Jupyter server",
            hint="Use a path such as `lab/tree/index.ipynb`",
        )
    return quote(relative, safe=KEPT)


def tree_path(view: str, path: str) -> str:
    """The path of the server that shows a file or directory of the repository."""
    return f"{view}/{quote(path.strip('/'))}" if path.strip("/") else view
