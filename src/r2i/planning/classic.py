"""The classic Notebook: what only runs with it, and the Pythons that it runs on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

from r2i.facts.pins import pythons
from r2i.facts.python_wheels import Limit, below, from_on
from r2i.image import SERVER_PACKAGES, version_tuple
from r2i.model import Detection, Evidence, Notice, Pin, Python, PythonEnvironment

#: The first release of the Notebook that is another program, without `nbextension` and `serverextension`.
OTHER_NOTEBOOK = "7"

#: Distributions whose older releases need the classic Notebook, and the first release that does not.
UNTIL = {"nbgrader": "0.9", "notebook": OTHER_NOTEBOOK}

#: Distributions whose every release needs it.
ALWAYS = frozenset(
    {
        "appmode",
        "hide-code",
        "jupyter-contrib-core",
        "jupyter-contrib-nbextensions",
        "jupyter-latex-envs",
        "jupyter-nbextensions-configurator",
        "rise",
    }
)
#: What is not yet released for Notebook 7 may be some day.
NEWER = {"rise": "5.8"}

SOURCES = "jupyter-contrib-nbextensions"

#: The newest Python on which it was seen to work.
NEWEST_PYTHON = (3, 13)


def classic_evidence(detections: Iterable[Detection], environment: PythonEnvironment) -> tuple[Evidence, ...]:
    """Why the server is the classic Notebook; empty where it is not, or where another one is asked for."""
    detections = tuple(detections)
    if any(pin.name == "notebook" and from_on(pin.specifier, OTHER_NOTEBOOK) for pin in environment.pins):
        return ()
    joined = {(each.file, each.line) for detection in detections for each in detection.server}
    asked = tuple(each for each in _in_environment(environment) if (each.file, each.line) in joined)
    # Of conda packages only the names are known here: the Notebook that is named may be any.
    if not asked and environment.manager == "conda" and "notebook" in environment.names:
        return ()
    return (*asked, *chain.from_iterable(detection.classic for detection in detections))


def _in_environment(environment: PythonEnvironment) -> Iterator[Evidence]:
    pins = {pin.name: pin for pin in environment.pins}
    for name, found in environment.names.items():
        pin = pins.get(name)
        if _needs_it(name, pin):
            what = f"{name}{pin.specifier}" if pin else name
            yield Evidence(why=f"`{what}` needs the classic Notebook", file=found.file, line=found.line)


def _needs_it(name: str, pin: Pin | None) -> bool:
    if name in ALWAYS:
        return pin is None or name not in NEWER or not from_on(pin.specifier, NEWER[name])
    return pin is not None and name in UNTIL and below(pin.specifier, UNTIL[name])


def server_packages(environment: PythonEnvironment, *, classic: bool, dated: bool) -> tuple[str, ...]:
    """What a joined server consists of; `dated` says that packages are those of a day."""
    if not classic:
        return SERVER_PACKAGES
    pins = {pin.name: pin.specifier for pin in environment.pins}
    needed = list(SERVER_PACKAGES)
    needed[needed.index("notebook")] = f"notebook<{OTHER_NOTEBOOK}"
    # Its extensions use `pkg_resources`, which setuptools 81 took away.
    if not from_on(pins.get("setuptools", ""), "81"):
        needed[needed.index("setuptools")] = "setuptools<81"
    # The newest of these releases says so itself, and an older one that does not say it fails.
    if "jupyter-client" not in pins and not from_on(pins.get("ipykernel", ""), "7"):
        needed.append("jupyter_client<8")
    # All newer releases are sources, and the newest that is a wheel is from 2016.
    if SOURCES in environment.names and SOURCES not in pins and environment.manager == "uv" and not dated:
        needed.append(f"{SOURCES}>=0.7")
    return tuple(needed)


def has_older_lab(environment: PythonEnvironment, python: Python) -> bool:
    """Whether the JupyterLab of the environment is, or may be, one before 4: npm is its only way to extensions."""
    pinned = any(pin.name == "jupyterlab" and below(pin.specifier, "4") for pin in environment.pins)
    named = "jupyterlab" in environment.names
    of_old_python = named and version_tuple(python.version)[:2] < (3, 8)
    return pinned or "jupyterlab" in environment.conda_versions or of_old_python


def classic_notices(evidence: tuple[Evidence, ...]) -> Iterator[Notice]:
    for first in evidence[:1]:
        message = f"The Jupyter server has `notebook<{OTHER_NOTEBOOK}`: {first.why}"
        yield Notice(level="info", message=message, file=first.file, line=first.line)


def classic_limits(evidence: tuple[Evidence, ...]) -> tuple[Limit, ...]:
    """The Pythons that it runs on, as pins with wheels limit them."""
    minors = frozenset(minor for minor in pythons() if version_tuple(minor) <= NEWEST_PYTHON)
    newest = ".".join(map(str, NEWEST_PYTHON))
    return tuple(
        Limit(
            minors=minors,
            evidence=Evidence(
                why=f"the classic Notebook runs on Python {newest} and older",
                file=first.file,
                line=first.line,
            ),
        )
        for first in evidence[:1]
        if minors != pythons().keys()
    )
