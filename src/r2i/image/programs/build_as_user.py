"""The user's half of `install_packages.py`: it alone runs what is installed, and builds what has no wheel.

Called with the directory of the repository's cache, and `--compile`, `--compiled`, `--libraries`, or `--compilers=NAMES` and arguments of `uv pip install`.

Runs on the Python of the base image, which may be as old as 3.8.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Callable, Iterator, Mapping, Sequence
from urllib.parse import unquote, urlsplit

from environment import compile_bytecode, has_library
from installer_call import OF_PIP, PIP, Outcome, attempt_in, settings_in, without_settings
from separation import ENVIRONMENT, run
from words import all_that_say, says

#: What it asks root for, by its exit status; and the status of what failed for good.
WANTED = {90: (), 91: ("cargo",)}
FAILED = 1

#: A distribution in one version, as uv names it.
PIN = r"[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9.+!]+"

#: Arguments that say which releases count.
RESOLUTION = ("--index-strategy", "--prerelease", "--allow-insecure-host", "--exclude-newer", "--config-file")

#: What somebody might still need, the newest first.
PYTHONS = ("3.14", "3.13", "3.12", "3.11", "3.10", "3.9", "3.8", "3.7", "3.6", "3.5", "2.7")

#: The variables that tell a version to tools which read it from Git.
ASSUMED_VERSIONS = ("SETUPTOOLS_SCM_PRETEND_VERSION", "PBR_VERSION", "PDM_BUILD_SCM_VERSION")

#: The last pip that read what its forerunners had, and what it builds with.
PIP_AND_TOOLS = (
    "pip<24.1",
    "setuptools<58 ; python_version < '3.12'",
    "setuptools<81 ; python_version >= '3.12'",
    "wheel",
)

#: What old source distributions are built with and do not say so, by what is said where it is not there (`words.ini`).
UNSAID = {
    "old-setuptools-2to3": "setuptools<58",
    "old-setuptools-ez": "setuptools<58",
    "old-setuptools-resources": "setuptools<81",
    "old-setuptools-version": "setuptools<66",
    "old-cython": "Cython<3",
    "undeclared": "",
}

#: In `setup.cfg`, `pyproject.toml` and calls of `setup()`.
NAME_OF_ITSELF = r"^\s*(?:setup\()?name\s*=\s*[\"']?([A-Za-z0-9][A-Za-z0-9._-]*)"

ONLY_WHEELS = "--only-binary=:all:"

#: More packages that have no wheel are built as the installer wants it.
MOST_BUILT = 20

#: Of so many distributions in one installation.
MOST_UNSAID = 8

#: The commands that start a server.
SERVERS = ("jupyter-lab", "jupyter-labhub", "jupyter-notebook", "jupyter-server", "jupyterhub-singleuser")


def main(own: Path, arguments: list[str]) -> int:
    if arguments in (["--compile"], ["--compiled"]):
        leave_the_server_alone()
        if arguments == ["--compile"]:
            compile_bytecode(ENVIRONMENT / "lib")
        return 0
    if arguments == ["--libraries"]:
        print("\n".join(missing_libraries()))
        return 0
    there = arguments.pop(0).partition("=")[2].split(",")
    status, failure = 0, ""
    if PIP in arguments and not has_library(*OF_PIP):
        status, failure = attempt_in(own, [*PIP_AND_TOOLS])
    status, failure = (status, failure) if status else install_at_once(arguments, own)
    if status != 0 and says(failure, "no-version"):
        print("r2i: the version comes from the git history, which is missing: 0.0.0 is assumed", flush=True)
        os.environ.update(dict.fromkeys(ASSUMED_VERSIONS, "0.0.0"))
        status, failure = install_at_once(arguments, own)
    if status != 0 and (wanted := compilers_wanted(failure, there)):
        return wanted
    if status != 0:
        print(failure, end="", flush=True)
        for line in what_the_index_has(failure, partial(resolve, arguments, own)):
            print(f"r2i: {line}", flush=True)
        return FAILED
    leave_the_server_alone()
    return 0


def compilers_wanted(failure: str, there: Sequence[str]) -> int:
    """The status that asks root for them, 0 where none would help."""
    rust = says(failure, "rust") is not None
    if not says(failure, "not-compiled") or ("gcc" in there and ("cargo" in there or not rust)):
        return 0
    return 91 if rust else 90


def install_at_once(arguments: Sequence[str], own: Path) -> Outcome:
    """Where nothing but a build backend could be downloaded, the cache may have it from the time before."""
    if "--no-deps" in arguments and "-r" not in arguments:
        status, failure = install(["--offline", *arguments], own)
        if not says(failure, "offline"):
            return status, failure
    if takes_wheels_first(arguments):
        done = build_only_what_must_be(lambda more: install([*more, *arguments], own))
        if done is not None:
            return done
    return install(arguments, own)


def takes_wheels_first(arguments: Sequence[str]) -> bool:
    """Whether there is something to choose, by uv, and nobody has chosen already."""
    if PIP in arguments or "--no-deps" in arguments or has_library(*OF_PIP):
        return False
    given = "\n".join([*arguments, *requirements(arguments).splitlines()])
    return not re.search(r"^--(?:no|only)-binary", given, re.MULTILINE)


def build_only_what_must_be(install_with: Callable[[Sequence[str]], Outcome]) -> Outcome | None:
    """Build only what has no wheel at all, and of what it depends on install the newest release with one.

    None where that does not satisfy everybody: then what the newest releases need is built, too.
    """
    built: list[str] = []
    while True:
        # uv lets the names of the one override all of the other.
        status, failure = install_with([ONLY_WHEELS, *(f"--no-binary={name}" for name in built)])
        if status == 0:
            if built:
                names = ", ".join(f"`{name}`" for name in built)
                print(
                    f"r2i: built {names}; of all other packages, the newest release with a wheel is installed"
                    " (`--installer pip` prefers the newest release)",
                    flush=True,
                )
            return status, failure
        found = {
            one["package"]: None for one in all_that_say(failure, "no-wheel") if one["package"] not in built
        }
        if not found or len(built) > MOST_BUILT:
            return (status, failure) if built and says(failure, "not-built") else None
        built += found


def install(arguments: Sequence[str], own: Path) -> Outcome:
    """Give source distributions what they need for being built, as far as they let us know."""
    status, failure = attempt_in(own, arguments)
    if status != 0 and says(failure, "not-built-without-name"):
        # What is to be told of a distribution in the repository is told by its name.
        arguments = with_names(arguments)
        status, failure = attempt_in(own, arguments)
    unsaid: dict[str, list[str]] = {}
    while status != 0 and len(unsaid) < MOST_UNSAID and (found := unsaid_by(failure, arguments)):
        name, requirement = found
        if requirement in unsaid.get(name, ()):
            break
        unsaid.setdefault(name, []).append(requirement)
        print(
            f"r2i: `{name}` needs `{requirement}` for its build, but does not declare it: trying again",
            flush=True,
        )
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as config:
            config.write(settings_with(unsaid, arguments))
            config.flush()
            status, failure = attempt_in(own, [*without_settings(arguments), f"--config-file={config.name}"])
    return status, failure


def with_names(arguments: Sequence[str]) -> list[str]:
    """`./pkg[extra]` as `name[extra] @ file:///…/pkg`, where its own files say the name."""
    named = []
    for word in arguments:
        path, bracket, extras = word.partition("[")
        files = [Path(path, name) for name in ("pyproject.toml", "setup.cfg", "setup.py")]
        texts = [
            file.read_text(errors="replace") for file in files if not word.startswith("-") and file.is_file()
        ]
        names = [found[1] for text in texts if (found := re.search(NAME_OF_ITSELF, text, re.MULTILINE))]
        named.append(f"{names[0]}{bracket}{extras} @ {Path(path).resolve().as_uri()}" if names else word)
    return named


def unsaid_by(failure: str, arguments: Sequence[str]) -> tuple[str, str] | None:
    """The name of what could not be built, and what it lacks."""
    built = says(failure, "not-built")
    lacking = next(((entry, found) for entry in UNSAID if (found := says(failure, entry))), None)
    if built is None or lacking is None:
        return None
    entry, found = lacking
    if UNSAID[entry]:
        return built["package"], UNSAID[entry]
    module = found["module"]
    if module.lower().replace("_", "-") == built["package"].lower().replace("_", "-"):
        return None  # its script imports itself
    return built["package"], with_its_pin(module, requirements(arguments))


def with_its_pin(module: str, texts: str) -> str:
    """Code that is compiled with numpy must fit the version that it will meet."""
    pins = re.findall(r"^numpy ?==[\w.]+", texts, re.MULTILINE)
    return pins[0] if pins and module == "numpy" else module


def settings_with(unsaid: Mapping[str, Sequence[str]], arguments: Sequence[str]) -> str:
    """uv's settings with further build requirements."""
    text = settings_in(arguments)
    table = "[extra-build-dependencies]\n"
    lines = "".join(f"{name} = {json.dumps(wanted)}\n" for name, wanted in unsaid.items())
    return text.replace(table, table + lines) if table in text else f"{text}\n{table}{lines}"


def what_the_index_has(failure: str, resolved: Callable[..., str | None]) -> Iterator[str]:
    """What uv does not say: which Pythons have a wheel of what cannot be built, which versions there are."""
    if pin := not_installable(failure):
        if minors := [minor for minor in PYTHONS if resolved(pin, "--no-build", "--python-version", minor)]:
            yield f"`{pin}` has wheels for Python {', '.join(minors)}"
    elif (found := says(failure, "no-such-version")) and re.fullmatch(
        PIN, found["package"] + found["version"]
    ):
        name, version = found["package"], found["version"][2:]
        near = (resolved(f"{name}<{version}"), resolved(f"{name}>{version}", "--resolution", "lowest"))
        if any(near):
            yield f"nearest to `{name}=={version}`: {' and '.join(f'`{one}`' for one in near if one)}"


def not_installable(failure: str) -> str | None:
    """The release of the index that cannot be built, or whose metadata uv refuses."""
    named = [found["built"] for found in all_that_say(failure, "not-built")]
    named += [f"{found['package']}{found['version']}" for found in all_that_say(failure, "invalid-metadata")]
    return next((pin for pin in named if re.fullmatch(PIN, pin)), None)


def resolve(arguments: Sequence[str], own: Path, requirement: str, *options: str) -> str | None:
    """The pin that uv finds for one requirement alone, from the same indexes; None where there is none."""
    given = [word for word in arguments if word.startswith(RESOLUTION)]
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as wanted:
        wanted.write("".join(f"{line}\n" for line in (*index_lines(arguments), requirement)))
        wanted.flush()
        command = [
            "/usr/local/bin/uv",
            "pip",
            "compile",
            "-q",
            "--no-deps",
            "--no-header",
            "--no-annotate",
            "--no-emit-index-url",
        ]
        command += ["--cache-dir", str(own), "--python", str(ENVIRONMENT / "bin/python")]
        done = run(*command, *options, *given, wanted.name)
    found = re.search(rf"^{PIN}", done.stdout, re.MULTILINE)
    return found[0] if done.returncode == 0 and found else None


def index_lines(arguments: Sequence[str]) -> list[str]:
    """The indexes that the first of the requirements files names."""
    lines = requirements(arguments).splitlines()
    return [line for line in lines if line.startswith(("--index-url", "--extra-index-url", "--find-links"))]


def requirements(arguments: Sequence[str]) -> str:
    """The text of the first of the requirements files."""
    path = next((after for word, after in zip(arguments, arguments[1:]) if word == "-r"), None)
    return Path(path).read_text() if path else ""


def leave_the_server_alone() -> None:
    """What is installed may bring a server of its own, whose commands would stand before those of the real one."""
    for name in SERVERS:
        if Path("/srv/jupyter/bin", name).exists():
            with contextlib.suppress(FileNotFoundError):
                (ENVIRONMENT / "bin" / name).unlink()


def missing_libraries() -> Iterator[str]:
    """Read by the user: `ldd` may run what it reads."""
    for library in compiled_files():
        yield from re.findall(r"^\s*(\S+) => not found", run("ldd", str(library)).stdout, re.MULTILINE)


def compiled_files() -> Iterator[Path]:
    """The shared libraries of the packages that no index had a wheel of."""
    for wheel in ENVIRONMENT.glob("lib/python[23]*/site-packages/*.dist-info/WHEEL"):
        if re.search(r"^Tag: .*-linux_", wheel.read_text(errors="replace"), re.MULTILINE):
            record = wheel.with_name("RECORD").read_text(errors="replace")
            for name in re.findall(r'^"?([^",]+\.so(?:\.[0-9.]+)?)"?,', record, re.MULTILINE):
                yield wheel.parents[1] / name
            yield from editable_files(wheel.with_name("direct_url.json"))


def editable_files(origin: Path) -> Iterator[Path]:
    found = json.loads(origin.read_text()) if origin.exists() else {}
    if found.get("dir_info", {}).get("editable"):
        yield from Path(unquote(urlsplit(found["url"]).path)).rglob("*.so")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
