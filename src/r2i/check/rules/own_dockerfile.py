"""F41: what a `Dockerfile` has to do so that a BinderHub can start its image.

It starts it with the command and the user id that it chooses; nobody but that user may be needed.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Iterator
from fnmatch import fnmatchcase

from r2i.check.dockerfile import (
    OwnDockerfile,
    exec_form,
    has_id_1000,
    is_for_jupyter,
    is_plain,
    own_dockerfile,
    runs_as_root,
    tag_of,
)
from r2i.check.findings import Edit, Finding, Fix, Rule, Severity
from r2i.check.subject import Subject
from r2i.engines.instructions import Instruction

JUPYTER = re.compile(r"jupyter|\bnotebook\b|voila", re.IGNORECASE)
FETCHES = re.compile(r"\bgit\s+(?:-\S+\s+)*clone\b|\bgitpuller\b|\bcurl\b|\bwget\b|type=bind")
GIVES_AWAY = re.compile(r"\bchown\b|\bfix-permissions\b|\bchmod\b")
MAKES_USER = re.compile(r"\b(?:useradd|adduser)\b")

SHELLS = frozenset({"sh", "bash", "dash", "zsh", "ash"})
#: Programs that take the command for arguments of their own.
TAKES_ALL = re.compile(r"jupyter(?:-\w+)?|python[\d.]*|ipython|R|Rscript|julia|node")

#: Files larger than this hold no list of packages, in bytes.
LARGEST_LIST = 1_000_000


def _base(own: OwnDockerfile, _subject: Subject) -> Iterator[Finding]:
    for stage in own.stages:
        image = own.expanded(stage.base)
        if stage.inherits or image == "scratch" or "$" in image or not image:
            continue
        if tag_of(image) in (None, "latest"):
            yield Finding(
                message=f"`FROM {image}` is another image next year",
                file=own.path,
                line=stage.instructions[0].line,
                hint="Name a release: a tag that says a version or a date, or a digest",
            )


def _root(own: OwnDockerfile, subject: Subject) -> Iterator[Finding]:
    last = own.last("USER")
    if last is None:
        if runs_as_root(own.base):
            yield Finding(
                message=f"There is no `USER`, and `{own.base}` runs as root",
                file=own.path,
                line=own.chain[-1].instructions[0].line,
                hint="Make a user with the id `${NB_UID}`, and end with `USER ${NB_USER}`",
            )
    elif _user(own, last) in ("root", "0"):
        names_it = is_for_jupyter(own.base) or "NB_USER" in own.text
        end = len(subject.checkout.read_bytes(own.path))
        line = "\nUSER ${NB_USER}\n" if not own.text.endswith("\n") else "USER ${NB_USER}\n"
        append = Edit(file=own.path, start=end, end=end, text=line.encode())
        yield Finding(
            message="The image runs as root: this is its last `USER`",
            file=own.path,
            line=last.line,
            hint="End with `USER ${NB_USER}`",
            fix=Fix(title=f"End `{own.path}` with `USER ${{NB_USER}}`", edits=(append,))
            if names_it
            else None,
        )


def _user(own: OwnDockerfile, instruction: Instruction) -> str:
    return own.expanded(instruction.value).strip().strip("\"'").partition(":")[0]


def _another_user(own: OwnDockerfile, _subject: Subject) -> Iterator[Finding]:
    last = own.last("USER")
    user = _user(own, last) if last else ""
    if last is None or user in ("root", "0", "1000", "") or "$" in user or has_id_1000(user):
        return
    made = [own.expanded(i.value) for i in own.all_of("RUN") if MAKES_USER.search(i.value)]
    if any("1000" in command for command in made) or (not made and not user.isdigit()):
        return  # who knows whom the base image has
    yield Finding(
        message=f"A BinderHub runs the image as the user id 1000, and nothing says that `{user[:40]}` has it",
        file=own.path,
        line=last.line,
        hint="Declare `ARG NB_USER` and `ARG NB_UID`, and make the user with `--uid ${NB_UID}`",
    )


def _no_jupyter(own: OwnDockerfile, subject: Subject) -> Iterator[Finding]:
    if not is_plain(own.base) or any(map(JUPYTER.search, _said(own, subject))):
        return
    yield Finding(
        message=f"Nothing here installs Jupyter, and `{own.base}` has none",
        file=own.path,
        line=own.chain[-1].instructions[0].line,
        hint="Install `jupyterlab` and `jupyterhub` for the user",
    )


def _said(own: OwnDockerfile, subject: Subject) -> Iterator[str]:
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


def _entrypoint(own: OwnDockerfile, subject: Subject) -> Iterator[Finding]:
    last = own.last("ENTRYPOINT")
    if last is None or not (why := _swallows(subject, last.value)):
        return
    fix = None
    if why == "jupyter" and own.last("CMD") is None:
        at = _keyword_at(subject, own, last)
        change = Edit(file=own.path, start=at, end=at + len("ENTRYPOINT"), text=b"CMD")
        fix = Fix(title=f"Make it a `CMD` in `{own.path}`", edits=(change,))
    yield Finding(
        message="The `ENTRYPOINT` does not run the command that it is given, and so no Jupyter of a BinderHub",
        file=own.path,
        line=last.line,
        hint="Make it a `CMD`" if why == "jupyter" else 'Remove it, or let it end with `exec "$@"`',
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


def _nothing_copied(own: OwnDockerfile, subject: Subject) -> Iterator[Finding]:
    if any(FETCHES.search(i.value) for i in own.all_of("RUN")):
        return
    notebooks = [path for path in subject.files if path.endswith(".ipynb")]
    if "$" in own.base or any(_covers(copy, notebooks) for copy in own.all_of("COPY", "ADD")):
        return
    yield Finding(
        message="The notebooks of the repository are not copied into the image"
        if notebooks
        else "Nothing of the repository is copied into the image",
        file=own.path,
        line=own.chain[-1].instructions[0].line,
        hint="Add `COPY --chown=${NB_UID} . ${HOME}`, below the `USER` and his home",
    )


def _copied_for_root(own: OwnDockerfile, subject: Subject) -> Iterator[Finding]:
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
            message=f"`{copy.keyword}` without `--chown`: the files belong to root, and the user cannot save a notebook",
            file=own.path,
            line=copy.line,
            hint=f"Write `{copy.keyword} --chown={_owner(own, copy) or '1000'}`",
            fix=_owned(own, subject, copy),
        )


def _owner(own: OwnDockerfile, copy: Instruction) -> str | None:
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


def _owned(own: OwnDockerfile, subject: Subject, copy: Instruction) -> Fix | None:
    owner = _owner(own, copy)
    if owner is None:
        return None
    option = f" --chown={owner}"
    at = _keyword_at(subject, own, copy) + len(copy.keyword)
    return Fix(
        title=f"Give what line {copy.line} of `{own.path}` copies to the user",
        edits=(Edit(file=own.path, start=at, end=at, text=option.encode()),),
    )


def _keyword_at(subject: Subject, own: OwnDockerfile, instruction: Instruction) -> int:
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
    find: Callable[[OwnDockerfile, Subject], Iterable[Finding]],
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
        "warning",
        "A tag that moves makes another image of the same `Dockerfile`.",
        _base,
    ),
    _rule(
        "F412",
        "runs-as-root",
        "error",
        "A BinderHub starts the image as an ordinary user, who cannot use what belongs to root.",
        _root,
    ),
    _rule(
        "F413",
        "another-user-id",
        "warning",
        "The user id of a BinderHub is 1000, and the home directory must belong to it.",
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
        "A BinderHub gives the image the command to run, with the address and the token of the session.",
        _entrypoint,
    ),
    _rule(
        "F416",
        "repository-not-copied",
        "warning",
        "Where there is a `Dockerfile`, nobody else puts the repository into the image.",
        _nothing_copied,
    ),
    _rule(
        "F417",
        "copied-for-root",
        "warning",
        "What `COPY` makes belongs to root, whatever `USER` says.",
        _copied_for_root,
    ),
)
