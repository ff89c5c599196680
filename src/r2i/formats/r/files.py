"""The files of a checkout that ask for R packages, read together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from r2i.checkout import Checkout
from r2i.checkout.scripts import LONGEST, inspect
from r2i.formats.r.description import RDescription, read_description
from r2i.formats.r.packages import RPackage
from r2i.formats.r.renv_lock import RenvLock, read_lock
from r2i.formats.r.script import RScript, read_script, tools_in
from r2i.model import Evidence

#: More files than real scripts run, and more strings than they have.
MOST_SOURCES = 20
MOST_STRINGS = 2_000
LONGEST_PATH = 200

#: Scripts that are no R, and may call it.
SHELL_SCRIPTS = ("postBuild", "start")


@dataclass(frozen=True, kw_only=True)
class RFiles:
    """Paths are empty where there is no such file.

    `runs` are the script and what it runs, `copies` their texts, where they need nothing else. `called` are packages that install others,
    as far as `postBuild` and `start` name them.
    """

    script_path: str = ""
    script: RScript = field(default_factory=RScript)
    runs: tuple[str, ...] = ()
    copies: dict[str, str] = field(default_factory=dict)
    description_path: str = ""
    description: RDescription | None = None
    description_text: str = ""
    lock_path: str = ""
    lock: RenvLock | None = None
    lock_text: str = ""
    called: dict[str, Evidence] = field(default_factory=dict)

    @property
    def counts_description(self) -> bool:
        """As on Binder, a script decides what is installed, and not the description beside it."""
        return self.description is not None and not self.script_path

    @property
    def count(self) -> int:
        """How many files ask for something."""
        return bool(self.script_path) + (self.description is not None) + (self.lock is not None)

    @property
    def packages(self) -> Iterator[tuple[str, RPackage]]:
        """Every package that they name, with the path of the file."""
        for path, packages in (
            (self.script_path, self.script.packages),
            (self.description_path, self.description.dependencies if self.description else ()),
            (self.lock_path, self.lock.packages if self.lock else ()),
        ):
            yield from ((path, package) for package in packages)


def read_files(checkout: Checkout) -> RFiles:
    """Raise `InvalidRepositoryError` where one cannot be read."""
    found = RFiles()
    if path := checkout.config("install.R") or checkout.config("install.r"):
        script, texts, alone = _script(checkout, path)
        found = replace(
            found, script_path=path, script=script, runs=tuple(texts), copies=texts if alone else {}
        )
    if path := checkout.config("DESCRIPTION"):
        text, _ = _text(checkout, path)
        found = replace(
            found, description_path=path, description=read_description(text), description_text=text
        )
    if path := checkout.config("renv.lock"):
        text = checkout.read(path)
        found = replace(found, lock_path=path, lock=read_lock(text, path), lock_text=text)
    return replace(found, called=dict(_called(checkout)))


def _called(checkout: Checkout) -> Iterator[tuple[str, Evidence]]:
    seen: set[str] = set()
    for path in filter(None, map(checkout.config, SHELL_SCRIPTS)):
        lines = (inspect(checkout, path).text or "")[:LONGEST].split("\n")
        for number, line in enumerate(lines, 1):
            for tool in sorted(tools_in(line.partition("#")[0]) - seen):
                seen.add(tool)
                yield tool, Evidence(why=f"calls `{tool}`", file=path, line=number)


def _text(checkout: Checkout, path: str) -> tuple[str, bool]:
    """The text, and whether it is UTF-8: R reads any encoding, and so do scripts in Latin-1 work."""
    data = checkout.read_bytes(path)
    try:
        text, plain = data.decode("utf-8-sig"), True
    except UnicodeDecodeError:
        text, plain = data.decode("latin-1"), False
    return text.replace("\r\n", "\n").replace("\r", "\n"), plain


def _script(checkout: Checkout, path: str) -> tuple[RScript, dict[str, str], bool]:
    """The script with what it runs, their texts, and whether it can run with these before the checkout is there."""
    whole, copies, alone = RScript(), dict[str, str](), True
    pending = [path]
    while pending and len(copies) <= MOST_SOURCES:
        here = pending.pop(0)
        if here in copies:
            continue
        text, plain = _text(checkout, here)
        copies[here] = text
        script = read_script(text)
        alone = alone and plain and len(copies) <= MOST_SOURCES and not _needs_files(checkout, script, text)
        whole = script if here == path else _joined(whole, script)
        for name in script.sources:
            if "://" in name:
                continue
            target = checkout.inside(name)
            there = target is not None and checkout.has(target)
            alone = alone and there
            pending += [target] if there and target is not None else []
    return whole, copies, alone


def _joined(one: RScript, other: RScript) -> RScript:
    """Lines are those of the first."""
    names = {package.name for package in one.packages}
    line = one.packages[-1].line if one.packages else 1
    more = tuple(replace(p, line=line) for p in other.packages if p.name not in names)
    return replace(
        one,
        packages=(*one.packages, *more),
        strings=one.strings | other.strings,
        reads=one.reads or other.reads,
        unseen=one.unseen or other.unseen,
        tools=one.tools | other.tools,
    )


def _needs_files(checkout: Checkout, script: RScript, text: str) -> bool:
    """Whether it uses other files than those that it runs."""
    if script.uses_files or len(script.strings) > MOST_STRINGS:
        return True
    # A name that is both a package and a directory: without `repos = NULL` it is the package.
    names = set() if "NULL" in text else {package.name for package in script.packages}
    strings = [string for string in sorted(script.strings) if string and len(string) < LONGEST_PATH]
    there = [path for string in strings if (path := checkout.inside(string)) and checkout.has(path)]
    return any(path not in names or not checkout.is_dir(path) for path in there)
