"""Notebooks for JupyterLite, which run in a browser: there a cell is the place to install packages, and `input()` can be awaited.

Its configuration: https://jupyterlite.readthedocs.io/en/stable/howto/configure/config_files.html
"""

from __future__ import annotations

import posixpath
import re

from r2i.check.code.notebooks import Notebook
from r2i.check.subject import Subject

CONFIGURATION = frozenset(
    {"jupyter_lite_config.json", "jupyter_lite_config.py", "jupyter-lite.json", "jupyter-lite.ipynb"}
)

#: How people call the directory of such a website.
NAMED = re.compile(r"(?:[^/]+/)*?jupyter-?lite(?=/)", re.IGNORECASE)


def is_of_browser(notebook: Notebook) -> bool:
    """Whether its kernel is one of a browser: Pyodide calls its own `python`, as Jupyter does, and says what it is in its title."""
    return "pyodide" in f"{notebook.kernel} {notebook.kernel_title}".lower()


def may_run_in_browser(subject: Subject, notebook: Notebook) -> bool:
    """Whether it also is of a website that JupyterLite makes."""
    return is_of_browser(notebook) or any(
        not directory or notebook.path.startswith(f"{directory}/") for directory in subject.once(_directories)
    )


def is_of_website(subject: Subject, notebook: Notebook) -> bool:
    """Whether it runs in a browser alone: other notebooks of the repository lie beside the directory of the website."""
    return is_of_browser(notebook) or any(
        directory and notebook.path.startswith(f"{directory}/") for directory in subject.once(_directories)
    )


def _directories(subject: Subject) -> frozenset[str]:
    """Those with its configuration, or with its name."""
    found = {posixpath.dirname(path) for path in subject.files if posixpath.basename(path) in CONFIGURATION}
    found |= {match[0] for path in subject.files if (match := NAMED.match(path))}
    return frozenset(found)
