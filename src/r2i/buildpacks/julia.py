"""`Project.toml`, `Manifest.toml`, `REQUIRE`, notebooks in Julia: the language, its kernel, and the packages that files name."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from r2i.buildpacks.protocol import LanguageClaims
from r2i.checkout import Checkout
from r2i.errors import InvalidRepositoryError
from r2i.facts.julia import SERVER, archives, cpu_targets
from r2i.formats.julia.files import (
    MANIFESTS,
    OF_A_MINOR,
    PROJECTS,
    JuliaManifest,
    JuliaProject,
    read_julia_project,
    read_manifest,
)
from r2i.formats.julia.require import Required, parse_require
from r2i.formats.julia.versions import JuliaClaims, choose_julia, manifest_of, resolved_again
from r2i.formats.language_versions import minor_of
from r2i.model import Detection, Evidence, Ignored, Language, Layer, Notice, Options, Stage, VersionRequest

REQUIRE = "REQUIRE"
PREFERENCES = "LocalPreferences.toml"
CONDA_PACKAGES = "CondaPkg.toml"

NUMBER_HINT = "Put the version into quotes"

#: More manifests of single minor releases than anybody keeps.
MOST_MANIFESTS = 10

#: Where packages are: those of the user, the kernel's, and what Julia comes with.
DEPOTS = "/srv/julia-packages:/srv/julia-depot:/srv/julia/local/share/julia:/srv/julia/share/julia"

#: Packages that run Python, and popular ones that need these.
PYCALL = frozenset(
    {"PyCall", "PyPlot", "SymPy", "Pandas", "Seaborn", "ScikitLearn", "PyCallJLD", "PyPlotUtils"}
)
#: What runs R, which it looks for on the `PATH`.
RCALL = "RCall"
PYTHONCALL = frozenset({"PythonCall", "PythonPlot", "SymPyPythonCall"})

#: Of the base image's Python, without which neither can load it.
SHARED_PYTHON = ("libpython3-dev",)


@dataclass(frozen=True, kw_only=True)
class JuliaFiles:
    """What the repository has for Julia: a project with its manifests, or a `REQUIRE`."""

    project: JuliaProject | None = None
    manifests: tuple[JuliaManifest, ...] = ()
    require: str | None = None
    requires: tuple[Required, ...] = ()
    ignored: tuple[Ignored, ...] = ()


class Julia:
    name = "julia"
    files = (*PROJECTS, *MANIFESTS, REQUIRE)

    def detect(self, checkout: Checkout, options: Options, claims: LanguageClaims) -> Detection | None:
        found = _found(checkout)
        if not (found.project or found.requires or claims.requests or _in_notebooks(checkout, claims)):
            return Detection(ignored=found.ignored) if found.ignored else None
        chosen = choose_julia(
            JuliaClaims(
                requests=claims.requests,
                manifests=found.manifests,
                ran_on=claims.ran_on,
                project=found.project,
            )
        )
        kernel = f"julia-{minor_of(chosen.version)}"
        language = Language(
            name="Julia",
            version=chosen.version,
            provider="from julialang.org",
            kernel=kernel,
            aliases=tuple(name for name in claims.kernels if name != kernel),
            evidence=chosen.evidence,
        )
        about = found.project.notices if found.project else ()
        return Detection(
            layers=(_language_layer(language), *_package_layers(checkout, found, chosen.version)),
            language=language,
            requests={"r": _r(found)} if RCALL in _names(found) else {},
            notices=(*about, *chosen.notices, *_about_packages(found, chosen.version, options)),
            ignored=found.ignored,
        )


def _found(checkout: Checkout) -> JuliaFiles:
    files = [path for name in (*PROJECTS, *MANIFESTS, REQUIRE) if (path := checkout.config(name))]
    project = None
    for path in [path for path in files if posixpath.basename(path) in PROJECTS]:
        project = project or read_julia_project(checkout, path)
    require = checkout.config(REQUIRE)
    if project is not None:
        manifests = tuple(read_manifest(checkout, path) for path in _manifests(checkout))
        return JuliaFiles(
            project=project, manifests=manifests, ignored=tuple(_not_read(files, project, manifests))
        )
    requires = parse_require(checkout.read(require), require) if require else ()
    ignored = tuple(
        Ignored(file=path, reason=_alone(posixpath.basename(path))) for path in files if path != require
    )
    return JuliaFiles(require=require, requires=requires, ignored=ignored)


def _alone(name: str) -> str:
    return "it is not a project of Julia" if name in PROJECTS else "there is no `Project.toml`"


def _not_read(
    files: Iterable[str], project: JuliaProject, manifests: tuple[JuliaManifest, ...]
) -> Iterator[Ignored]:
    used = {project.path, *(manifest.path for manifest in manifests)}
    for path in files:
        if path not in used:
            yield Ignored(file=path, reason=f"`{project.path}` declares the Julia packages")


def _manifests(checkout: Checkout) -> Iterator[str]:
    """The one that counts for every Julia, and those that count for one minor release, the newest first."""
    yield from [path for name in MANIFESTS if (path := checkout.config(name))][:1]
    names = map(posixpath.basename, checkout.entries(checkout.config_dir))
    found = [name for name in names if OF_A_MINOR.fullmatch(name)]
    # `JuliaManifest-v1.11.toml` counts before `Manifest-v1.11.toml`.
    found.sort(key=lambda name: (-int(name.rpartition(".")[0].rpartition(".")[2]), name))
    yield from (checkout.config_path(name) for name in found[:MOST_MANIFESTS])


def _in_notebooks(checkout: Checkout, claims: LanguageClaims) -> bool:
    """Whether notebooks are in Julia, and nothing else brings it."""
    script = checkout.config("postBuild")
    return (
        claims.ran_on is not None
        and "julia" not in claims.packages
        and not (script and b"julia" in checkout.read_bytes(script).lower())
    )


def _language_layer(language: Language) -> Layer:
    spec = {
        "argv": [
            "/srv/julia/bin/julia",
            "-i",
            "--color=yes",
            f"/usr/local/share/jupyter/kernels/{language.kernel}/kernel.jl",
            "{connection_file}",
        ],
        "display_name": f"Julia {minor_of(language.version)}",
        "language": "julia",
        "interrupt_mode": "signal",
    }
    return Layer(
        buildpack=Julia.name,
        stage=Stage.LANGUAGE,
        title=f"Julia {language.version}",
        template="julia",
        variables={
            "version": language.version,
            "server": SERVER,
            "archives": tuple((each.machine, each.path, each.sha256) for each in archives(language.version)),
            "targets": tuple(cpu_targets(language.version).items()),
            "kernel": language.kernel,
            "aliases": language.aliases,
            "environ": (f"JULIA_DEPOT_PATH={DEPOTS}",),
        },
        evidence=(language.evidence,),
        support={"julia/kernel.json": json.dumps(spec, indent=1) + "\n"},
        resources=("julia_kernel.jl",),
    )


def _package_layers(checkout: Checkout, found: JuliaFiles, version: str) -> Iterator[Layer]:
    """What is installed: before the files of the repository are there, as far as nothing of them is needed."""
    if found.project is None and not found.requires:
        return
    late = found.project is not None and _needs_source(found, version)
    layer = Layer(
        buildpack=Julia.name,
        stage=Stage.PACKAGE if late else Stage.DEPENDENCIES,
        title=_title(found),
        template="julia_packages",
        variables={
            "targets": tuple(cpu_targets(version).items()),
            "arguments": _arguments(found, version),
            "directory": checkout.config_dir,
            "files": found.project is not None and not late,
            "environ": tuple(_environ(checkout, found)),
        },
        evidence=_evidence(found),
        support={} if late else _support(checkout, found, version),
        resources=("julia_packages.jl",),
    )
    if PYCALL & _names(found) or PYTHONCALL & _names(found):
        yield _shared_python(found)
    yield layer
    project = found.project
    own = project is not None and bool(project.package) and _has_source(checkout, project)
    if project and project.notices and (late or own):
        # Pkg reads the file of the repository itself.
        wrong = project.notices[0]
        raise InvalidRepositoryError(wrong.message, file=wrong.file, line=wrong.line, hint=NUMBER_HINT)
    if project and own and not late:
        # Its own module can be compiled only now.
        again = {**layer.variables, "files": False, "environ": ()}
        title = f"Julia package of the repository: {project.package}"
        yield replace(layer, stage=Stage.PACKAGE, title=title, variables=again, support={})


def _needs_source(found: JuliaFiles, version: str) -> bool:
    manifest = manifest_of(version, found.manifests)
    local = found.project is not None and found.project.local
    # A manifest that is resolved again would be replaced by that of the repository.
    return local or (manifest is not None and (manifest.local or resolved_again(version, manifest)))


def _has_source(checkout: Checkout, project: JuliaProject) -> bool:
    return checkout.has(posixpath.join(posixpath.dirname(project.path), "src", f"{project.package}.jl"))


def _arguments(found: JuliaFiles, version: str) -> tuple[str, ...]:
    if found.project is None:
        return ("add", *(required.name for required in found.requires if required.name != "julia"))
    return (
        ("resolve",) if resolved_again(version, manifest_of(version, found.manifests)) else ("instantiate",)
    )


def _support(checkout: Checkout, found: JuliaFiles, version: str) -> dict[str, str]:
    """The files of the environment alone, without what changes nothing of it."""
    if found.project is None:
        return {}
    files = {posixpath.basename(found.project.path): found.project.environment}
    if manifest := manifest_of(version, found.manifests):
        files[posixpath.basename(manifest.path)] = manifest.text
    preferences = checkout.config_path(PREFERENCES)
    if checkout.has(preferences):
        files[PREFERENCES] = checkout.read(preferences)
    return {f"julia_project/{name}": text for name, text in files.items()}


def _names(found: JuliaFiles) -> frozenset[str]:
    """All packages, as far as files name them."""
    project = found.project.dependencies if found.project else frozenset[str]()
    required = (required.name for required in found.requires)
    return project.union(required, *(manifest.packages for manifest in found.manifests))


def _environ(checkout: Checkout, found: JuliaFiles) -> Iterator[str]:
    if found.project is not None:
        yield f"JULIA_PROJECT=${{REPO_DIR}}{'/' if checkout.config_dir else ''}{checkout.config_dir}"
    names = _names(found)
    if PYCALL & names:
        yield "PYTHON=/srv/env/bin/python"
    # A repository with a `CondaPkg.toml` has the packages of its Python there.
    if PYTHONCALL & names and not checkout.has(checkout.config_path(CONDA_PACKAGES)):
        yield "JULIA_PYTHONCALL_EXE=/srv/env/bin/python"
        yield "JULIA_CONDAPKG_BACKEND=Null"


def _r(found: JuliaFiles) -> VersionRequest:
    return VersionRequest(version="", evidence=replace(_evidence(found)[0], why=f"`{RCALL}` runs R"))


def _shared_python(found: JuliaFiles) -> Layer:
    name = min((PYCALL | PYTHONCALL) & _names(found))
    return Layer(
        buildpack=Julia.name,
        stage=Stage.APT,
        title="Shared library of Python, for Julia",
        template="toolchain",
        variables={"packages": SHARED_PYTHON},
        evidence=tuple(replace(each, why=f"`{name}` runs Python") for each in _evidence(found)),
    )


def _evidence(found: JuliaFiles) -> tuple[Evidence, ...]:
    if found.project is None:
        return (Evidence(why="names Julia packages", file=found.require),)
    files = [found.project.path, *(manifest.path for manifest in found.manifests)]
    return tuple(Evidence(why="declares the Julia packages", file=path) for path in files)


def _title(found: JuliaFiles) -> str:
    file = found.project.path if found.project else found.require
    names = (
        found.project.dependencies if found.project else {each.name for each in found.requires} - {"julia"}
    )
    return f"{file}: {len(names)} Julia package{'' if len(names) == 1 else 's'}"


def _about_packages(found: JuliaFiles, version: str, options: Options) -> Iterator[Notice]:
    if found.require:
        message = "Julia 1 does not read this file: the newest versions of its packages are installed"
        yield Notice(level="warning", message=message, file=found.require)
    manifest = manifest_of(version, found.manifests)
    if manifest and resolved_again(version, manifest):
        message = f"The packages are resolved again, because the file is not for Julia {minor_of(version)}"
        yield Notice(level="warning", message=message, file=manifest.path)
    if options.as_of and (found.project or found.requires) and manifest is None:
        message = "`--as-of` has no effect on Julia packages: add a `Manifest.toml`"
        yield Notice(
            level="warning", message=message, file=found.project.path if found.project else found.require
        )
