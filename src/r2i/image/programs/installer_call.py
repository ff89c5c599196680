"""One call of uv, or of pip where uv cannot be used, and what comes of it.

Runs on the Python of the base image, which may be as old as 3.8.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from pathlib import Path
from typing import IO, Iterable, Mapping, Sequence, Tuple, cast

from environment import compile_bytecode, has_library
from separation import (
    ENVIRONMENT,
    acting_as,
)
from words import says

#: What later releases do not say: that they are not for Pythons which are so old.
LAST_OF_OLD = ("ipywidgets<7.8", "send2trash<1.9")

#: Asks for the last pip that read everything which its forerunners had.
PIP = "--installer=pip"

#: The standard libraries of Pythons that uv does not install into, and uv's options without a counterpart in pip.
OF_PIP = ("python2.7", "python3.4", "python3.5")
OF_UV = (
    "--installer",
    "--offline",
    "--index-strategy",
    "--exclude-newer",
    "--config-settings-package",
    "--config-file",
    "--no-config",
)

#: The exit status of uv or pip, and the error that it wrote.
Outcome = Tuple[int, str]


def settings_in(arguments: Sequence[str]) -> str:
    """The text of the settings for uv that the arguments name."""
    path = next((word.partition("=")[2] for word in arguments if word.startswith("--config-file=")), None)
    return Path(path).read_text() if path else ""


def without_settings(arguments: Sequence[str]) -> list[str]:
    return [word for word in arguments if not word.startswith("--config-file=")]


def attempt_in(own: Path, arguments: Sequence[str]) -> Outcome:
    """By the user, with the cache of the repository."""
    return attempt(arguments, with_shared_buckets(own), dict(os.environ))


def attempt(
    arguments: Sequence[str], cache: Path, environment: Mapping[str, str], user: int | None = None
) -> Outcome:
    """Show what uv says as it says it, but give back an error: it may not be the last word."""
    command = installer(arguments, cache)
    settings = {
        "UV_CACHE_DIR": str(cache),
        "UV_PYTHON_INSTALL_DIR": "/srv/python",
        "UV_LINK_MODE": "copy",
        # uv starts the environment's Python for it, which runs what is installed, and compiles tests, too.
        "UV_COMPILE_BYTECODE": "0",
        # The files may belong to another user, which Git would hold against this one when a version is read from its history.
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "safe.directory",
        "GIT_CONFIG_VALUE_0": "*",
    }
    uv = subprocess.Popen(
        acting_as(user, command) if user else command,
        env={**environment, **settings},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    )
    failure = error_apart(cast("IO[str]", uv.stdout))
    status = uv.wait()
    if status == 0 and not user:
        compile_bytecode(ENVIRONMENT / "lib")
    return status, failure


def error_apart(lines: Iterable[str]) -> str:
    """The error with all that follows it; what comes before is shown."""
    failure: list[str] = []
    for line in lines:
        if failure or says(line, "error"):
            failure.append(line)
        else:
            print(line, end="", flush=True)
    return "".join(failure)


def installer(arguments: Sequence[str], cache: Path) -> list[str]:
    """uv, and for Pythons that it does not know, the pip that is beside them; both take the same requirements."""
    python = str(ENVIRONMENT / "bin/python")
    ancient = has_library(*OF_PIP)
    if not ancient and PIP not in arguments:
        return ["/usr/local/bin/uv", "pip", "install", "--python", python, *arguments]
    translated = []
    for word in arguments:
        option, _, value = word.partition("=")
        if ancient and word == "ipywidgets":
            continue  # of those days it brings a whole server
        if option == "--allow-insecure-host":
            translated.append("--trusted-host=" + value)
        elif word == "--prerelease=allow":
            translated.append("--pre")
        elif option not in OF_UV:
            translated.append(word)
    pip = [python, "-W", "ignore", "-m", "pip", "install"]
    pip += ["--cache-dir", str(cache / "pip"), "--disable-pip-version-check"]
    if ancient:
        # What has wheels for it was made for it; sources of today are no longer, whether or not they say so.
        constraints = cache / "pip-constraints.txt"
        constraints.write_text("\n".join(LAST_OF_OLD))
        pip += ["--prefer-binary", "-c", str(constraints)]
    return [*pip, *translated]


def with_shared_buckets(own: Path) -> Path:
    """What uv fetched is shared by all such sets of packages; what it built is not."""
    top = own.parents[1]
    for bucket in top.glob("*-v[0-9]*"):
        if not bucket.name.startswith("sdists-") and not (own / bucket.name).exists():
            with contextlib.suppress(FileExistsError):  # another build was faster
                (own / bucket.name).symlink_to(bucket)
    return own
