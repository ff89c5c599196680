"""Keeps the users of a build step apart, so that the code of packages and repositories gets nothing and spoils nothing.

Root starts programs and installs Debian packages. The *fetcher* downloads, with the credentials of the machine that builds, into
caches that all repositories share, and runs nothing that it downloads. The image's *user* runs all the rest, without either.

Runs on the Python of the base image, which may be as old as 3.8.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Iterator, Mapping, Sequence

ENVIRONMENT = Path("/srv/env")

#: Who downloads. The highest number that a machine without root (65,536 users) has and no distribution gives to anybody.
FETCHER = 65533

#: What root finds programs in: the image's own path begins with directories in which others write.
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

#: The settings of the machine that builds as they are, with credentials; what else a step gets has none.
CREDENTIALS = Path("/run/secrets/credentials")

#: Set by every shell.
OF_SHELLS = frozenset({"PATH", "PWD", "OLDPWD", "SHLVL", "_"})


def acting_as(uid: int, command: Sequence[str]) -> list[str]:
    """The command as another user: without groups, capabilities, or a way to get any."""
    who = [f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "--no-new-privs"]
    return ["/usr/bin/setpriv", *who, "--inh-caps=-all", "--bounding-set=-all", "--", *command]


def program(name: str) -> list[str]:
    """The command of a program that lies beside this one, on the system's Python."""
    return ["/usr/bin/python3", "-B", str(Path(__file__).resolve().with_name(name))]


def run_as(
    uid: int,
    command: Sequence[str],
    settings: Mapping[str, str] = {},
    *,
    cwd: Path | None = None,
    stdout: int | None = None,
    stderr: int | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run what runs code of others, by the user."""
    with of_user(uid, settings) as environment:
        return subprocess.run(
            acting_as(uid, command),
            env=environment,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            encoding="utf-8",
            check=False,
        )


def run(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a program of the system, by whoever asks, for what it prints."""
    return subprocess.run(
        command,
        check=False,
        env=of_root() if os.getuid() == 0 else None,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    )


def delete_as(uid: int, directory: Path) -> None:
    """Delete by that user: what is in a directory of a user may have become anything."""
    subprocess.run(
        acting_as(uid, ["/bin/rm", "-rf", "--", str(directory)]), stderr=subprocess.DEVNULL, check=False
    )
    with contextlib.suppress(OSError):
        directory.rmdir()  # the directory above is root's


def private_settings() -> dict[str, str]:
    """The variables with credentials, for what resolves and downloads; none where the machine has none."""
    if not CREDENTIALS.is_file():
        return {}
    command = ["/bin/sh", "-c", f". {CREDENTIALS}; env -0"]
    done = subprocess.run(command, env={"PATH": SYSTEM_PATH}, stdout=subprocess.PIPE, check=True)
    pairs = (pair.decode().partition("=") for pair in done.stdout.split(b"\0") if pair)
    return {name: value for name, _, value in pairs if name not in OF_SHELLS}


def of_root() -> dict[str, str]:
    """The environment of what root runs: with credentials, since a proxy may want them of apt."""
    return {**os.environ, **private_settings(), "PATH": SYSTEM_PATH, "DEBIAN_FRONTEND": "noninteractive"}


@contextlib.contextmanager
def of_fetcher(settings: Mapping[str, str] = {}) -> Iterator[dict[str, str]]:
    """The environment of what downloads, with a home of its own. uv gets no credentials in it: it puts variables into addresses that
    others wrote, such as those in the metadata of a wheel."""
    with scratch(FETCHER) as home:
        yield {**os.environ, **settings, "PATH": SYSTEM_PATH, "HOME": str(home), "TMPDIR": str(home)}


@contextlib.contextmanager
def of_user(uid: int, settings: Mapping[str, str] = {}) -> Iterator[dict[str, str]]:
    """The environment of what runs code of others, with a home that nothing stays in."""
    path = f"{ENVIRONMENT}/bin:{SYSTEM_PATH}"
    with scratch(uid) as home:
        yield {**os.environ, **settings, "PATH": path, "HOME": str(home), "TMPDIR": str(home)}


@contextlib.contextmanager
def scratch(uid: int) -> Iterator[Path]:
    """A directory of that user, deleted at the end."""
    directory = Path(tempfile.mkdtemp(prefix="r2i-"))
    os.chown(directory, uid, uid)
    try:
        yield directory
    finally:
        if os.getuid() == 0:
            delete_as(uid, directory)


def is_untouched() -> bool:
    """Whether nothing in the environment runs when its Python starts, so that the fetcher may start it.

    What is installed can: `site` runs lines of `.pth` files, and a `sitecustomize` (https://docs.python.org/3/library/site.html).
    """
    if not ENVIRONMENT.is_dir() or ENVIRONMENT.stat().st_uid != FETCHER:
        return False
    installed = (path.name for path in ENVIRONMENT.glob("lib/python*/site-packages/*"))
    return all(name in ("_virtualenv.py", "_virtualenv.pth", "__pycache__") for name in installed)


def keep_apart(cache: Path) -> None:
    """Give a cache that repositories share to the fetcher, and to nobody else."""
    os.chown(cache, FETCHER, FETCHER)
    cache.chmod(0o700)


def make_environment() -> None:
    """The directory of the environment, still empty, as the fetcher's."""
    ENVIRONMENT.mkdir()
    os.chown(ENVIRONMENT, FETCHER, FETCHER)


def hand_over(uid: int) -> None:
    """Give the environment to the user: from here on it holds code of others, which only the user runs."""
    if ENVIRONMENT.stat().st_uid != uid:
        chown = ["/bin/chown", "-Rh", f"{uid}:{uid}", str(ENVIRONMENT)]
        subprocess.run(chown, env={"PATH": SYSTEM_PATH}, check=True)
