"""What an image of a repository takes from outside that nobody pinned: what may be another thing at the next build."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from r2i.check.code.cell_installs import installs
from r2i.check.code.python_code import Facts
from r2i.check.declared import is_exact, moving
from r2i.check.dockerfile import own_dockerfile
from r2i.check.facts.distributions import closure
from r2i.check.facts.provided import is_misnamed, of_pypi
from r2i.check.on_binder import binder
from r2i.check.scripts import BinderScript, scripts
from r2i.check.subject import Subject
from r2i.model import Plan

URL = re.compile(r"(?:https?|ftp|s3|gs)://(?!localhost\b|127\.)\S+")

#: Addresses whose content never changes: they name a commit, or a record of an archive.
IMMUTABLE = re.compile(
    r"\b[0-9a-f]{40}\b|//(?:www\.)?zenodo\.org/(?:api/)?records?/|//(?:dx\.)?doi\.org/10\."
)

#: Functions that fetch what their first argument names, by the last part of their name.
FETCHING = frozenset(
    {"download", "get", "imread", "request", "retrieve", "stream", "urlopen", "urlretrieve"}
    | {"read_csv", "read_excel", "read_feather", "read_file", "read_html", "read_json", "read_parquet"}
    | {"genfromtxt", "load_dataset", "loadtxt", "open_dataset", "read_table"}
)
DOWNLOADERS = frozenset({"aria2c", "curl", "wget"})
INSTALLERS = re.compile(
    r"(?:\S*python[\d.]* -m )?(?:uv )?(?:pip[\d.]*|conda|mamba|micromamba|npm|jupyter)\b.*?\binstall\b(?P<given>.*)"
)

#: The first word of a line that will do is the only one tried: all pairs of them would take the square of its length.
CHECKED = re.compile(r"^(?>.*?\b(?:sha\d+|md5)sum\b).*(?:-c\b|--check)", re.MULTILINE)
AT_COMMIT = re.compile(
    r"^(?>.*?\bgit\b)(?>.*?\b(?:checkout|reset|switch)\b).*\b[0-9a-f]{7,40}\b", re.MULTILINE
)


@dataclass(frozen=True, kw_only=True)
class Share:
    """So many of so many."""

    unpinned: int = 0
    total: int = 0


@dataclass(frozen=True, kw_only=True)
class Hermeticity:
    """Counts of what comes from outside.

    `distributions` are those of the Python environment, with what is known that they need. `base_images` are those
    whose name does not tell their content. `downloads` counts fetches of a fixed address in `postBuild`, `start` and notebooks,
    `installations` the commands there that install something. `as_of` is the moment whose packages are taken.
    """

    distributions: Share = field(default_factory=Share)
    base_images: tuple[str, ...] = ()
    apt: Share = field(default_factory=Share)
    git: int = 0
    downloads: int = 0
    installations: int = 0
    as_of: str | None = None

    @property
    def sentence(self) -> str:
        """`3 of 41 distributions, the base image `debian:trixie-slim` and 2 downloads`."""
        parts = [*self._parts()]
        if not parts:
            return "nothing"
        return " and ".join([*([", ".join(parts[:-1])] if parts[1:] else []), parts[-1]])

    def _parts(self) -> Iterator[str]:
        for share, word in ((self.distributions, "distribution"), (self.apt, "package in `apt.txt`")):
            if share.unpinned:
                yield f"{share.unpinned} of {_counted(share.total, word)}"
        if self.base_images:
            named = ", ".join(f"`{name}`" for name in self.base_images[:3])
            yield f"the base image{'s' if self.base_images[1:] else ''} {named}"
        for count, word in (
            (self.git, "requirement from git"),
            (self.downloads, "download"),
            (self.installations, "installation by a script or cell"),
        ):
            if count:
                yield _counted(count, word)


def hermeticity(subject: Subject) -> Hermeticity | None:
    """Of the images that count; None where nothing can be planned."""
    plan = subject.plan
    if plan is None:
        return None
    as_of = plan.as_of.moment if plan.as_of else None
    outside = [*_outside_of_scripts(subject), *_outside_of_notebooks(subject)]
    distributions = _distributions(subject)
    return Hermeticity(
        distributions=Share(total=distributions.total) if as_of else distributions,
        base_images=_base_images(subject, plan),
        apt=_apt(subject),
        git=sum(bool(moving(one.url.partition("#")[0])) for one in subject.declared if one.url),
        downloads=outside.count("download"),
        installations=outside.count("installation"),
        as_of=as_of,
    )


def _distributions(subject: Subject) -> Share:
    """A lock names all; where there is none, what the table knows to be needed counts, too."""
    environment = subject.environment
    if environment is None:
        return Share()
    if environment.exact:
        return Share(total=len(environment.names))
    name_of = of_pypi if environment.manager == "conda" else str
    exact = {name_of(pin.name) for pin in environment.pins if re.fullmatch(r"===?[^*,]+", pin.specifier)}
    exact |= {name_of(one.name) for one in subject.declared if one.url or is_exact(one)}
    asked = {name_of(one.name) for one in subject.declared if one.name and not is_misnamed(one.name)}
    names = closure(asked).keys() - {"python", "pip", "nodefaults"}
    return Share(unpinned=len(names - exact), total=len(names))


def _base_images(subject: Subject, plan: Plan) -> tuple[str, ...]:
    """That of Binder where only its image counts."""
    if plan.dockerfile is not None:
        own = own_dockerfile(plan.dockerfile, subject.text(plan.dockerfile) or "")
        images = [own.expanded(stage.base) for stage in own.stages if not stage.inherits] if own else []
    elif "r2i" in subject.settings.targets:
        images = [plan.base.reference]
    else:
        made = binder(subject)
        images = [made.base_image] if made and made.base_image else []
    return tuple(dict.fromkeys(image for image in images if image != "scratch" and "@sha256:" not in image))


def _apt(subject: Subject) -> Share:
    layers = subject.plan.layers if subject.plan else ()
    packages = [layer.variables["packages"] for layer in layers if layer.template == "apt"]
    specs = [str(spec) for some in packages if isinstance(some, tuple) for spec in some]
    return Share(unpinned=sum("=" not in spec for spec in specs), total=len(specs))


def _outside_of_scripts(subject: Subject) -> Iterator[str]:
    for script in subject.once(scripts):
        yield from _of_commands(script)


def _of_commands(script: BinderScript) -> Iterator[str]:
    checked, at_commit = CHECKED.search(script.beginning), AT_COMMIT.search(script.beginning)
    for line in script.lines:
        for command in line.commands:
            text = " ".join(command)
            if (install := INSTALLERS.match(text)) and not _is_local(install["given"].split()):
                yield "installation"
            elif _fetches(text) and not (at_commit if command[0] == "git" else checked):
                yield "download"


def _outside_of_notebooks(subject: Subject) -> Iterator[str]:
    for _, cell, facts in subject.code:
        if "install" in cell.source:
            commands = installs(cell.source, facts)
            yield from ("installation" for one in commands if one.wanted or not _is_local(one.others))
        if "://" in cell.source:
            yield from ("download" for command in facts.commands if _fetches(command.text))
            yield from _fetched_by_python(facts)


def _is_local(words: Iterable[str]) -> bool:
    """Whether an installation names nothing but options and directories of the repository."""
    return all(word.startswith((".", "-")) for word in words)


def _fetches(command: str) -> bool:
    words = command.split()
    program = words[0].rpartition("/")[2] if words else ""
    if program not in DOWNLOADERS and words[:2] != ["git", "clone"]:
        return False
    found = URL.search(command)
    return found is not None and not IMMUTABLE.search(found[0])


def _fetched_by_python(facts: Facts) -> Iterator[str]:
    """A function that is told the hash of what it fetches has it pinned."""
    pinned = {call.line for call in facts.calls if isinstance(dict(call.keywords).get("known_hash"), str)}
    for literal in facts.literals:
        function = literal.call.rpartition(".")[2]
        is_source = literal.argument in (0, "url", "filename") and URL.match(literal.value)
        may_change = not IMMUTABLE.search(literal.value) and literal.line not in pinned
        if function in FETCHING and is_source and may_change:
            yield "download"


def _counted(number: int, word: str) -> str:
    first, *rest = word.split(" ")
    return f"{number} {' '.join([first if number == 1 else f'{first}s', *rest])}"
