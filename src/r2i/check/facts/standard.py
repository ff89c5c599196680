"""The standard library as an image has it: what Python took out of it, and what Debian keeps apart."""

from __future__ import annotations

from r2i.diagnosis.rules import by_name
from r2i.model import Python


def last_python(module: str) -> str | None:
    """The last Python that has a module, None where it is there today."""
    return by_name("gone").get(module.partition(".")[0])


def is_gone(module: str, python: str) -> bool:
    last = last_python(module)
    return last is not None and minor(python) > minor(last)


def backport(module: str) -> str | None:
    """The package with a module that Python no longer has."""
    return by_name("backports").get(module.partition(".")[0])


def kept_apart(module: str, python: Python | None) -> str | None:
    """The Debian package with a module; None for a Python that is not of the base image, or no longer has the module."""
    if python is not None and (python.provider != "base" or is_gone(module, python.version)):
        return None
    return by_name("apart").get(module.partition(".")[0])


def minor(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2] if part.isdecimal())
