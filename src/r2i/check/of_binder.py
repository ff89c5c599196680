"""What Binder's builder (repo2docker 2026.4) takes where no file of the repository says otherwise."""

from __future__ import annotations

import posixpath

from r2i.check.subject import Subject
from r2i.errors import R2iError
from r2i.formats.language_versions import minor_of
from r2i.image import version_tuple
from r2i.model import PythonConstraint
from r2i.planning.python_constraints import versions_of

#: The release of Ubuntu that its images are built on, as `apt_names.toml` calls it, and in words.
RELEASE, UBUNTU = "noble", "Ubuntu 24.04"

#: The Python that it takes where nothing that it reads names one or excludes it, and the newest that it has.
DEFAULT_PYTHON, NEWEST_PYTHON = "3.10", (3, 14)

#: Where it reads a version.
VERSION_FILES = frozenset({"runtime.txt", "environment.yml", "environment.yaml", "Pipfile", "Pipfile.lock"})

#: Where it reads a range of versions.
RANGE_FILES = frozenset({"pyproject.toml", "setup.py", "setup.cfg"})


def python_of_binder(subject: Subject) -> str | None:
    """The minor version of the Python that Binder takes; None where that is not plain."""
    found, constraints = subject.detections, list[PythonConstraint]()
    brings = subject.environment.brings if subject.environment else None
    packs = (*found.packs, *([found.environment] if found.environment else []))
    for request in (brings, *(pack.requests.get("python") for pack in packs)):
        if request and posixpath.basename(request.evidence.file or "") in VERSION_FILES:
            return minor_of(request.version)
    for pack in packs:
        constraints += pack.requires
    if any(posixpath.basename(one.evidence.file or "") not in RANGE_FILES for one in constraints):
        return None  # conda decides
    try:
        free = [minor for minor in versions_of(constraints) if version_tuple(minor) <= NEWEST_PYTHON]
    except R2iError:
        return None  # another rule says so
    return DEFAULT_PYTHON if DEFAULT_PYTHON in free else max(free, key=version_tuple, default=None)
