"""Checkout × buildpacks → Detections: what the files of a repository ask for, all of it looked at once a command."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain

from r2i.buildpacks import CHAIN, ENVIRONMENTS, LANGUAGES
from r2i.buildpacks.protocol import Buildpack, LanguageBuildpack, LanguageClaims
from r2i.buildpacks.runtime_txt import HINT
from r2i.checkout import Checkout
from r2i.checkout.ignore import FILES as IGNORE_FILES
from r2i.errors import InvalidRepositoryError, R2iError
from r2i.facts.pins import base_image
from r2i.model import Detection, Evidence, Ignored, Options
from r2i.planning.environment import detect_environment


@dataclass(frozen=True, kw_only=True)
class Detections:
    """What the buildpacks found, one after the other.

    `options` are those that it was looked for with: they name the base image where what was found asks for another one than the default.
    `environment` is None where the repository's own `Dockerfile` describes the whole image, or where the files of the
    environment are wrong. `problems` says what is wrong in which file; a plan can be made of detections without any.
    """

    options: Options
    packs: tuple[Detection, ...] = ()
    environment: Detection | None = None
    problems: tuple[R2iError, ...] = ()

    @property
    def own_dockerfile(self) -> Detection | None:
        return next((found for found in self.packs if found.dockerfile is not None), None)


def detect(checkout: Checkout, options: Options) -> Detections:
    """Look at every file that a buildpack knows; raises nothing for what is in them."""
    found = _detected(checkout, options)
    choice = next((pack.base for pack in found.packs if pack.base is not None), None)
    if choice is None:
        return found
    # Names of Debian packages and versions of languages differ with the base image, so all are asked again.
    wanted = replace(options, base_image=choice.reference, base_evidence=choice.evidence)
    chosen = _detected(checkout, wanted)
    if choice.firm or not chosen.problems:
        return chosen
    wrong = chosen.problems[0]
    reason = Evidence(why=wrong.message, file=wrong.file, line=wrong.line)
    default = base_image(None).reference
    return _detected(checkout, replace(options, base_image=default, base_evidence=reason))


def _detected(checkout: Checkout, options: Options) -> Detections:
    packs: list[Detection] = []
    problems: list[R2iError] = []
    for pack in CHAIN:
        found = _looked(partial(pack.detect, checkout, options), problems)
        packs += [found] if found is not None else []
        if (found is not None and found.dockerfile is not None) or (problems and "Dockerfile" in pack.files):
            # Nothing else counts, so nothing else can be wrong.
            return Detections(options=options, packs=tuple(packs), problems=tuple(problems))
    problems += [
        InvalidRepositoryError(alone.why, file=alone.file, line=alone.line, hint=HINT)
        for found in packs
        if (alone := found.alone) is not None and not _others(checkout, alone)
    ]
    environment = _looked(partial(detect_environment, checkout, options), problems)
    known = Detections(options=options, packs=tuple(packs), environment=environment, problems=tuple(problems))
    if environment is not None and environment.environment and environment.environment.opaque:
        return _alone(checkout, known, environment)
    for language in LANGUAGES:
        claims = _claims(language.name, packs, environment)
        found = _looked(partial(language.detect, checkout, options, claims), problems)
        packs += [found] if found is not None else []
    return replace(known, packs=tuple(packs), problems=tuple(problems))


def _alone(checkout: Checkout, all_found: Detections, environment: Detection) -> Detections:
    """Where one file decides which languages there are, and what is installed for them: others say nothing of that."""
    decides = environment.environment.defined_by if environment.environment else ""
    names = ("runtime.txt", ".python-version", *chain.from_iterable(pack.files for pack in LANGUAGES))
    files = dict.fromkeys(path for name in names if (path := checkout.config(name)))
    ignored = (Ignored(file=path, reason=f"`{decides}` defines the environment") for path in files)
    return replace(
        all_found,
        packs=tuple(_without_languages(found, files) for found in all_found.packs),
        environment=replace(environment, ignored=(*environment.ignored, *ignored)),
        problems=tuple(problem for problem in all_found.problems if problem.file not in files),
    )


def _without_languages(found: Detection, files: Container[str | None]) -> Detection:
    return replace(
        found,
        notices=tuple(notice for notice in found.notices if notice.file not in files),
        requests={},
        requires=(),
        ran_on={},
        kernels={},
        imports={},
        server=(),
        classic=(),
        labextensions=(),
    )


def _claims(language: str, packs: Iterable[Detection], environment: Detection | None) -> LanguageClaims:
    conda = environment.environment if environment is not None else None
    names = conda.names if conda is not None and conda.manager == "conda" else ()
    return LanguageClaims(
        requests=tuple(found.requests[language] for found in packs if language in found.requests),
        ran_on=next((found.ran_on[language] for found in packs if language in found.ran_on), None),
        packages=frozenset(names).union(*(found.packages for found in packs)),
        conda=frozenset(names),
        kernels=next((found.kernels[language] for found in packs if language in found.kernels), ()),
    )


def _others(checkout: Checkout, alone: Evidence) -> bool:
    return any(path != alone.file for name in config_names() if (path := checkout.config(name)))


def _looked(look: Callable[[], Detection | None], problems: list[R2iError]) -> Detection | None:
    try:
        return look()
    except R2iError as error:
        problems.append(error)
        return None


def hidden(checkout: Checkout) -> tuple[Ignored, ...]:
    """Configuration in the root that a `binder` directory hides."""
    directory = checkout.config_dir
    if not directory:
        return ()
    return tuple(
        Ignored(file=name, reason=f"only files in `{directory}/` count because it exists")
        for name in (*config_names(), *(() if checkout.config("Dockerfile") else IGNORE_FILES))
        if checkout.has(name)
    )


def config_names() -> tuple[str, ...]:
    packs: tuple[Buildpack | LanguageBuildpack, ...] = (*CHAIN, *ENVIRONMENTS, *LANGUAGES)
    return tuple(dict.fromkeys(chain.from_iterable(pack.files for pack in packs)))
