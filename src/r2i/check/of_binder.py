"""What Binder's builder (repo2docker 2026.4) takes where no file of the repository says otherwise."""

from __future__ import annotations

import posixpath

from r2i.check.subject import Subject
from r2i.formats.language_versions import minor_of

#: The release of Ubuntu that its images are built on, as `apt_names.toml` calls it, and in words.
RELEASE, UBUNTU = "noble", "Ubuntu 24.04"

#: The Python that it takes where nothing that it reads names one.
DEFAULT_PYTHON = "3.10"

#: Where it reads a version.
VERSION_FILES = frozenset({"runtime.txt", "environment.yml", "environment.yaml", "Pipfile", "Pipfile.lock"})


def python_of_binder(subject: Subject) -> str | None:
    """The minor version of the Python that Binder takes; None where that is not plain."""
    for pack in subject.detections.packs:
        request = pack.requests.get("python")
        if request and posixpath.basename(request.evidence.file or "") in VERSION_FILES:
            return minor_of(request.version)
        if pack.requires:
            return None
    return DEFAULT_PYTHON
