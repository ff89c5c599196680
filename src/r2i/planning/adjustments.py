"""`--apt` and `--replace`: what the command line adds to what a repository's files ask for, and puts in its place."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace

from r2i.buildpacks.apt import DEFAULT_LOCALE, SPEC
from r2i.errors import UsageError
from r2i.formats.requirements.specifiers import normalised
from r2i.model import Detection, Evidence, Layer, Notice, Options, Pin, PythonEnvironment, Stage
from r2i.quoting import printable

LINE = re.compile(
    r"(?P<name>[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)(?=$|[\s\[<>=!~;@,(])[^;]*(?P<marker>;.*)?"
)

#: Where the conda environment's own list of packages is.
CONDA = "conda/environment.json"


def adjusted(detections: tuple[Detection, ...], options: Options) -> tuple[Detection, ...]:
    """The same with the packages and requirements of the command line."""
    if options.apt:
        detections = _with_packages(detections, options.apt)
    if options.replace:
        detections = tuple(_with_replacements(detection, options.replace) for detection in detections)
    return detections


def check_adjustments(options: Options) -> None:
    """Raise `UsageError` for what no installer could take."""
    for package in options.apt:
        if len(package) > 200 or not SPEC.fullmatch(package):
            raise UsageError(
                f"`--apt {printable(package)}` is not a valid Debian package name",
                hint="Write it like `--apt libpq-dev`",
            )
    for old, new in options.replace.items():
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", old) or (new and _requirement(new) is None):
            raise UsageError(
                f"`--replace {printable(old)}={printable(new)}` does not contain two valid requirements",
                hint="Write it like `--replace sklearn=scikit-learn`, or like `--replace pywin32=` to remove one",
            )


def _with_packages(detections: tuple[Detection, ...], packages: tuple[str, ...]) -> tuple[Detection, ...]:
    layer = next((layer for d in detections for layer in d.layers if layer.template == "apt"), None)
    if layer is None:
        return (Detection(layers=(_apt_layer(packages),)), *detections)
    merged = _merged(layer, packages)
    return tuple(
        replace(d, layers=tuple(merged if each is layer else each for each in d.layers)) for d in detections
    )


def _apt_layer(packages: tuple[str, ...]) -> Layer:
    count = "1 package" if len(packages) == 1 else f"{len(packages)} packages"
    return Layer(
        buildpack="apt",
        stage=Stage.APT,
        title=f"--apt: {count}",
        template="apt",
        variables={"packages": tuple(sorted(set(packages))), "locales": _locales(packages)},
        evidence=(Evidence(why="`--apt`"),),
        resources=("apt-install",),
    )


def _merged(layer: Layer, packages: tuple[str, ...]) -> Layer:
    present = layer.variables["packages"]
    assert isinstance(present, tuple)  # noqa: S101 - the template takes a list
    added = sorted({*packages} - {*present})
    variables = {**layer.variables, "packages": tuple(sorted({*map(str, present), *added}))}
    variables["locales"] = layer.variables["locales"] or _locales(packages)
    title = f"{layer.title}, and {', '.join(added)}" if added else layer.title
    return replace(
        layer, title=title, variables=variables, evidence=(*layer.evidence, Evidence(why="`--apt`"))
    )


def _locales(packages: tuple[str, ...]) -> tuple[str, ...]:
    return (DEFAULT_LOCALE,) if "locales" in packages else ()


def _with_replacements(detection: Detection, replacements: Mapping[str, str]) -> Detection:
    environment = detection.environment
    if environment is None:
        return detection
    wanted = {normalised(old): new for old, new in replacements.items()}
    found = environment.names.keys() & wanted.keys()
    # What stands in the checkout itself, or in a lock, cannot be replaced.
    install, template = environment.install, environment.template
    support = {path: _replaced(text, wanted) for path, text in install.support.items()}
    files = {path: _conda(text, wanted) if path == CONDA else text for path, text in template.files.items()}
    changed = support != dict(install.support) or files != dict(template.files)
    notices = tuple(
        Notice(
            level="warning",
            message=f"`--replace {old}=…` has no effect: no replaceable requirement has this name",
        )
        for old in replacements
        if normalised(old) not in found or not changed
    )
    if changed:
        names, pins = _named(environment, wanted)
        environment = replace(
            environment,
            names=names,
            pins=pins,
            install=replace(install, support=support),
            template=replace(template, files=files),
        )
    return replace(detection, environment=environment, notices=(*detection.notices, *notices))


def _replaced(text: str, wanted: Mapping[str, str]) -> str:
    """A requirements file of ours: one requirement a line, options begin with a dash."""
    lines = []
    for line in text.splitlines(keepends=True):
        match = LINE.match(line.strip())
        if match is None or normalised(match["name"]) not in wanted:
            lines.append(line)
        elif new := wanted[normalised(match["name"])]:
            marker = (match["marker"] or "").partition(" --hash")[0]
            lines.append(f"{new} {marker}".rstrip() + "\n")
    return "".join(lines)


def _conda(text: str, wanted: Mapping[str, str]) -> str:
    """The specs to solve: `numpy 1.19.*`, `conda-forge::numpy >=1`."""
    environment = json.loads(text)
    specs = []
    for spec in environment.get("specs", []):
        name = normalised(re.split(r"[\s<>=!~\[]", spec.rpartition("::")[2], maxsplit=1)[0])
        specs += ([wanted[name]] if wanted[name] else []) if name in wanted else [spec]
    if specs == environment.get("specs", []):
        return text
    return json.dumps({**environment, "specs": specs}, indent=1) + "\n"


def _named(
    environment: PythonEnvironment, wanted: Mapping[str, str]
) -> tuple[dict[str, Evidence], tuple[Pin, ...]]:
    names: dict[str, Evidence] = {}
    pins = [pin for pin in environment.pins if pin.name not in wanted]
    for name, evidence in environment.names.items():
        if name not in wanted:
            names[name] = evidence
        elif (new := _requirement(wanted[name])) is not None:
            key, specifier = new
            why = f"`--replace {name}={wanted[name]}`"
            names[key] = replace(evidence, why=why)
            pins += [Pin(name=key, specifier=specifier, evidence=names[key])] if specifier else []
    return names, tuple(pins)


def _requirement(text: str) -> tuple[str, str] | None:
    """The normalised name and the specifier of a requirement; None where it is none."""
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        requirement = Requirement(text)
    except (InvalidRequirement, RecursionError, ValueError):
        return None
    if requirement.url or requirement.marker or not text.isascii() or "\n" in text:
        return None
    return normalised(requirement.name), str(requirement.specifier)
