"""git and git-lfs, which fetch repositories."""

from __future__ import annotations

from r2i.facts.minimums import GIT, written
from r2i.machine import Machine, version
from r2i.machine.symptoms import Symptom


def check_git(machine: Machine) -> tuple[Symptom, ...]:
    """git fetches repositories, git-lfs the large files in some of them; a local directory needs neither."""
    done = machine.ask("git", "--version")
    if done.returncode != 0:
        return (
            Symptom(
                check="git",
                status="warning",
                message="git is not installed: only local directories can be built",
                fix=machine.install_command("git"),
                problem="no-git",
            ),
        )
    return (_git_version(machine, version(done.stdout)), _git_lfs(machine))


def _git_version(machine: Machine, found: tuple[int, ...]) -> Symptom:
    text = ".".join(map(str, found))
    if found >= GIT:
        return Symptom(check="git", status="ok", message=f"git {text}")
    return Symptom(
        check="git",
        status="warning",
        message=f"git {text} is older than {written(GIT)}: only local directories can be built",
        fix=machine.install_command("git"),
        problem="old-git",
    )


def _git_lfs(machine: Machine) -> Symptom:
    done = machine.ask("git", "lfs", "version")
    if done.returncode == 0:
        return Symptom(
            check="git-lfs", status="ok", message=f"git-lfs {'.'.join(map(str, version(done.stdout)))}"
        )
    return Symptom(
        check="git-lfs",
        status="warning",
        message="git-lfs is not installed: files in Git LFS stay pointers",
        fix=machine.install_command("git-lfs"),
        problem="no-git-lfs",
    )
