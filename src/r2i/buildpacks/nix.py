"""`default.nix`, `shell.nix`, `flake.nix`: an environment that Nix makes, in which the server and everything else runs."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from r2i.checkout import Checkout
from r2i.errors import InvalidRepositoryError
from r2i.facts.nix import Nixpkgs, has_flakes, nix_of, nixpkgs_for
from r2i.facts.pins import base_of
from r2i.formats.nix.files import FLAKE, NixFiles, read_nix_files
from r2i.model import (
    BaseImage,
    Detection,
    Evidence,
    Ignored,
    Language,
    Layer,
    Notice,
    Options,
    PythonEnvironment,
    Stage,
)

#: What runs every command of the image inside the environment.
ENTERED = "/usr/local/bin/nix-entered"

#: The name that `<nixpkgs>` looks up.
CHANNEL = "nixpkgs"

#: What Binder takes before a `default.nix`.
JULIA = ("Project.toml", "JuliaProject.toml")

#: What Binder reads, where it would pass over a `shell.nix`; files of a Python environment are asked before anyway.
READ_BY_BINDER = (*JULIA, "install.R", "install.r", "DESCRIPTION", "renv.lock", "runtime.txt")

#: Of Nix for one user, without a daemon; a build step may make no namespaces.
SETTINGS = """\
# One user owns the store; there is neither a daemon nor users that build for it.
build-users-group =
sandbox = false
max-jobs = auto
"""
FLAKES = "experimental-features = nix-command flakes\n"


class Nix:
    """A `default.nix`, which counts before everything but Julia's files, as on Binder."""

    name = "nix"
    files: tuple[str, ...] = ("default.nix",)
    before: tuple[str, ...] = JULIA

    def detect(self, checkout: Checkout, options: Options) -> Detection | None:
        found = [path for name in self.files if (path := checkout.config(name))]
        if not found:
            return None
        path, *others = found
        stronger = next((other for name in self.before if (other := checkout.config(name))), None)
        if stronger:
            reason = f"`{stronger}` comes first, as on Binder"
            return Detection(ignored=tuple(Ignored(file=each, reason=reason) for each in found))
        read = read_nix_files(checkout, path)
        if read.required:
            return _not_called(read)
        base = base_of(options)
        _check_flakes(base, path)
        return Detection(
            layers=(_nix(base, path), _environment(base, read)),
            environment=_defined(read),
            language=_language(base, path),
            notices=tuple(_said(base, read, options)),
            ignored=tuple(
                Ignored(file=each, reason=f"`{path}` defines the Nix environment") for each in others
            ),
            entered=ENTERED,
        )


class NixShell(Nix):
    """Files of Nix that Binder does not read: they count where nothing does that it reads."""

    files = ("shell.nix", FLAKE)
    before = READ_BY_BINDER


def _defined(read: NixFiles) -> PythonEnvironment:
    evidence = tuple(Evidence(why="defines the environment", file=file) for file in _read(read))
    return PythonEnvironment(buildpack=Nix.name, defined_by=read.path, evidence=evidence, opaque=True)


def _not_called(read: NixFiles) -> Detection:
    """A package for a collection of them: nobody gives its arguments. Binder takes it nevertheless."""
    argument = read.required[0]
    reason = f"its argument `{argument}` has no default, so `nix-shell` cannot call it"
    ignored = Ignored(file=read.path, reason=reason)
    if posixpath.basename(read.path) not in Nix.files:
        return Detection(ignored=(ignored,))
    message = f"Binder runs `nix-shell` with this file, which fails: its argument `{argument}` has no default"
    return Detection(ignored=(ignored,), notices=(Notice(level="warning", message=message, file=read.path),))


def _check_flakes(base: BaseImage, path: str) -> None:
    version = nix_of(base)
    if posixpath.basename(path) == FLAKE and not has_flakes(version):
        raise InvalidRepositoryError(
            f"Nix {version}, which {base.reference} has, does not know flakes",
            file=path,
            hint="Build on the default base image, or add a `shell.nix`",
        )


def _language(base: BaseImage, path: str) -> Language:
    distribution = base.release.distribution if base.release else ""
    names = {"debian": "from Debian", "ubuntu": "from Ubuntu"}
    return Language(
        name="Nix",
        version=nix_of(base),
        provider=names.get(distribution, "from the distribution of the base image"),
        kernel="python3",
        evidence=Evidence(why="defines the environment", file=path),
    )


def _nix(base: BaseImage, path: str) -> Layer:
    version = nix_of(base)
    return Layer(
        buildpack=Nix.name,
        stage=Stage.LANGUAGE,
        title=f"Nix {version}".strip(),
        template="nix",
        evidence=(Evidence(why="is evaluated by Nix", file=path),),
        support={"nix/nix.conf": SETTINGS + (FLAKES if has_flakes(version) else "")},
        resources=("nix-entered",),
    )


def _environment(base: BaseImage, read: NixFiles) -> Layer:
    """Before the files of the repository are there, where it is known which of them are read."""
    alone = read.whole is None
    arguments = [read.path]
    if CHANNEL in read.channels:
        pinned = nixpkgs_for(nix_of(base))
        arguments += [pinned.url, pinned.sha256]
    return Layer(
        buildpack=Nix.name,
        stage=Stage.DEPENDENCIES if alone else Stage.PACKAGE,
        title=f"{read.path}: Nix environment",
        template="nix_environment",
        variables={
            "arguments": tuple(arguments),
            "alone": alone,
            # A flake is evaluated in a copy anyway, which then has nothing else.
            "flake": posixpath.basename(read.path) == FLAKE,
        },
        evidence=_evidence(base, read),
        support={f"nix_files/{path}": text for path, text in read.texts.items()} if alone else {},
        resources=("programs/nix_environment.py", "programs/nix-shell-bash"),
    )


def _evidence(base: BaseImage, read: NixFiles) -> tuple[Evidence, ...]:
    files = (Evidence(why="is read by Nix", file=path) for path in _read(read))
    channel = read.channels.get(CHANNEL)
    if channel is None:
        return tuple(files)
    pinned = nixpkgs_for(nix_of(base))
    why = f"{channel.why} is {_name(pinned)}"
    return (*files, Evidence(why=why, file=channel.file, line=channel.line))


def _read(read: NixFiles) -> Iterator[str]:
    yield read.path
    yield from (path for path in read.texts if path != read.path)


def _name(pinned: Nixpkgs) -> str:
    return f"{pinned.name} of {pinned.date}, which r2i pins"


def _said(base: BaseImage, read: NixFiles, options: Options) -> Iterator[Notice]:
    if read.whole is not None:
        message = (
            f"{read.whole.why}: the environment is built again whenever a file of the repository changes"
        )
        yield Notice(level="info", message=message, file=read.whole.file, line=read.whole.line)
    for name, used in read.channels.items():
        if name == CHANNEL:
            message = f"No file pins nixpkgs: `<nixpkgs>` is {_name(nixpkgs_for(nix_of(base)))}"
            yield Notice(level="info", message=message, file=used.file, line=used.line)
        else:
            message = f"`<{name}>` is not in the image, which has only `<nixpkgs>`"
            yield Notice(level="warning", message=message, file=used.file, line=used.line)
    if read.unlocked is not None:
        message = "No `flake.lock` pins the inputs: they are those of the day of the build"
        yield Notice(level="warning", message=message, file=read.unlocked.file, line=read.unlocked.line)
    if read.server is not None:
        message = f"{read.server.why} in `shellHook` runs whenever the image starts, in place of its command"
        yield Notice(level="warning", message=message, file=read.server.file, line=read.server.line)
    yield from _about_kernel(read)
    if options.as_of:
        message = "`--as-of` has no effect on Nix packages: pin nixpkgs in the file"
        yield Notice(level="warning", message=message, file=read.path)


def _about_kernel(read: NixFiles) -> Iterator[Notice]:
    if not read.has_kernel and read.has_python:
        message = (
            "No Nix file names `jupyter` or `ipykernel`: notebooks run with the Python of r2i,"
            " which has no packages of this environment"
        )
        yield Notice(level="warning", message=message, file=read.path)
    elif not read.has_jupyter:
        message = "No Nix file names `jupyter`: the server of r2i runs in the environment"
        yield Notice(level="info", message=message, file=read.path)
