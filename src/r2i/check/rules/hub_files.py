"""F203, F212, F418: files that a hub cannot fetch, does not find, or does not read."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass

from r2i.check.dockerfile import ParsedDockerfile, exec_form, own_dockerfile
from r2i.check.findings import Finding, Rule
from r2i.check.scripts import scripts
from r2i.check.subject import Subject
from r2i.checkout import CONFIG_DIRECTORIES
from r2i.edits.applying import line_edit, line_text
from r2i.edits.fixes import Fix
from r2i.formats.dockerfile import Instruction

#: Addresses that git reaches with a key of its user alone: the host, and the path there.
SSH = re.compile(
    r"(?:git\+)?(?:ssh|git\+ssh)://(?:[\w.-]+@)?(?P<host>[\w.-]+)(?::\d+)?/(?P<path>\S+)|(?:git\+)?git@(?P<host2>[\w.-]+):(?P<path2>\S+)"
)
#: Where what is public can be fetched by HTTPS from the same path.
PUBLIC = frozenset({"github.com", "gitlab.com", "bitbucket.org", "codeberg.org", "gist.github.com"})

#: How a script gets a key, or does without one.
HAS_KEY = re.compile(
    r"insteadOf|ssh-(?:add|agent|keygen|keyscan)|\bid_(?:rsa|ed25519)\b|GIT_SSH", re.IGNORECASE
)

#: Settings of Jupyter that are read below `~/.jupyter` and in the directory where it starts.
SETTINGS = re.compile(r"jupyter_(?:config|lab_config|notebook_config|server_config)\.(?:json|py)")

HEADER = re.compile(r'\s*\[\s*submodule\s+"(?P<name>[^"]*)"\s*\]\s*')
VALUE = re.compile(r"\s*(?P<key>\w+)\s*=\s*(?P<value>.*?)\s*")


@dataclass
class Submodule:
    """A section of `.gitmodules`, and in which line its address is."""

    path: str = ""
    url: str = ""
    line: int = 0
    update: str = ""


def public_address(address: str) -> str | None:
    """The address of the same repository that needs no key; empty where the host is not known to have one, None where it needs none."""
    match = SSH.fullmatch(address)
    if match is None:
        return None
    host, path = match["host"] or match["host2"], match["path"] or match["path2"]
    return f"https://{host}/{path.lstrip('/')}" if host in PUBLIC else ""


def _by_ssh(subject: Subject) -> Iterator[Finding]:
    for one in _submodules(subject):
        if subject.git is not None and one.path in subject.git.submodules and one.update != "none":
            yield from _unreachable(subject, ".gitmodules", one.line, one.url, f"The submodule `{one.path}`")
    for asked in subject.declared:
        address = asked.url.partition("#")[0]
        at = address.rfind("@")
        bare = address[:at] if at > address.find("/", 10) > 0 else address
        yield from _unreachable(
            subject, asked.file, asked.line, bare, f"`{asked.name or asked.text}`", pip=True
        )
    for script in subject.once(scripts):
        for line in script.lines if not HAS_KEY.search(script.beginning) else ():
            guarded = any("||" in raw for raw in script.raw[line.first - 1 : line.last])
            for command in line.commands if not guarded else ():
                if command[:2] == ("git", "clone"):
                    for word in command[2:]:
                        yield from _unreachable(subject, script.path, line.first, word, f"`git clone {word}`")


def _unreachable(
    subject: Subject, file: str, line: int, address: str, what: str, *, pip: bool = False
) -> Iterator[Finding]:
    public = public_address(address)
    if public is None:
        return
    new = f"git+{public}" if pip and public else public
    raw = line_text(subject.checkout, file, line)
    fix = None
    if new and raw is not None and raw.count(address) == 1:
        edit = line_edit(subject.checkout, file, line, raw.replace(address, new))
        fix = Fix(title=f"Write `{new}` in line {line} of `{file}`", edits=(edit,))
    yield Finding(
        message=f"{what} is fetched over SSH, for which a hub has no key",
        file=file,
        line=line,
        hint=f"Write `{new}`"
        if new
        else "Use the `https://` address of a repository that everybody can read",
        fix=fix,
    )


def _submodules(subject: Subject) -> Iterator[Submodule]:
    text = subject.text(".gitmodules") if ".gitmodules" in subject.files else None
    found: list[Submodule] = []
    for number, line in enumerate((text or "").split("\n"), 1):
        if HEADER.fullmatch(line):
            found.append(Submodule())
        elif found and (value := VALUE.fullmatch(line)):
            _take(found[-1], value["key"], value["value"].strip('"'), number)
    yield from found


def _take(one: Submodule, key: str, value: str, number: int) -> None:
    """Take a line of the section."""
    if key == "path":
        one.path = value
    elif key == "url":
        one.url, one.line = value, number
    elif key == "update":
        one.update = value


def _not_in_context(subject: Subject) -> Iterator[Finding]:
    path = subject.config("Dockerfile")
    text = subject.text(path) if path else None
    own = own_dockerfile(path, text) if path and text and subject.config_dir else None
    for copy in own.all_of("COPY", "ADD") if own else ():
        for source in _sources(copy, own) if own else ():
            beside = posixpath.join(subject.config_dir, source)
            if _is_there(subject, source) or not _is_there(subject, beside):
                continue
            yield Finding(
                message=f"`{copy.keyword} {source}` finds nothing: its files are those of the repository's root, not of `{subject.config_dir}/`",
                file=path,
                line=copy.line,
                hint=f"Write `{copy.keyword} {beside}`",
                fix=_from_root(subject, copy, source, beside, path or ""),
            )


def _sources(copy: Instruction, own: ParsedDockerfile) -> Iterator[str]:
    """The files of the context that it names, as far as they are plain."""
    if copy.values_of("--from") or "<<" in copy.value:
        return
    words = exec_form(copy.arguments) or copy.arguments.split()
    for word in words[:-1]:
        source = own.expanded(word.strip("\"'"))
        if not re.search(r"[$*?\[]|://|^git@", source):
            yield posixpath.normpath(source.lstrip("/")) if source.strip("./") else "."


def _is_there(subject: Subject, path: str) -> bool:
    return path in (".", "") or subject.checkout.has(path) or subject.checkout.is_dir(path)


def _from_root(subject: Subject, copy: Instruction, source: str, beside: str, path: str) -> Fix | None:
    raw = line_text(subject.checkout, path, copy.line)
    word = re.compile(rf"(?<=[\s\[\"',])(?:\./|/)?{re.escape(source)}(?=[\s\"',])")
    if raw is None or len(word.findall(raw)) != 1:
        return None
    edit = line_edit(subject.checkout, path, copy.line, word.sub(lambda _: beside, raw))
    return Fix(title=f"Copy `{beside}` in line {copy.line} of `{path}`", edits=(edit,))


def _settings_not_read(subject: Subject) -> Iterator[Finding]:
    if subject.config_dir not in CONFIG_DIRECTORIES:
        return
    said = "\n".join(
        subject.text(file) or ""
        for name in ("Dockerfile", "postBuild", "start")
        if (file := subject.config(name))
    )
    for file in subject.files:
        directory, _, name = file.rpartition("/")
        if directory != subject.config_dir or not SETTINGS.fullmatch(name):
            continue
        if re.search(
            rf"{re.escape(name)}|jupyter_\*|{re.escape(directory)}/(?:\*|\.|\s|$)|JUPYTER_CONFIG", said
        ):
            continue
        new = f".jupyter/{name}"
        free = not subject.checkout.has(new) and not subject.config("Dockerfile")
        yield Finding(
            message=f"Nothing reads `{file}`: Jupyter looks for it in `~/.jupyter`, not in `{directory}/`",
            file=file,
            hint=f"Move it to `{new}`, which is below the home directory on Binder",
            fix=Fix(title=f"Move `{file}` to `{new}`", renamed=((file, new),)) if free else None,
        )


NOT_READ = Rule(
    code="F203",
    name="jupyter-settings-not-read",
    severity="warning",
    why="Jupyter reads its settings in `~/.jupyter` and where it starts, and does not know the `binder` directory.",
    find=_settings_not_read,
)
BY_SSH = Rule(
    code="F212",
    name="fetched-by-ssh",
    severity="error",
    why="A hub has none of your keys, so git cannot fetch over SSH there.",
    find=_by_ssh,
)
NOT_IN_CONTEXT = Rule(
    code="F418",
    name="copied-from-config-directory",
    severity="error",
    why="Binder and r2i build a `Dockerfile` with the files of the repository's root, wherever it lies.",
    find=_not_in_context,
)

RULES = (NOT_READ, BY_SSH, NOT_IN_CONTEXT)
