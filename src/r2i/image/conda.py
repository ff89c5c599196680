"""What the steps that install conda packages are given: their programs, and the document that says what is wanted."""

from __future__ import annotations

import json
from collections.abc import Iterable

#: What the programs share, and what they know of other programs' words.
SHARED_PROGRAMS = (
    "programs/separation.py",
    "programs/environment.py",
    "programs/words.py",
    "programs/words.ini",
)

PROGRAMS = (
    *SHARED_PROGRAMS,
    "programs/conda_install.py",
    "programs/conda_fetch.py",
    "programs/conda_cache.py",
    "programs/conda_channels.py",
    "programs/conda_solver.py",
    "programs/conda-activated",
)


def document(
    channels: Iterable[str],
    specs: Iterable[str],
    *,
    exclude_newer: str | None = None,
    cuda: str | None = None,
) -> str:
    said = {"channels": [*channels], "specs": [*dict.fromkeys(specs)], "exclude_newer": exclude_newer}
    return json.dumps(said | ({"cuda": cuda} if cuda else {}), indent=1) + "\n"
