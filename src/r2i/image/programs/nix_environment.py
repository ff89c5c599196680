"""Makes the environment that a file of the repository describes, and writes down what a command in it gets.

Called by the user, in the repository, with the path of the file, and where `<nixpkgs>` is asked for with the address and the hash of its archive.
Nothing of Nix is evaluated after the build: `nix-entered` reads what this writes. Runs on the Python of the base image, which may be as old as 3.8.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Dict, Mapping, Sequence

HOME = Path("/srv/nix")
ROOTS = Path("/nix/var/nix/gcroots/r2i")
JUPYTER = Path("/srv/jupyter/bin")
KERNEL_OF_R2I = "/srv/env/bin/python"

#: What belongs to a build, to a shell or to a user, and is another in a container.
NOT_KEPT = frozenset(
    [
        "BASHOPTS",
        "HOME",
        "HOSTNAME",
        "LOGNAME",
        "NIX_BUILD_CORES",
        "NIX_BUILD_SHELL",
        "NIX_BUILD_TOP",
        "NIX_ENFORCE_PURITY",
        "NIX_LOG_FD",
        "NIX_REMOTE",
        "OLDPWD",
        "PATH",
        "PPID",
        "PWD",
        "SHELL",
        "SHELLOPTS",
        "SHLVL",
        "TEMP",
        "TEMPDIR",
        "TERM",
        "TMP",
        "TMPDIR",
        "TZ",
        "UID",
        "USER",
        "XDG_CACHE_HOME",
        "_",
    ]
)

#: What Nix has where there is nothing.
PLACEHOLDERS = ("/path-not-set", "/homeless-shelter", "/no-cert-file.crt")

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
STORED = re.compile(r"/nix/store/[0-9a-z]{32}-[\w.+?=-]+")

Variables = Dict[str, str]


class FailedError(Exception):
    """A program of Nix has failed, and said why."""


def main(path: str, url: str = "", sha256: str = "") -> int:
    with tempfile.TemporaryDirectory() as scratch:
        settings = {**os.environ, "XDG_CACHE_HOME": f"{scratch}/cache"}
        try:
            if url:
                settings["NIX_PATH"] = f"nixpkgs={_channel(url, sha256, settings)}"
            if Path(path).name == "flake.nix":
                variables, functions = of_flake(Path(path).resolve().parent, settings)
            else:
                variables, functions = _of_shell(path, settings, Path(scratch))
        except FailedError as failed:
            return int(str(failed))
    _write(variables, functions)
    _keep(variables, functions)
    return 0


def _channel(url: str, sha256: str, settings: Mapping[str, str]) -> str:
    """Where nixpkgs lies, with a name that goes on to be right."""
    expression = f'builtins.fetchTarball {{ url = "{url}"; sha256 = "{sha256}"; name = "nixpkgs"; }}'
    done = _run(["nix-instantiate", "--eval", "--expr", f"builtins.toString ({expression})"], settings)
    place = json.loads(done)
    link = HOME / "nixpkgs"
    link.symlink_to(place)
    return str(link)


def _of_shell(path: str, settings: Mapping[str, str], scratch: Path) -> tuple[Variables, dict[str, str]]:
    """The variables and functions of `nix-shell`."""
    shell = scratch / "bash"
    shutil.copy(Path(__file__).with_name("nix-shell-bash"), shell)
    shell.chmod(0o700)
    ours = {**settings, "NIX_BUILD_SHELL": str(shell), "R2I_SCRATCH": str(scratch)}
    script = 'declare -f > "$R2I_SCRATCH/functions"; { printf "PATH=%s\\0" "$PATH"; /usr/bin/env -0; } > "$R2I_SCRATCH/variables"'
    _run(["nix-shell", path, "--run", script], ours)
    text = (scratch / "variables").read_text(encoding="utf-8", errors="surrogateescape")
    found = dict(line.partition("=")[::2] for line in text.split("\0") if line)
    return of_shell(found, ours), {"": (scratch / "functions").read_text(encoding="utf-8")}


def of_shell(found: Mapping[str, str], before: Mapping[str, str]) -> Variables:
    """What `nix-shell` adds to the variables that were there before; it puts the directory of its shell into the `PATH`."""
    kept = {name: value for name, value in found.items() if before.get(name) != value}
    hook = found.get("R2I_SHELL_HOOK", "")
    # The shell of the build has put another one in its place.
    if hook and kept.get("shellHook") == ":":
        kept["shellHook"] = hook
    path = found.get("PATH", "")
    if f":{path}".endswith(f":{before['PATH']}"):
        path = path[: -len(before["PATH"])]
    own = str(Path(before["NIX_BUILD_SHELL"]).parent)
    return _kept(kept, ":".join(part for part in path.split(":") if part != own))


def of_flake(directory: Path, settings: Mapping[str, str]) -> tuple[Variables, dict[str, str]]:
    """The variables and functions of `nix develop`."""
    flakes = ["--extra-experimental-features", "nix-command flakes"]
    done = _run(
        ["nix", *flakes, "print-dev-env", "--json", "--no-write-lock-file", f"path:{directory}"], settings
    )
    said = json.loads(done)
    found = {name: str(one["value"]) for name, one in said["variables"].items() if one["type"] == "exported"}
    return _kept(found, found.get("PATH", "")), dict(said.get("bashFunctions", {}))


def _kept(found: Mapping[str, str], path: str) -> Variables:
    kept = {
        name: value
        for name, value in sorted(found.items())
        if NAME.fullmatch(name)
        and name not in NOT_KEPT
        and not name.startswith("R2I_")
        and value not in PLACEHOLDERS
    }
    parts = dict.fromkeys(part for part in path.split(":") if part and part not in PLACEHOLDERS)
    kept["PATH"] = ":".join(parts)
    return kept


def _run(command: Sequence[str], settings: Mapping[str, str]) -> str:
    done = subprocess.run(
        command, env=settings, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, encoding="utf-8", check=False
    )
    if done.returncode != 0:
        raise FailedError(str(done.returncode))
    return done.stdout


def _write(variables: Variables, functions: Mapping[str, str]) -> None:
    """The environment, the kernel of it, and what starts the server of r2i in it."""
    directories = [Path(part) for part in variables["PATH"].split(":") if part]
    own_server = any(
        (directory / name).exists()
        for directory in directories
        for name in ("jupyter-lab", "jupyter-notebook")
    )
    # A server of another Python does not run with these modules.
    strict = "PYTHONPATH" in variables
    kernel = _kernel(directories, variables)
    _write_kernel(kernel or KERNEL_OF_R2I, strict=strict and kernel is None)
    if strict:
        _write_commands()
    (HOME / "environment").write_text(
        script(variables, shares(directories), own_server=own_server),
        encoding="utf-8",
        errors="surrogateescape",
    )
    bodies = (body if not name else f"{name} ()\n{{\n{body}\n}}" for name, body in functions.items())
    (HOME / "functions").write_text("\n".join(bodies) + "\n", encoding="utf-8")
    print(f"r2i: the server is {'that of the environment' if own_server else 'that of r2i'}", file=sys.stderr)
    print(f"r2i: the kernel `python3` runs {kernel or KERNEL_OF_R2I}", file=sys.stderr)


def _kernel(directories: Sequence[Path], variables: Variables) -> str | None:
    """The Python of the environment, if it has a kernel."""
    settings = {**os.environ, **variables}
    settings["PATH"] = f"{variables['PATH']}:{os.environ['PATH']}"
    for name in ("python3", "python"):
        for directory in directories:
            python = directory / name
            if python.exists():
                asked = [str(python), "-c", "import ipykernel"]
                done = subprocess.run(
                    asked, env=settings, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False
                )
                return str(python) if done.returncode == 0 else None
    return None


def _write_kernel(python: str, *, strict: bool) -> None:
    argv = [python, *(["-E"] if strict else []), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    directory = HOME / "share/jupyter/kernels/python3"
    directory.mkdir(parents=True, exist_ok=True)
    spec = {
        "argv": argv,
        "display_name": "Python 3 (ipykernel)",
        "language": "python",
        "metadata": {"debugger": True},
    }
    (directory / "kernel.json").write_text(json.dumps(spec, indent=1) + "\n", encoding="utf-8")


def _write_commands() -> None:
    """The commands of r2i's Jupyter, without the modules of another Python; kernels and terminals get them."""
    directory = HOME / "bin"
    directory.mkdir(exist_ok=True)
    for command in JUPYTER.glob("jupyter*"):
        # `jupyter lab` looks for `jupyter-lab` beside itself.
        text = command.read_text(encoding="utf-8")
        if text.startswith("#!"):
            copy = directory / command.name
            copy.write_text(f"#!{JUPYTER}/python -Eu\n{text.partition(chr(10))[2]}", encoding="utf-8")
            copy.chmod(0o755)


def shares(directories: Sequence[Path]) -> list[str]:
    """Where packages of the environment have kernels of other languages, and front ends."""
    found = (directory.parent / "share/jupyter" for directory in directories)
    return [str(directory) for directory in found if directory.is_dir()]


def script(variables: Variables, shared: Sequence[str], *, own_server: bool) -> str:
    """What bash reads; the user's own directories come after those of the environment."""
    lines = ["# Written by r2i during the build."]
    for name, value in variables.items():
        if name not in ("PATH", "JUPYTER_PATH"):
            lines.append(f"export {name}={shlex.quote(value)}")
    first = f"{variables['PATH']}:" if variables["PATH"] else ""
    lines.append(f'export PATH={shlex.quote(first + str(HOME / "bin"))}:"$PATH:$HOME/.nix-profile/bin"')
    own = [*filter(None, [variables.get("JUPYTER_PATH")]), str(HOME / "share/jupyter")]
    if own_server:
        # It is another release than that of r2i, whose front ends and settings do not fit it.
        lines += [f"export JUPYTER_PATH={shlex.quote(':'.join(own))}"]
        lines += [] if "JUPYTER_CONFIG_PATH" in variables else ["unset JUPYTER_CONFIG_PATH"]
    else:
        lines.append(f'export JUPYTER_PATH={shlex.quote(":".join([*own, *shared]))}:"$JUPYTER_PATH"')
    if (HOME / "nixpkgs").is_symlink() and "NIX_PATH" not in variables:
        lines.append(f"export NIX_PATH=nixpkgs={HOME}/nixpkgs")
    return "\n".join(lines) + "\n"


def _keep(variables: Variables, functions: Mapping[str, str]) -> None:
    """So that `nix-collect-garbage` leaves the environment alone."""
    said = "\n".join([*variables.values(), *functions.values()])
    links = [HOME / "nixpkgs"] if (HOME / "nixpkgs").is_symlink() else []
    ROOTS.mkdir(parents=True, exist_ok=True)
    for place in {*STORED.findall(said), *(os.readlink(link) for link in links)}:
        link = ROOTS / Path(place).name
        if os.path.lexists(place) and not link.is_symlink():
            link.symlink_to(place)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
