#!/usr/bin/python3
"""Install into the repository's environment with `uv pip install`.

Called with `--user=UID`, `--python=PYTHON` where there is no environment yet, and arguments of `uv pip install`. Wheels are installed by
the fetcher; what has to be built, and what is installed beside it, by the user. Where something has to be compiled, a compiler is there for the
length of this step: what it leaves are the runtime libraries of what it compiled. Runs on the base image's Python, which may be as old as 3.8.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Callable, Iterator, Mapping, Optional, Sequence

from build_as_user import FAILED, WANTED
from debian_packages import apt_install, is_installed, packages, purge, toolchain
from environment import TESTS
from gate import gate
from installer_call import PIP, Outcome, attempt, settings_in, without_settings
from separation import (
    ENVIRONMENT,
    FETCHER,
    acting_as,
    delete_as,
    hand_over,
    is_untouched,
    keep_apart,
    make_environment,
    of_fetcher,
    private_settings,
    program,
    run_as,
)
from words import all_that_say

#: What all repositories share, and only the fetcher reads and writes.
SHARED = Path("/var/cache/uv")

#: What this repository alone has: what its code built.
OWN = Path("/var/cache/own")

#: Where the texts lie that arguments name.
TEXTS = (Path("/tmp/requirements"), Path("/tmp/lock"), Path("/tmp/locked/exported"))  # noqa: S108 - mounted for this step
MOST_WITHOUT_WHEELS = 20

#: What compiled code may need of its compiler when it runs, and the packages that have it.
RUNTIME = {
    "libatomic.so.1": "libatomic1",
    "libgfortran.so.5": "libgfortran5",
    "libgomp.so.1": "libgomp1",
    "libquadmath.so.0": "libquadmath0",
    "libstdc++.so.6": "libstdc++6",
}

#: Further settings of uv: proxies, and what is not to be installed.
Settings = Mapping[str, Any]

#: What makes the addresses in a text lead through the gate; None where there is no gate.
Through = Optional[Callable[[str], str]]


def main(arguments: Sequence[str]) -> int:
    """Root's half."""
    given = [word for word in arguments if word.startswith(("--user=", "--python="))]
    options = dict(word.lstrip("-").split("=", 1) for word in given)
    arguments = [word for word in arguments if word not in given]
    user = int(options["user"])
    with own_cache(user) as own:
        return installed(own, user, options, arguments)


def installed(own: Path, user: int, options: Mapping[str, str], arguments: Sequence[str]) -> int:
    keep_apart(SHARED)
    if "python" in options and not make_virtual_environment(options["python"]):
        return FAILED
    python = interpreter() if is_untouched() else None
    complete = python is not None and PIP not in arguments and fetch(arguments)
    compiled = python is not None and compile_as_fetcher(python)
    hand_over(user)
    finish = "--compiled" if compiled else "--compile"
    status = run_build_as_user(user, own, finish) if complete else build(user, own, arguments)
    return status or add_runtime_libraries(user)


@contextlib.contextmanager
def own_cache(user: int) -> Iterator[Path]:
    """Of this repository alone; where the engine keeps none, it is gone with the step."""
    own = OWN / str(user)
    own.mkdir(parents=True, exist_ok=True)
    os.chown(own, user, user)
    own.chmod(0o700)
    try:
        yield own
    finally:
        if not os.path.ismount(OWN):
            delete_as(user, own)
            OWN.rmdir()


def make_virtual_environment(python: str) -> bool:
    make_environment()
    with of_fetcher() as environment:
        command = ["uv", "venv", "-q", "--no-project", "--no-config", "--python", python, str(ENVIRONMENT)]
        settings = {"UV_CACHE_DIR": str(SHARED), "UV_PYTHON_INSTALL_DIR": "/srv/python"}
        return (
            subprocess.run(
                acting_as(FETCHER, command), env={**environment, **settings}, check=False
            ).returncode
            == 0
        )


def interpreter() -> str | None:
    """The program below a new environment: what is installed into that may replace its own."""
    path = (ENVIRONMENT / "bin/python").resolve()
    return None if ENVIRONMENT in path.parents else str(path)


def compile_as_fetcher(python: str) -> bool:
    """Compile what the fetcher installed, with what was kept of earlier environments; whether nothing is left to compile.

    Before anybody else can have changed the environment: the fetcher reads paths that exist in it.
    """
    given = [str(SHARED / "bytecode"), TESTS, str(ENVIRONMENT / "lib")]
    command = [python, "-I", "-S", "-B", program("keep_bytecode.py")[-1], *given]
    with of_fetcher() as environment:
        done = subprocess.run(
            acting_as(FETCHER, command), env=environment, stderr=subprocess.DEVNULL, check=False
        )
    return done.returncode == 0


def fetch(arguments: Sequence[str]) -> bool:
    """Install all that has a wheel, as the fetcher, who runs nothing of it; whether that was all.

    Indexes with a password are asked through the gate, and a proxy's password stands in uv's settings: uv expands variables in what others wrote.
    """
    forbid_building()
    proxies = private_proxies()
    with gate() as through, texts_through(through, arguments) as given, of_fetcher(
        settings_through(through)
    ) as full:
        environment = {name: full[name] for name in full if not (proxies and name.lower().endswith("_proxy"))}

        def install_without(left_out: Sequence[str]) -> Outcome:
            more = {**proxies, **({"exclude-dependencies": [*left_out]} if left_out else {})}
            with with_settings(more, given) as words:
                return attempt(["--only-binary=:all:", *words], SHARED, environment, user=FETCHER)

        return fetch_wheels(install_without, is_untouched)


def fetch_wheels(install_without: Callable[[Sequence[str]], Outcome], untouched: Callable[[], bool]) -> bool:
    """Leave out what has no wheel, so that the rest is installed: the user's half then builds that alone.

    Only while nothing is installed: what is would run when uv starts the environment's Python, and wheels can put words into errors of uv.
    """
    left_out: list[str] = []
    while True:
        status, failure = install_without(left_out)
        if status == 0:
            return not left_out
        found = {
            one["package"]: None
            for one in all_that_say(failure, "no-wheel")
            if one["package"] not in left_out
        }
        if not found or len(left_out) > MOST_WITHOUT_WHEELS or not untouched():
            return False
        left_out += found


def private_proxies() -> Settings:
    """The proxies that want a password, as settings of uv."""
    private = private_settings()
    named = {"https-proxy": "HTTPS_PROXY", "http-proxy": "HTTP_PROXY"}
    proxies = {key: private.get(name) or private.get("ALL_PROXY") for key, name in named.items()}
    if not any(proxies.values()):
        return {}
    but = [*filter(None, os.environ.get("NO_PROXY", "").split(",")), "127.0.0.1"]
    return {**{key: value for key, value in proxies.items() if value}, "no-proxy": but}


def forbid_building() -> None:
    """A requirements file can ask for a build where the command line forbids it; without this directory uv builds nothing."""
    for number in range(10):
        SHARED.joinpath(f"builds-v{number}").touch()


@contextlib.contextmanager
def with_settings(more: Settings, arguments: Sequence[str]) -> Iterator[Sequence[str]]:
    """The arguments with further settings of uv, in a file that only the fetcher reads."""
    if not more:
        yield arguments
        return
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as config:
        config.write(settings_text(more, arguments))
        config.flush()
        os.chown(config.name, FETCHER, FETCHER)
        yield [*without_settings(arguments), f"--config-file={config.name}"]


def settings_text(more: Settings, arguments: Sequence[str]) -> str:
    """Further settings and those that the arguments name: keys come before tables."""
    return "".join(f"{key} = {json.dumps(value)}\n" for key, value in more.items()) + settings_in(arguments)


def build(user: int, own: Path, arguments: Sequence[str]) -> int:
    """Let the user install what the fetcher could not, with a compiler where that is what it wants."""
    before = packages()
    with gate() as through, texts_through(through, arguments) as given:
        settings = settings_through(through)
        there = [name for name in ("gcc", "cargo") if is_installed(name)]
        place = cache_of(own, user, before)
        status = run_build_as_user(user, place, f"--compilers={','.join(there)}", *given, settings=settings)
        if status in WANTED:
            if apt_install([name for name in (*toolchain(), *WANTED[status]) if not is_installed(name)]):
                print("r2i: this needs a compiler: trying again with one, only in this step", flush=True)
            status = run_build_as_user(user, place, "--compilers=gcc,cargo", *given, settings=settings)
    purge(packages() - before)
    return status


def settings_through(through: Through) -> dict[str, str]:
    """The variables whose addresses lead through the gate, which no proxy knows."""
    if through is None:
        return {}
    found = {name: through(value) for name, value in os.environ.items() if through(value) != value}
    near = {
        name: ",".join(filter(None, (os.environ.get(name), "127.0.0.1"))) for name in ("NO_PROXY", "no_proxy")
    }
    return {**found, **near}


@contextlib.contextmanager
def texts_through(through: Through, arguments: Sequence[str]) -> Iterator[Sequence[str]]:
    """The arguments with copies of the texts that they name, whose addresses lead through the gate."""
    named = [directory for directory in TEXTS if any(f"{directory}/" in word for word in arguments)]
    if through is None or not named:
        yield arguments
        return
    with tempfile.TemporaryDirectory(prefix="r2i-") as copies:
        Path(copies).chmod(0o755)
        for directory in named:
            copy = Path(copies, directory.name)
            shutil.copytree(directory, copy)
            for file in (path for path in copy.rglob("*") if path.is_file()):
                file.write_text(through(file.read_text(encoding="utf-8")), encoding="utf-8")
            arguments = [word.replace(f"{directory}/", f"{copy}/") for word in arguments]
        yield arguments


def run_build_as_user(user: int, own: Path, *arguments: str, settings: Mapping[str, str] = {}) -> int:
    """The exit status of the user's half."""
    return run_as(user, [*program("build_as_user.py"), str(own), *arguments], settings).returncode


def cache_of(own: Path, user: int, installed: set[str]) -> Path:
    """Where in the repository's cache lies what it compiles beside this set of Debian packages, the compilers of a step not among them.

    A wheel that was compiled in another image links to libraries that this one may lack, or has in other versions.
    """
    release = [
        line
        for line in Path("/etc/os-release").read_text().splitlines()
        if line.startswith(("ID=", "VERSION_ID="))
    ]
    key = hashlib.sha256("\n".join([*release, *sorted(installed)]).encode()).hexdigest()[:16]
    run_as(user, ["/bin/mkdir", "-p", str(own / "compiled" / key)]).check_returncode()
    return own / "compiled" / key


def add_runtime_libraries(user: int) -> int:
    """Compiled just now or in an earlier build: the compiler that brought its libraries is gone."""
    command = [*program("build_as_user.py"), "-", "--libraries"]
    done = run_as(user, command, stdout=subprocess.PIPE)
    missing = sorted({RUNTIME[name] for name in done.stdout.split() if name in RUNTIME})
    return 0 if not missing or apt_install(missing) else FAILED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
