"""What `r2i setup` does, as values: steps of commands, files and waits, shown before they happen."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TypeAlias

from r2i.engines import EngineName
from r2i.machine import Machine


@dataclass(frozen=True, kw_only=True)
class Run:
    """A command. One that `may_fail` helps the next, which says what is missing."""

    argv: tuple[str, ...]
    may_fail: bool = False


@dataclass(frozen=True, kw_only=True)
class Write:
    """A file of the system, written whole or not at all."""

    path: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Await:
    """Wait until the engine answers; `log` says why where it does not."""

    engine: EngineName
    log: str | None = None


Action: TypeAlias = Run | Write | Await


@dataclass(frozen=True, kw_only=True)
class SetupStep:
    """Some actions with one purpose; `only_without` names an image that makes the step superfluous."""

    title: str
    actions: tuple[Action, ...]
    only_without: str | None = None
    gives_access: bool = False


def shown(action: Action) -> str:
    """An action as the user reads it before it happens."""
    match action:
        case Run(argv=argv):
            return shlex.join(argv)
        case Write(path=path, text=text):
            return f"write {path}:\n" + "".join(f"    {line}".rstrip() + "\n" for line in text.splitlines())
        case Await(engine=engine):
            return f"wait until {engine} answers"


def apt(machine: Machine, *packages: str) -> tuple[Action, ...]:
    env = (*machine.sudo, "env", "DEBIAN_FRONTEND=noninteractive", "NEEDRESTART_SUSPEND=1")
    return (
        # A source that is none of our business may be broken.
        Run(argv=(*machine.sudo, "apt-get", "update", "-q"), may_fail=True),
        Run(argv=(*env, "apt-get", "install", "-y", "-q", *packages)),
    )
