"""F41: what a `Dockerfile` has to do so that a BinderHub can start its image.

It starts it with the command and the user id that it chooses; nobody but that user may be needed.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Iterator
from fnmatch import fnmatchcase

from r2i.check.dockerfile import (
    ParsedDockerfile,
    exec_form,
    has_id_1000,
    is_for_jupyter,
    is_plain,
    own_dockerfile,
    runs_as_root,
    tag_of,
)
from r2i.check.findings import Finding, Rule, Severity
from r2i.check.subject import Subject
from r2i.edits.fixes import Edit, Fix
from r2i.formats.dockerfile import Instruction

JUPYTER = re.compile(r"jupyter|\bnotebook\b|voila", re.IGNORECASE)
FETCHES = re.compile(r"nbgitpuller|\bgit\s+(?:-\S+\s+)*clone\b|\bgitpuller\b|\bcurl\b|\bwget\b|type=bind")
GIVES_AWAY = re.compile(r"\bchown\b|\bfix-permissions\b|\bchmod\b")
MAKES_USER = re.compile(r"\b(?:useradd|adduser)\b")
#: How a user gets another id than the first one that is free.
NUMBERED = re.compile(r"\s(?:-u|--uid|-r|-S|--system)\b")

SHELLS = frozenset({"sh", "bash", "dash", "zsh", "ash"})
#: Programs that take the command for arguments of their own.
TAKES_ALL = re.compile(r"jupyter(?:-\w+)?|python[\d.]*|ipython|R|Rscript|julia|node")

#: Files larger than this hold no list of packages, in bytes.
LARGEST_LIST = 1_000_000

#: Tags that stand for another image from time to time, however they go on: `latest-nb-omnibus`.
MOVING = re.compile(
    r"latest(?:[._-].*)?|.*[._-](?:latest|nightly)|stable|testing|lts|dev"
    r"|(?:nightly|edge|main|master|develop|devel|rolling|unstable)(?:[._-][A-Za-z._-]*)?"
)


def _base(own: ParsedDockerfile, _subject: Subject) -> Iterator[Finding]:
    for stage in own.stages:
        image = own.expanded(stage.base)
        if stage.inherits or image == "scratch" or "$" in image or not image:
            continue
        tag = tag_of(image)
        if tag is None or MOVING.fullmatch(tag):
            said = f"`FROM {stage.base}`" + (f", which is `{image}`," if image != stage.base else "")
            yield Finding(
                message=f"{said} does not pin a release of the image",
                file=own.path,
                line=stage.instructions[0].line,
                hint="Pin a release: use a tag with a version or date, or a digest",
            )


def _root(own: ParsedDockerfile, subject: Subject) -> Iterator[Finding]:
    last = own.last("USER")
    if last is None:
        if runs_as_root(own.base):
            yield Finding(
                message=f"There is no `USER` instruction, and `{own.base}` runs as root",
                file=own.path,
                line=own.chain[-1].instructions[0].line,
                hint="Create a user with the id `${NB_UID}`, and end the file with `USER ${NB_USER}`",
            )
    elif _user(own, last) in ("root", "0"):
        names_it = is_for_jupyter(own.base) or "NB_USER" in own.text
        end = len(subject.checkout.read_bytes(own.path))
        line = "\nUSER ${NB_USER}\n" if not own.text.endswith("\n") else "USER ${NB_USER}\n"
        append = Edit(file=own.path, start=end, end=end, text=line.encode())
        yield Finding(
            message="The image runs as root, because this is the last `USER` instruction",
            file=own.path,
            line=last.line,
            hint="End the file with `USER ${NB_USER}`",
            fix=Fix(title=f"End `{own.path}` with `USER ${{NB_USER}}`", edits=(append,))
            if names_it
            else None,
        )


def _user(own: ParsedDockerfile, instruction: Instruction) -> str:
    return own.expanded(instruction.value).strip().strip("\"'").partition(":")[0]


def _another_user(own: ParsedDockerfile, _subject: Subject) -> Iterator[Finding]:
    last = own.last("USER")
    user = _user(own, last) if last else ""
    if last is None or user in ("root", "0", "1000", "") or "$" in user or has_id_1000(user):
        return
    made = [own.expanded(i.value) for i in own.all_of("RUN") if MAKES_USER.search(i.value)]
    if any("1000" in command for command in made) or (not made and not user.isdigit()):
        return  # who knows whom the base image has
    if made and not NUMBERED.search(made[0]) and user in made[0]:
        return  # the first user gets the id 1000, where the base image has none
    yield Finding(
        message=f"A BinderHub runs the image as user id 1000, but `{user[:40]}` does not seem to have this id",
        file=own.path,
        line=last.line,
        hint="Declare `ARG NB_USER` and `ARG NB_UID`, and create the user with `--uid ${NB_UID}`",
    )


def _no_jupyter(own: ParsedDockerfile, subject: Subject) -> Iterator[Finding]:
    if not is_plain(own.base) or any(map(JUPYTER.search, _said(own, subject))):
        return
    yield Finding(
        message=f"The `Dockerfile` does not install Jupyter, and `{own.base}` does not contain it",
        file=own.path,
        line=own.chain[-1].instructions[0].line,
        hint="Install `jupyterlab` and `jupyterhub`",
    )


def _said(own: ParsedDockerfile, subject: Subject) -> Iterator[str]:
    """The instructions, what is copied from other images, and the files that the build reads, as far as it names them."""
    for instruction in own.instructions:
        yield instruction.value
    text = " ".join(i.value for i in own.all_of("RUN", "COPY", "ADD"))
    if re.search(r"--from=|https?://", text):
        yield "jupyter"  # from where we cannot see
    names = {posixpath.basename(word.strip("\"'[],;")) for word in text.split()}
    if re.search(r"\b(?:install|sync)\b", text):
        names |= {"pyproject.toml", "setup.py", "setup.cfg", "environment.yml"}
    for path, size in subject.files.items():
        if path != own.path and posixpath.basename(path) in names and size < LARGEST_LIST:
            yield subject.text(path) or ""


def _entrypoint(own: ParsedDockerfile, subject: Subject) -> Iterator[Finding]:
    last = own.last("ENTRYPOINT")
    if last is None or not (why := _swallows(subject, last.value)):
        return
    fix = None
    if why == "jupyter" and own.last("CMD") is None:
        at = _keyword_at(subject, own, last)
        change = Edit(file=own.path, start=at, end=at + len("ENTRYPOINT"), text=b"CMD")
        fix = Fix(title=f"Change `ENTRYPOINT` to `CMD` in `{own.path}`", edits=(change,))
    yield Finding(
        message="The `ENTRYPOINT` ignores its arguments, so a BinderHub cannot start Jupyter",
        file=own.path,
        line=last.line,
        hint="Change it to `CMD`" if why == "jupyter" else 'Remove it, or make it end with `exec "$@"`',
        fix=fix,
    )


def _swallows(subject: Subject, value: str) -> str | None:
    words = exec_form(value)
    if words is None:
        return "shell" if value.strip() else None
    if not words or '"$@"' in " ".join(words) or "$@" in words:
        return None
    program = posixpath.basename(words[0])
    if program in SHELLS:
        script = next((word for word in words[1:] if not word.startswith("-")), None)
        flags = [word for word in words[1:] if word.startswith("-") and "c" in word]
        return "shell" if script is None or flags else _swallowed_by_script(subject, script)
    if match := TAKES_ALL.fullmatch(program):
        return "jupyter" if match[0].startswith("jupyter") else "program"
    return _swallowed_by_script(subject, words[0])


def _swallowed_by_script(subject: Subject, program: str) -> str | None:
    """A script of the repository can be asked; another one is its author's business."""
    from r2i.buildpacks.start import hands_over

    name = posixpath.basename(program)
    texts = [subject.text(path) or "" for path in subject.files if posixpath.basename(path) == name]
    shells = [text for text in texts if re.match(r"#!.*sh\b", text)]
    return "script" if shells and not any(map(hands_over, shells)) else None


def _nothing_copied(own: ParsedDockerfile, subject: Subject) -> Iterator[Finding]:
    if any(FETCHES.search(i.value) for i in own.all_of("RUN")):
        return
    notebooks = [path for path in subject.files if path.endswith(".ipynb")]
    if not (is_plain(own.base) or is_for_jupyter(own.base)):
        return  # it may have the repository already, or copy it (`ONBUILD`)
    if "$" in own.base or any(_covers(copy, notebooks) for copy in own.all_of("COPY", "ADD")):
        return
    yield Finding(
        message="The `Dockerfile` does not copy the notebooks of the repository into the image"
        if notebooks
        else "The `Dockerfile` does not copy the repository into the image",
        file=own.path,
        line=own.chain[-1].instructions[0].line,
        hint="Add `COPY --chown=${NB_UID} . ${HOME}` below the creation of the user",
    )


def _copied_for_root(own: ParsedDockerfile, subject: Subject) -> Iterator[Finding]:
    notebooks = [path for path in subject.files if path.endswith(".ipynb")]
    last = own.last("USER")
    root = _user(own, last) in ("root", "0") if last else runs_as_root(own.base)
    if not notebooks or root:
        return
    for number, copy in enumerate(own.instructions):
        if copy.keyword not in ("COPY", "ADD") or "--chown" in copy.value or not _covers(copy, notebooks):
            continue
        if any(i.keyword == "RUN" and GIVES_AWAY.search(i.value) for i in own.instructions[number:]):
            continue
        yield Finding(
            message=f"`{copy.keyword}` without `--chown`: root owns the files, so the user cannot save notebooks",
            file=own.path,
            line=copy.line,
            hint=f"Write `{copy.keyword} --chown={_owner(own, copy) or '1000'}`",
            fix=_owned(own, subject, copy),
        )


def _owner(own: ParsedDockerfile, copy: Instruction) -> str | None:
    """The variable with the user; None where it is not known that there is one."""
    declared = {
        name
        for i in own.all_of("ARG", "ENV")
        if i.line < copy.line
        for name in re.findall(r"\bNB_(?:UID|USER)\b", i.value)
    }
    if is_for_jupyter(own.base):
        declared.add("NB_UID")
    variable = "NB_UID" if "NB_UID" in declared else "NB_USER"
    return f"${{{variable}}}" if declared else None


def _owned(own: ParsedDockerfile, subject: Subject, copy: Instruction) -> Fix | None:
    owner = _owner(own, copy)
    if owner is None:
        return None
    option = f" --chown={owner}"
    at = _keyword_at(subject, own, copy) + len(copy.keyword)
    return Fix(
        title=f"Make the user own the files that line {copy.line} of `{own.path}` copies",
        edits=(Edit(file=own.path, start=at, end=at, text=option.encode()),),
    )


def _keyword_at(subject: Subject, own: ParsedDockerfile, instruction: Instruction) -> int:
    """Where an instruction begins, in bytes."""
    data = subject.checkout.read_bytes(own.path)
    lines = data.split(b"\n")
    begin = sum(len(line) + 1 for line in lines[: instruction.line - 1])
    return data.upper().find(instruction.keyword.encode(), begin)


def _covers(copy: Instruction, notebooks: Iterable[str]) -> bool:
    """Whether it copies a notebook of the repository; where there is none, whether it copies anything of it."""
    words = exec_form(copy.value) or [word for word in copy.value.split() if not word.startswith("--")]
    if "--from=" in copy.value or len(words) < 2:
        return False
    sources = [re.sub(r"^\.?/", "", word).rstrip("/") for word in words[:-1] if "://" not in word]
    if not notebooks:
        return bool(sources)
    return any(
        source in ("", ".", "*")
        or "$" in source
        or fnmatchcase(path, source)
        or path.startswith(f"{source}/")
        for source in sources
        for path in notebooks
    )


def _rule(
    code: str,
    name: str,
    severity: Severity,
    why: str,
    find: Callable[[ParsedDockerfile, Subject], Iterable[Finding]],
) -> Rule:
    def of_subject(subject: Subject) -> Iterable[Finding]:
        path = subject.config("Dockerfile")
        text = subject.text(path) if path else None
        own = own_dockerfile(path, text) if path and text else None
        return find(own, subject) if own else ()

    return Rule(code=code, name=name, severity=severity, why=why, find=of_subject)


RULES = (
    _rule(
        "F411",
        "base-not-pinned",
        "info",
        "If the base image changes, the same `Dockerfile` gives a different image.",
        _base,
    ),
    _rule(
        "F412",
        "runs-as-root",
        "error",
        "A BinderHub runs the image as an ordinary user, who cannot write to files of root.",
        _root,
    ),
    _rule(
        "F413",
        "another-user-id",
        "warning",
        "A BinderHub uses the user id 1000, which must own the home directory.",
        _another_user,
    ),
    _rule(
        "F414",
        "no-jupyter",
        "error",
        "A BinderHub starts `jupyter-lab`, `jupyter-notebook` or `jupyterhub-singleuser` in the image.",
        _no_jupyter,
    ),
    _rule(
        "F415",
        "entrypoint-swallows-command",
        "error",
        "A BinderHub passes the command to run as arguments, with the address and the token of the session.",
        _entrypoint,
    ),
    _rule(
        "F416",
        "repository-not-copied",
        "warning",
        "If there is a `Dockerfile`, only it copies the repository into the image.",
        _nothing_copied,
    ),
    _rule(
        "F417",
        "copied-for-root",
        "warning",
        "Root owns files that `COPY` creates, regardless of `USER`.",
        _copied_for_root,
    ),
)
