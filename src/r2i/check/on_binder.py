"""What Binder makes of the subject: the model of `r2i.binder`, made once."""

from __future__ import annotations

from r2i.binder.making import binder_of
from r2i.binder.values import Binder, BinderError
from r2i.check.subject import Subject
from r2i.facts.binder import table


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
