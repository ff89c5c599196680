"""The files that a Nix environment is made of: the one that defines it, and what that one imports and reads."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from r2i.checkout import Checkout
from r2i.errors import InvalidRepositoryError, R2iError
from r2i.formats.nix.language import NixPath, code_of, paths, required_arguments, search_paths
from r2i.model import Evidence
from r2i.quoting import printable

FLAKE, LOCK = "flake.nix", "flake.lock"

#: Real environments have a dozen files, of some thousand characters each.
MOST_FILES, MOST_CHARACTERS = 200, 2_000_000

#: A flake is also the directory in which it lies.
ITSELF = re.compile(
    r"\$\{\s*self\s*\}|=\s*self\s*;|\bself\s*\+|\bself\s*\.\s*outPath\b|\binherit\s[^(;]*\bself\b"
)
INPUTS = re.compile(r"(?<![\w.'-])inputs\s*(?:=\s*\{\s*(?!\})|\.)")

#: What makes of a flake what `nix-shell` takes: of the directory it reads the flake alone.
COMPATIBLE = re.compile(r"flake-compat")

JUPYTER = re.compile(r"jupyter|notebook\b")
KERNEL = re.compile(r"jupyter|notebook\b|ipykernel")
PYTHON = re.compile(r"(?<![A-Za-z])python(?:[23]\d*)?(?![a-z])|mach-nix|poetry2nix")

#: A command of the hook that would run in place of the image's own.
HOOK = re.compile(r"shellHook\s*=\s*''(?P<script>.*?)''(?![$\\'])", re.DOTALL)
SERVER = re.compile(
    r"^[ \t]*(?:exec[ \t]+)?jupyter[ -](?:lab|notebook)(?=[ \t]*(?:$|[-.$\w/]+\.ipynb|--|\.|&(?!&)))",
    re.MULTILINE,
)


@dataclass(frozen=True, kw_only=True)
class NixFiles:
    """`texts` are all that evaluation reads, by path, `path` the one that defines the environment. `whole` says why it reads more than
    these: then nobody knows which files. `channels` are the names in `NIX_PATH` that are asked for, each with its first use.

    `unlocked` is where a flake has inputs that no lock pins, `server` where the environment starts Jupyter by itself, `required` are arguments that
    nobody gives. `has_jupyter`, `has_kernel` and `has_python` say that some file has a word for it.
    """

    path: str
    texts: dict[str, str] = field(default_factory=dict)
    whole: Evidence | None = None
    channels: dict[str, Evidence] = field(default_factory=dict)
    unlocked: Evidence | None = None
    server: Evidence | None = None
    required: tuple[str, ...] = ()
    has_jupyter: bool = False
    has_kernel: bool = False
    has_python: bool = False


def read_nix_files(checkout: Checkout, path: str) -> NixFiles:
    """Read the file and all that it names; raises `InvalidRepositoryError` where the file itself, or its lock, is wrong."""
    text = checkout.read(path)
    code = code_of(text)
    if not code.strip():
        raise InvalidRepositoryError(
            f"`{path}` is empty",
            file=path,
            hint="Write an expression of Nix, such as a `mkShell`, or delete the file",
        )
    texts, codes, whole = _reachable(checkout, path, text)
    channels: dict[str, Evidence] = {}
    for file, said in codes.items():
        for name, line in search_paths(said):
            channels.setdefault(name, Evidence(why=f"`<{name}>`", file=file, line=line))
    words = "\n".join(codes.values())
    return NixFiles(
        path=path,
        texts=texts,
        whole=whole,
        channels=channels,
        unlocked=next(_unlocked(texts, codes), None),
        server=next(_servers(texts, codes), None),
        required=() if path.endswith(FLAKE) else required_arguments(code),
        # Names of packages may be in strings, and those of Python in files that are read.
        has_jupyter=any(map(JUPYTER.search, texts.values())),
        has_kernel=any(map(KERNEL.search, texts.values())),
        has_python=PYTHON.search(words) is not None,
    )


def _reachable(
    checkout: Checkout, path: str, text: str
) -> tuple[dict[str, str], dict[str, str], Evidence | None]:
    """What is reached from the file: texts, the code of those in the language, and why all else may be reached, too."""
    texts, codes = {path: text}, dict[str, str]()
    whole: Evidence | None = None
    pending = [path]
    while pending:
        file = pending.pop()
        codes[file] = code = code_of(texts[file])
        found = [*_beside(checkout, file)]
        for named in paths(code):
            reached, why = _named(checkout, file, named, texts[file])
            found += reached
            whole = whole or why
        if posixpath.basename(file) == FLAKE and (used := ITSELF.search(code)):
            line = code.count("\n", 0, used.start()) + 1
            whole = whole or Evidence(why="`self` is the whole directory", file=file, line=line)
        for one in found:
            if one in texts:
                continue
            said = _text(checkout, one)
            if said is None or len(texts) >= MOST_FILES or sum(map(len, texts.values())) > MOST_CHARACTERS:
                whole = whole or Evidence(why=f"`{printable(one)}` is read, and is no text", file=file)
                continue
            texts[one] = said
            pending += [one] if one.endswith(".nix") else []
    return dict(sorted(texts.items())), codes, whole


def _beside(checkout: Checkout, file: str) -> Iterator[str]:
    """The lock of a flake; raises where it is broken."""
    lock = posixpath.join(posixpath.dirname(file), LOCK)
    if posixpath.basename(file) != FLAKE or not checkout.has(lock):
        return
    try:
        json.loads(checkout.read(lock))
    except (RecursionError, json.JSONDecodeError) as error:
        raise InvalidRepositoryError(
            f"`{lock}` is not valid JSON",
            file=lock,
            line=getattr(error, "lineno", 1),
            hint="Write it again with `nix flake lock`",
        ) from error
    yield lock


def _named(checkout: Checkout, file: str, named: NixPath, text: str) -> tuple[list[str], Evidence | None]:
    """The files that a path stands for, or why nobody knows which."""
    path = checkout.inside(named.path, relative_to=file)
    if path is None or not checkout.has(path):
        return [], None
    where = Evidence(why=f"`{printable(named.path)}`", file=file, line=named.line)
    if named.computed:
        return [], _whole(where, "has a part that only evaluation tells")
    if not checkout.is_dir(path):
        return [path], None
    directory = "" if path == "." else path
    if named.imported and checkout.has(default := posixpath.join(directory, "default.nix")):
        return [default], None
    if COMPATIBLE.search(text) and checkout.has(flake := posixpath.join(directory, FLAKE)):
        return [flake], None
    return [], _whole(where, "is a whole directory")


def _whole(where: Evidence, why: str) -> Evidence:
    return Evidence(why=f"{where.why} {why}", file=where.file, line=where.line)


def _text(checkout: Checkout, path: str) -> str | None:
    """What a file says that need not be there; None where it is no text that r2i would read."""
    try:
        return checkout.read(path)
    except R2iError:
        return None


def _unlocked(texts: dict[str, str], codes: dict[str, str]) -> Iterator[Evidence]:
    for file, code in codes.items():
        lock = posixpath.join(posixpath.dirname(file), LOCK)
        if posixpath.basename(file) == FLAKE and lock not in texts and (used := INPUTS.search(code)):
            line = code.count("\n", 0, used.start()) + 1
            yield Evidence(why="inputs that no `flake.lock` pins", file=file, line=line)


def _servers(texts: dict[str, str], codes: dict[str, str]) -> Iterator[Evidence]:
    for file in codes:
        for hook in HOOK.finditer(texts[file]):
            if started := SERVER.search(hook["script"]):
                at = hook.start("script") + started.start()
                line = texts[file].count("\n", 0, at) + 1
                yield Evidence(why=f"`{started[0].strip()}`", file=file, line=line)
