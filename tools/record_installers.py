#!/usr/bin/env python3
"""Record what uv and pip say, for `tests/image/recorded/`: run it after a new release of either, and read the difference.

Needs uv and a network, and for old releases of pip a Python 2.7: `tools/record_installers.py [--python2 PYTHON] [NAME…]`.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

RECORDED = Path(__file__).parents[1] / "tests" / "image" / "recorded"

#: A wheel may have a name in it that reads like an error of uv.
HOSTILE = "Wheels are required for `six` because"


def setup(text: str) -> dict[str, str]:
    """A project of the old kind, in the directory `here`."""
    return {"here/setup.py": f"{text}\n", "here/fast.c": "#include <Python.h>\n"}


def pyproject(text: str) -> dict[str, str]:
    return {"here/pyproject.toml": f"{text}\n"}


def wheel(name: str, *, requires: str = "", entry_points: str = "") -> dict[str, str]:
    """The members of a wheel below the directory that is its name."""
    info = f"{name}-1.0.dist-info"
    files = {
        f"{name}.py": "",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{requires}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: r2i\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": entry_points,
    }
    files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
    return {f"{name}-1.0-py3-none-any.whl/{path}": text for path, text in files.items()}


@dataclass(frozen=True, kw_only=True)
class Case:
    """`files` lie in the working directory; without `tools` no compiler is found."""

    words: str
    files: Mapping[str, str] = field(default_factory=dict)
    installer: str = "uv"
    tools: bool = True


EXTENSION = setup(
    'from setuptools import Extension, setup\nsetup(name="fast", version="1.0", ext_modules=[Extension("fast", ["fast.c"])])'
)
RUST = pyproject(
    '[build-system]\nrequires = ["setuptools", "setuptools-rust"]\nbuild-backend = "setuptools.build_meta"\n'
    '[project]\nname = "rusty"\nversion = "1.0"\n[[tool.setuptools-rust.ext-modules]]\ntarget = "rusty"'
) | {"here/Cargo.toml": '[package]\nname = "rusty"\nversion = "1.0.0"\n', "here/src/lib.rs": ""}
FROM_GIT = pyproject(
    '[build-system]\nrequires = ["setuptools", "setuptools-scm"]\nbuild-backend = "setuptools.build_meta"\n'
    '[project]\nname = "dated"\ndynamic = ["version"]\n[tool.setuptools_scm]'
)

CASES = {
    "uv-installed": Case(words="six"),
    "uv-no-wheel": Case(words="--only-binary=:all: docopt"),
    "uv-no-wheel-of-a-dependency": Case(words="--only-binary=:all: num2words==0.5.12"),
    "uv-no-wheel-of-a-directory": Case(words="--only-binary=:all: ./here", files=EXTENSION),
    "uv-hostile-entry-point": Case(
        words="--no-index --find-links . hostile",
        files=wheel("hostile", entry_points=f"[console_scripts]\nsix = {HOSTILE}\n"),
    ),
    "uv-offline": Case(words="--offline --no-deps ./here", files=EXTENSION),
    "uv-no-compiler": Case(words="./here", files=EXTENSION, tools=False),
    "uv-no-rust": Case(words="./here", files=RUST, tools=False),
    "uv-2to3": Case(words="demjson==2.2.4"),
    "uv-ez-setup": Case(
        words="here@./here",
        files=setup("from ez_setup import use_setuptools\nuse_setuptools()")
        | {"here/ez_setup.py": "def use_setuptools():\n    import pkg_resources\n"},
    ),
    "uv-pkg-resources": Case(words="old@./here", files=setup("import pkg_resources")),
    "uv-old-version": Case(
        words="old@./here",
        files=setup('from setuptools import setup\nsetup(name="old", version="1.0-wip-x")'),
    ),
    "uv-old-cython": Case(words="PyYAML==5.4.1"),
    "uv-undeclared": Case(words="old@./here", files=setup("import numpy")),
    "uv-no-version": Case(words="./here", files=FROM_GIT),
    "uv-no-such-version": Case(words="six==1.99"),
    "uv-unknown": Case(words="no-such-distribution-of-r2i"),
    "uv-invalid-metadata": Case(
        words="--no-index --find-links . invalid==1.0",
        files=wheel("invalid", requires="Requires-Dist: six (>=1.0.*\n"),
    ),
    "uv-no-name": Case(words="./here", files=setup("raise SystemExit(1)")),
    "pip-installed": Case(words="six", installer="pip"),
    "pip-no-compiler": Case(words="./here", files=EXTENSION, installer="pip", tools=False),
    "pip-2to3": Case(words="demjson==2.2.4", installer="pip"),
    "pip-no-such-version": Case(words="six==1.99", installer="pip"),
    "pip-old-installed": Case(words="six", installer="pip-old"),
    "pip-old-no-compiler": Case(words="./here", files=EXTENSION, installer="pip-old", tools=False),
    "pip-old-no-such-version": Case(words="six==1.99", installer="pip-old"),
}


def record(name: str, case: Case, top: Path, *, python2: str) -> None:
    write(case.files, top)
    uv = str(shutil.which("uv"))
    python = top / "env/bin/python"
    if case.installer == "pip-old":
        made = run(
            [
                uv,
                "tool",
                "run",
                "--python",
                "3.11",
                "--from",
                "virtualenv<20.22",
                "virtualenv",
                "-p",
                python2,
                str(top / "env"),
            ],
            top,
        )
        made.check_returncode()
    else:
        seed = ["--seed"] if case.installer == "pip" else []
        run([uv, "venv", "-q", "--python", "3.11", *seed, str(top / "env")], top)
    if case.installer == "uv":
        command = [uv, "pip", "install", "--python", str(python)]
    else:
        tools = ["pip<24.1", "setuptools<81", "wheel"] if case.installer == "pip" else []
        run([str(python), "-m", "pip", "install", "-q", *tools], top) if tools else None
        command = [str(python), "-W", "ignore", "-m", "pip", "install", "--disable-pip-version-check"]
    done = run([*command, *case.words.split()], top, tools=case.tools)
    RECORDED.mkdir(exist_ok=True)
    (RECORDED / f"{name}.txt").write_text(anonymous(done.stdout, top), encoding="utf-8")
    print(name, done.returncode)


def write(files: Mapping[str, str], top: Path) -> None:
    for path, text in files.items():
        archive, packed, member = path.partition(".whl/")
        if packed:
            with zipfile.ZipFile(top / f"{archive}.whl", "a") as whole:
                whole.writestr(member, text)
        else:
            (top / path).parent.mkdir(parents=True, exist_ok=True)
            (top / path).write_text(text)


def run(command: list[str], top: Path, *, tools: bool = True) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "UV_CACHE_DIR": str(top / "cache"), "UV_NO_CONFIG": "1", "LC_ALL": "C.UTF-8"}
    if not tools:
        environment["PATH"] = str(top / "env/bin")
    return subprocess.run(
        command,
        cwd=top,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def anonymous(text: str, top: Path) -> str:
    """Without what is of this machine alone: places, the index, and the warnings about it."""
    text = text.replace(str(top / "env"), "/srv/env").replace(str(top / "cache"), "/var/cache/uv")
    text = re.sub(
        r"https?://[\w.-]+(?::\d+)?/", "https://index.example/", text.replace(str(top), "/srv/repo")
    )
    text = re.sub(r"/\S+?/(?=(?:lib|include)/python\d)", "/usr/", re.sub(r"/tmp/[\w.-]+", "/tmp/build", text))
    text = re.sub(r"(?<=Processing )/\S+/", "/srv/files/", text)
    ours = re.compile(r"WARNING: (Location|Url|Running pip)|Looking in (indexes|links)")
    return "".join(line for line in text.splitlines(keepends=True) if not ours.match(line))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python2", default="python2.7")
    parser.add_argument("names", nargs="*", default=[*CASES])
    arguments = parser.parse_args()
    for name in arguments.names:
        with tempfile.TemporaryDirectory() as top:
            record(name, CASES[name], Path(top), python2=arguments.python2)


if __name__ == "__main__":
    main()
