"""An ordinary user of the machine with an empty Podman of their own: made for a test by root, and removed after it."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from r2i.process import Completed, run

REPOSITORY = Path(__file__).parents[1]

TUN, FUSE = Path("/dev/net/tun"), Path("/dev/fuse")


@dataclass(frozen=True, kw_only=True)
class OrdinaryUser:
    """`home` is readable by all; `r2i` is installed in it."""

    name: str
    uid: int
    home: Path

    def __call__(self, *argv: str, timeout: float = 300, **environ: str) -> Completed:
        """Run a program as this user, in the home, with an environment of its own."""
        certificates = {name: os.environ[name] for name in ("SSL_CERT_FILE",) if name in os.environ}
        env = {
            "HOME": str(self.home),
            "PATH": f"{self.home}/r2i/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
            "USER": self.name,
            "XDG_RUNTIME_DIR": str(self.home / "runtime"),
            "NO_COLOR": "1",
            **certificates,
            **environ,
        }
        # What `setpriv` itself starts, it may still start as root.
        words = ("setpriv", f"--reuid={self.uid}", f"--regid={self.uid}", "--init-groups", "env", *argv)
        return run(words, env=env, cwd=self.home, timeout=timeout)

    def answer(self, *argv: str, timeout: float = 300, **environ: str) -> str:
        done = self(*argv, timeout=timeout, **environ)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def own(self, path: Path) -> Path:
        """Give a file or directory to the user."""
        for each in (path, *path.rglob("*")):
            os.chown(each, self.uid, self.uid, follow_symlinks=False)
        return path


def needs(device: Path) -> None:
    """Skip where not everybody can open it, as udev lets them."""
    if not device.exists() or device.stat().st_mode & 0o666 != 0o666:
        pytest.skip(f"needs {device}, which everybody can open")


@contextmanager
def ordinary_user() -> Iterator[OrdinaryUser]:
    """Skips where none can be made. Files of subordinate ids remain nowhere: root removes the home."""
    if os.getuid() != 0 or not all(
        shutil.which(name) for name in ("useradd", "setpriv", "podman", "newuidmap")
    ):
        pytest.skip("needs root, useradd, podman and newuidmap to make a user")
    needs(TUN)
    name = f"r2i-{secrets.token_hex(4)}"
    home = Path(tempfile.mkdtemp(prefix="r2i-rootless-", dir="/var/tmp"))
    made = run(["useradd", "--no-create-home", "--user-group", "--home-dir", str(home), name])
    assert made.returncode == 0, made.stderr
    try:
        user = OrdinaryUser(name=name, uid=pwd.getpwnam(name).pw_uid, home=home)
        home.chmod(0o755)
        (home / "runtime").mkdir(mode=0o700)
        _install(user)
        yield user
    finally:
        _end_processes(pwd.getpwnam(name).pw_uid)
        run(["userdel", name])
        run(["rm", "-rf", str(home)])


def _install(user: OrdinaryUser) -> None:
    """With a Python that the user may run: a developer's own may lie in the home of root."""
    test = ("-c", "import sys; sys.exit(sys.version_info < (3, 11))")
    pythons = (str(Path(sys.executable).resolve()), "/usr/bin/python3")
    python = next((each for each in pythons if user(each, *test).returncode == 0), None)
    if python is None:
        pytest.skip("needs a Python 3.11 or newer that everybody can run")
    uv, place = str(Path(sys.executable).with_name("uv")), user.home / "r2i"
    for argv in (
        [uv, "venv", "--quiet", "--python", python, str(place)],
        [uv, "pip", "install", "--quiet", "--python", str(place / "bin/python"), str(REPOSITORY)],
    ):
        done = run(argv, env={**os.environ, "UV_PYTHON_DOWNLOADS": "never"}, timeout=300)
        assert done.returncode == 0, done.stderr
    user.own(user.home)


def _end_processes(uid: int) -> None:
    """Podman keeps one that holds the namespaces of the user."""
    for _ in range(50):
        left = [path for path in Path("/proc").glob("[0-9]*") if _owner(path) == uid]
        if not left:
            return
        for path in left:
            with suppress(ProcessLookupError):
                os.kill(int(path.name), signal.SIGKILL)
        time.sleep(0.1)


def _owner(path: Path) -> int | None:
    try:
        return path.stat().st_uid
    except OSError:
        return None
