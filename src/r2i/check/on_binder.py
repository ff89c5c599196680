"""What Binder makes of the subject: the model of `r2i.binder`, made once."""

from __future__ import annotations

import posixpath

from r2i.binder.detection import DOCKER
from r2i.binder.making import binder_of
from r2i.binder.values import Binder, BinderError
from r2i.check.subject import Subject
from r2i.checkout import Checkout
from r2i.errors import R2iError
from r2i.facts.binder import table
from r2i.formats.requirements.local import PROJECT_FILES


def binder(subject: Subject) -> Binder | None:
    """None where the directory is not what Binder builds, because the configuration is above it."""
    return subject.once(_binder)


def _binder(subject: Subject) -> Binder | None:
    return None if subject.declared_above else binder_of(subject.checkout)


def python_of_binder(subject: Subject) -> str | None:
    """The minor version of the Python of notebooks; None where there is none, or conda may take another one than repo2docker."""
    made = binder(subject)
    if made is None or refusal(subject) is not None or made.python_change is not None:
        return None
    return made.python


def refusal(subject: Subject) -> BinderError | None:
    """Why repo2docker itself stops before it builds anything."""
    made = binder(subject)
    return (made.error or made.build_error) if made is not None else None


def default_python() -> str:
    """That of repositories in which no file that Binder reads names one or excludes it."""
    return str(table()["python"]["default"])


def is_read(subject: Subject, path: str) -> bool:
    """Whether Binder installs what a file of the configuration asks for, or runs it, as far as its builder decides.

    What another file includes counts as that one.
    """
    made, environment = binder(subject), subject.environment
    if made is None or made.buildpack in (None, DOCKER) or path in subject.once(_read):
        return True
    if posixpath.basename(path) in PROJECT_FILES or path in {ignored.file for ignored in made.ignored}:
        return False
    top = environment.defined_by if environment is not None else ""
    included = environment is not None and path in {evidence.file for evidence in environment.evidence}
    return not (path == top or included) or (path != top and top in subject.once(_read))


def _read(subject: Subject) -> frozenset[str]:
    made = binder(subject)
    read = {evidence.file for evidence in made.reads if evidence.file} if made else set()
    projects = {"setup.py", "pyproject.toml"} & read
    if "setup.py" not in read and not _is_package(subject.checkout):
        projects.clear()
        read.discard("pyproject.toml")  # for its `requires-python` alone
    return frozenset(read | ({*PROJECT_FILES} if projects else set()))


def _is_package(checkout: Checkout) -> bool:
    """Whether it has the tables without which repo2docker takes it for settings of tools."""
    try:
        return {"project", "build-system"} <= checkout.read_toml("pyproject.toml").keys()
    except R2iError:
        return False


def has_kernel_for(subject: Subject, language: str) -> bool:
    """Whether Binder registers a kernel for a language by itself."""
    made = binder(subject)
    return made is not None and any(
        kernel.language.split()[0].lower() == language.lower() for kernel in made.kernels
    )
