"""R: `install.R`, `DESCRIPTION`, `renv.lock`, a line of `runtime.txt`, or notebooks in R."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from r2i.buildpacks.protocol import LanguageClaims
from r2i.checkout import Checkout
from r2i.facts.pins import base_of
from r2i.facts.r import closure, packaged, snapshot, system_packages
from r2i.formats.language_versions import day_of, place_of
from r2i.formats.r.bases import better_base
from r2i.formats.r.days import RDay, day_of_packages
from r2i.formats.r.files import RFiles, read_files
from r2i.formats.r.interfaces import find_interfaces
from r2i.formats.r.site import site_profile
from r2i.formats.r.versions import RVersion, choose_r, newer_than_packages
from r2i.model import (
    BaseImage,
    DatedFiles,
    Detection,
    Evidence,
    Ignored,
    Interface,
    Language,
    Layer,
    Notice,
    Options,
    Stage,
    Value,
)

PACKAGES = ("r-base-core", "r-base-dev")
KERNEL = "IRkernel"

#: The Debian packages of the kernel, and of what installs others.
OF_CRAN = {
    KERNEL: "r-cran-irkernel",
    "BiocManager": "r-cran-biocmanager",
    "devtools": "r-cran-devtools",
    "remotes": "r-cran-remotes",
    "renv": "r-cran-renv",
    "shiny": "r-cran-shiny",
}

#: What brings R by `apt.txt`.
OF_DEBIAN = frozenset({"r-base", "r-base-core", "r-recommended", "r-cran-irkernel"})

PROVIDERS = {"debian": "from Debian", "ubuntu": "from Ubuntu"}


class R:
    name = "r"
    files = ("install.R", "install.r", "DESCRIPTION", "renv.lock")

    def detect(self, checkout: Checkout, options: Options, claims: LanguageClaims) -> Detection | None:
        found = read_files(checkout)
        ignored = tuple(_ignored(found))
        conda = _is_of_conda(claims)
        elsewhere = conda or bool(OF_DEBIAN & claims.packages)
        interfaces, about = _interfaces(checkout, options, claims, found)
        if not (found.count or claims.requests or (claims.ran_on and not elsewhere)):
            language = _of_conda(claims) if conda else None
            if not elsewhere:
                return Detection(ignored=ignored) if ignored else None
            return Detection(language=language, interfaces=interfaces, notices=about, ignored=ignored)
        day = day_of_packages(claims.requests, options, checkout)
        if conda:
            detection = _beside_conda(found, day, claims)
        elif options.base_image is None and (better := better_base(claims.requests, found, day)):
            return Detection(base=better)
        else:
            detection = _of_distribution(found, day, options, claims)
        return replace(
            detection,
            interfaces=interfaces,
            dated=_dated(found, claims),
            notices=(*detection.notices, *_said(found), *about),
            ignored=ignored,
        )


def _beside_conda(found: RFiles, day: RDay, claims: LanguageClaims) -> Detection:
    settings = _settings(day, found, path=day.day, conda=True)
    return Detection(
        layers=(settings, *_installed(found, conda=True)) if found.count else (),
        language=_of_conda(claims),
        notices=tuple(_overruled_by_conda(claims)),
    )


def _of_distribution(found: RFiles, day: RDay, options: Options, claims: LanguageClaims) -> Detection:
    base = base_of(options)
    # repo2docker brings its own R to every base image.
    named = options.base_image is not None and options.base_evidence is None and not options.as_repo2docker
    chosen = choose_r(base, claims.requests, claims.ran_on, found, named=named)
    newer = newer_than_packages(chosen.version, day) if found.count else ()
    return Detection(
        layers=(
            _r(base, chosen),
            *_tools_of_distribution(base, found),
            *_libraries(base, found),
            _settings(day, found, path=snapshot(base, day.day), conda=False),
            *_from_cran(base, found),
            *_installed(found, conda=False),
        ),
        language=_language(base, chosen),
        notices=(*chosen.notices, *day.notices, *newer),
    )


def _dated(found: RFiles, claims: LanguageClaims) -> DatedFiles | None:
    if (asked := day_of(claims.requests)) is not None:
        return DatedFiles(files=(), closed=f"{place_of(asked.evidence)} sets the day of the R packages")
    description = found.description_path if found.counts_description else ""
    files = tuple(filter(None, (*found.runs, description, found.lock_path)))
    if not files:
        return None
    closed = f"`{found.lock_path}` pins every version" if files == (found.lock_path,) else ""
    return DatedFiles(files=files, closed=closed)


def _language(base: BaseImage, chosen: RVersion) -> Language:
    provider = _provider(base)
    return Language(
        name="R", version=chosen.version, provider=provider, kernel="ir", evidence=chosen.evidence
    )


def _provider(base: BaseImage) -> str:
    distribution = base.release.distribution if base.release else ""
    return PROVIDERS.get(distribution, "from the distribution of the base image")


def _tools(found: RFiles) -> dict[str, Evidence]:
    """The R packages that install what the files ask for."""
    tools = dict.fromkeys(found.script.tools, Evidence(why="installs R packages", file=found.script_path))
    if found.description:
        tools["remotes"] = Evidence(why="installs what it names", file=found.description_path)
    if found.lock:
        tools["renv"] = Evidence(why="installs what it names", file=found.lock_path)
    return dict(sorted((tools | found.called).items()))


def _r(base: BaseImage, chosen: RVersion) -> Layer:
    """The same for all repositories."""
    kernel = (OF_CRAN[KERNEL],) if packaged(base, OF_CRAN[KERNEL]) else ()
    return Layer(
        buildpack=R.name,
        stage=Stage.LANGUAGE,
        title=f"R {chosen.version}".strip(),
        template="r",
        variables={"packages": (*PACKAGES, *kernel)},
        evidence=(chosen.evidence,),
        resources=("r_kernel.json",),
    )


def _tools_of_distribution(base: BaseImage, found: RFiles) -> Iterator[Layer]:
    """Apart from R itself, whose layer is large: images share it."""
    tools = {name: why for name, why in _tools(found).items() if packaged(base, OF_CRAN[name])}
    if tools:
        names, plural = ", ".join(f"`{name}`" for name in tools), "" if len(tools) == 1 else "s"
        yield Layer(
            buildpack=R.name,
            stage=Stage.LANGUAGE,
            title=f"R package{plural} {names} {_provider(base)}",
            template="toolchain",
            variables={"packages": tuple(OF_CRAN[name] for name in tools)},
            evidence=tuple(dict.fromkeys(tools.values())),
        )


def _from_cran(base: BaseImage, found: RFiles) -> Iterator[Layer]:
    """The kernel, and packages that `postBuild` calls, where the distribution does not have them."""
    for name in (KERNEL, *sorted(found.called)):
        if not packaged(base, OF_CRAN[name]):
            lacking = Evidence(why=f"the distribution has no `{OF_CRAN[name]}`")
            yield Layer(
                buildpack=R.name,
                stage=Stage.DEPENDENCIES,
                title="R kernel from CRAN" if name == KERNEL else f"R package `{name}` from CRAN",
                template="r_packages",
                variables=_command("need", name, conda=False),
                evidence=(*filter(None, (found.called.get(name),)), lacking),
                resources=("r_packages.R",),
            )


def _libraries(base: BaseImage, found: RFiles) -> Iterator[Layer]:
    """The Debian packages that packages need to compile and to load."""
    places: dict[str, tuple[str | None, int | None]]
    places = {package.name: (path, package.line) for path, package in found.packages}
    for name in (KERNEL, *_tools(found)):
        if not packaged(base, OF_CRAN[name]):
            places.setdefault(name, (None, None))
    needed = system_packages(places)
    if not needed:
        return
    evidence = []
    for package, (name, by) in needed.items():
        path, line = places[name]
        through = "" if by == name.lower() else f" through `{by}`"
        evidence.append(Evidence(why=f"`{name}` needs {package}{through}", file=path, line=line))
    yield Layer(
        buildpack=R.name,
        stage=Stage.APT,
        title=f"R packages: {len(needed)} Debian package{'' if len(needed) == 1 else 's'} that they need",
        template="toolchain",
        variables={"packages": tuple(needed)},
        evidence=tuple(evidence),
    )


def _settings(day: RDay, found: RFiles, *, path: str, conda: bool) -> Layer:
    site = "/srv/env/lib/R/etc/Rprofile.site" if conda else "/etc/R/Rprofile.site"
    return Layer(
        buildpack=R.name,
        stage=Stage.DEPENDENCIES,
        title=f"CRAN snapshot: {day.day}",
        template="r_settings",
        variables={"site": site, "conda": conda},
        evidence=(day.evidence,),
        support={"r/Rprofile.site": site_profile(path, found.lock)},
    )


def _installed(found: RFiles, *, conda: bool) -> Iterator[Layer]:
    """The lock comes first: a script may install what is not in it."""
    if found.lock:
        words = found.lock.repositories
        yield _layer(
            found, found.lock_path, "lock", copies={"renv.lock": found.lock_text}, words=words, conda=conda
        )
    if found.counts_description:
        copies = {"DESCRIPTION": found.description_text}
        yield _layer(found, found.description_path, "dependencies", copies=copies, conda=conda)
        if found.description_path == "DESCRIPTION":
            yield _layer(found, found.description_path, "package", conda=conda)
    if found.script_path:
        words = tuple(sorted(found.script.tools))
        yield _layer(found, found.script_path, "script", copies=found.copies, words=words, conda=conda)


def _layer(
    found: RFiles,
    path: str,
    command: str,
    *,
    conda: bool,
    copies: dict[str, str] | None = None,
    words: tuple[str, ...] = (),
) -> Layer:
    packages = [package for file, package in found.packages if file == path]
    count = f"{len(packages)} package{'' if len(packages) == 1 else 's'}" if packages else ""
    if command == "package" and found.description:
        packages, count = [found.description.package], f"package `{found.description.package.name}`"
    return Layer(
        buildpack=R.name,
        stage=Stage.DEPENDENCIES if copies else Stage.PACKAGE,
        title=f"{path}: {count}" if count else path,
        template="r_packages",
        variables=_command(command, path, conda=conda, words=words, alone=bool(copies)),
        evidence=tuple(Evidence(why=f"`{one.name}`", file=path, line=one.line) for one in packages)
        or (Evidence(why="installs R packages", file=path),),
        support={f"r/{command}/{name}": text for name, text in (copies or {}).items()},
        resources=("r_packages.R",),
    )


def _command(
    command: str, path: str, *, conda: bool, words: tuple[str, ...] = (), alone: bool = False
) -> dict[str, Value]:
    return {
        "rscript": "/srv/env/bin/Rscript" if conda else "/usr/bin/Rscript",
        "command": command,
        "path": path if command in ("script", "package") else path.rpartition("/")[2],
        "words": words,
        "alone": alone,
        "renv": command == "lock",
    }


def _ignored(found: RFiles) -> Iterator[Ignored]:
    if found.description_path and found.description is None:
        yield Ignored(file=found.description_path, reason="it does not describe an R package")
    elif found.description and not found.counts_description:
        yield Ignored(file=found.description_path, reason=f"`{found.script_path}` decides what is installed")


def _of_conda(claims: LanguageClaims) -> Language | None:
    if "r-irkernel" not in claims.conda:  # a lock may have no kernel
        return None
    evidence = claims.ran_on.evidence if claims.ran_on else Evidence(why="conda packages contain R")
    return Language(name="R", version="", provider="from conda packages", kernel="ir", evidence=evidence)


def _overruled_by_conda(claims: LanguageClaims) -> Iterator[Notice]:
    for request in claims.requests:
        if request.version:
            message = f"R {request.version} is requested here, but conda packages decide the version of R"
            yield Notice(
                level="warning", message=message, file=request.evidence.file, line=request.evidence.line
            )


def _said(found: RFiles) -> Iterator[Notice]:
    if found.script.bioc_lite:
        yield Notice(
            level="info",
            message="Bioconductor no longer has `biocLite`: `BiocManager::install` is called instead",
            file=found.script_path,
            line=found.script.bioc_lite,
        )


def _interfaces(
    checkout: Checkout, options: Options, claims: LanguageClaims, found: RFiles
) -> tuple[tuple[Interface, ...], tuple[Notice, ...]]:
    """What there is evidence for; Shiny only where it is among the packages, or the distribution has it."""
    evidence = find_interfaces(checkout, claims.conda)
    if options.rstudio:
        evidence["rstudio"] = Evidence(why="`--rstudio`")
    interfaces, notices = [], []
    if "rstudio" in evidence:
        interfaces.append(
            Interface(
                name="rstudio",
                evidence=evidence["rstudio"],
                asked=options.rstudio and not options.as_repo2docker,
            )
        )
    if "shiny" in evidence:
        why, package = evidence["shiny"], OF_CRAN["shiny"]
        named = closure(package.name.lower() for _, package in found.packages)
        has = "shiny" in named or bool({package, "r-shiny"} & claims.packages)
        if not has and _is_of_conda(claims):
            message = "Shiny is not among the conda packages: add `r-shiny` to them, or the app cannot start"
            notices.append(Notice(level="warning", message=message, file=why.file, line=why.line))
        else:
            packages = () if has else (package,)
            interfaces.append(Interface(name="shiny", evidence=why, packages=packages))
    return tuple(interfaces), tuple(notices)


def _is_of_conda(claims: LanguageClaims) -> bool:
    return any(name.startswith("r-") for name in claims.conda)
