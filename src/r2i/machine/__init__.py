"""The machine that r2i runs on, as far as `doctor` and `setup` look at it: its distribution, programs, cgroups."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from r2i.process import Completed, Runner


@dataclass(frozen=True, kw_only=True)
class LinuxDistribution:
    """What `/etc/os-release` says; `family` is `other` where packages are not Debian's or Ubuntu's."""

    name: str
    family: str
    codename: str


@dataclass(frozen=True, kw_only=True)
class Machine:
    """The one thing through which this machine is seen and changed.

    `root` is where `etc`, `run` and `sys` lie. `engine_prefix` goes before every call of an engine: `sudo` where
    the user has only just been allowed to use it.
    """

    environ: Mapping[str, str]
    run: Runner
    user: str
    uid: int
    root: Path = Path("/")
    engine_prefix: tuple[str, ...] = ()

    def which(self, program: str) -> str | None:
        return shutil.which(program, path=self.environ.get("PATH", ""))

    def which_daemon(self, program: str) -> str | None:
        """Like `which`, also where a user's `PATH` does not lead."""
        places = (self.environ.get("PATH", ""), *(str(self.root / sbin) for sbin in ("usr/sbin", "sbin")))
        return shutil.which(program, path=":".join(places))

    def ask(self, *argv: str, timeout: float = 20) -> Completed:
        """Run a program that only looks, with messages that can be recognised."""
        # We may stand in anybody's repository: where git-lfs is missing, git takes `lfs` for an alias of it.
        env = {**self.environ, "LC_ALL": "C.UTF-8", "GIT_DIR": "/dev/null"}
        return self.run(argv, env=env, timeout=timeout)

    def ask_engine(self, *argv: str, timeout: float = 20) -> Completed:
        return self.ask(*self.engine_prefix, *argv, timeout=timeout)

    @property
    def sudo(self) -> tuple[str, ...]:
        """What goes before a command that changes the system."""
        return () if self.uid == 0 else ("sudo",)

    @property
    def systemd(self) -> bool:
        return (self.root / "run/systemd/system").is_dir()

    @property
    def hybrid_cgroups(self) -> bool:
        """Whether cgroups of version 1 and 2 are mounted side by side, which crun refuses."""
        cgroup = self.root / "sys/fs/cgroup"
        return (cgroup / "unified").is_dir() and not (cgroup / "cgroup.controllers").exists()

    @property
    def distribution(self) -> LinuxDistribution:
        fields = _os_release(self.root)
        kinds = (fields.get("ID", ""), *fields.get("ID_LIKE", "").split())
        family = next((kind for kind in kinds if kind in ("ubuntu", "debian")), "other")
        codename = fields.get("UBUNTU_CODENAME") if family == "ubuntu" else fields.get("DEBIAN_CODENAME")
        return LinuxDistribution(
            name=fields.get("PRETTY_NAME") or "this system",
            family=family,
            codename=codename or fields.get("VERSION_CODENAME", ""),
        )

    def install_command(self, package: str) -> str:
        """How a user installs a package here."""
        sudo = " ".join((*self.sudo, ""))
        for program, command in (
            ("apt-get", f"{sudo}apt-get install -y {package}"),
            ("dnf", f"{sudo}dnf install -y {package}"),
            ("zypper", f"{sudo}zypper install -y {package}"),
            ("pacman", f"{sudo}pacman -S --noconfirm {package}"),
            ("brew", f"brew install {package}"),
        ):
            if self.which(program):
                return command
        return f"Install {package} with the package manager of this system"


def version(text: str) -> tuple[int, ...]:
    """The numbers of the first version in a text; empty where there is none."""
    found = re.search(r"\d+(\.\d+)+", text)
    return tuple(int(part) for part in found[0].split(".")) if found else ()


def last_line(done: Completed) -> str:
    """What a failed program said last: most put the reason there."""
    lines = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
    return lines[-1] if lines else f"exit status {done.returncode}"


def _os_release(root: Path) -> dict[str, str]:
    for path in (root / "etc/os-release", root / "usr/lib/os-release"):
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        pairs = (line.partition("=") for line in text.splitlines() if "=" in line)
        return {key.strip(): value.strip().strip("\"'") for key, _, value in pairs}
    return {}
