"""F11: `runtime.txt`, which r2i reads with more patience than Binder does."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from r2i.check.findings import Finding, Rule
from r2i.check.subject import Subject
from r2i.check.targets import BINDER_ONLY, Targets
from r2i.edits.fixes import Edit, Fix
from r2i.errors import R2iError
from r2i.facts.julia import release_number, releases
from r2i.formats.julia.files import MANIFESTS, PROJECTS
from r2i.formats.language_versions import minor_of

FILE = "runtime.txt"

#: What Binder splits at its hyphens is the whole file.
OF_BINDER = re.compile(
    r"(?:python-(?:2\.7|3(?:\.\d{1,2})?)|r-(?:\d+\.\d+(?:\.\d+)?-)?\d{4}-\d{2}-\d{2})", re.ASCII
)
PYTHON = re.compile(r"\bpython[\s=_-]*v?((?:2\.7|3\.\d{1,2}))(?:\.\d+)?(?![\d.])", re.ASCII | re.IGNORECASE)
OF_JULIA = re.compile(r"julia-(\d+(?:\.\d+){0,2})", re.ASCII)
DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
LANGUAGE_R = re.compile(r"^[ \t]*r\b", re.IGNORECASE | re.MULTILINE)

#: A line that pip would understand.
REQUIREMENT = re.compile(r"^[A-Za-z][\w.-]*(?:\[[\w,-]+\])?[ \t]*(?:==|>=|~=|<)", re.MULTILINE)

#: Binder refuses R packages of earlier days, because their server, MRAN, no longer exists.
FIRST_DATE = "2018-12-07"
LAST_DATE = re.compile(r"\d{4}-\d{2}-\d{2}$", re.ASCII)
R_VERSION, R_OF_FIRST_DATE = re.compile(r"r-(\d+\.\d+(?:\.\d+)?)-", re.ASCII), "3.5"
#: Beside these Binder does not ask it for R.
STRONGER_THAN_R = ("Dockerfile", *PROJECTS, "default.nix")

#: Beside these Binder does not look at it.
STRONGER = ("default.nix", "environment.yml", "environment.yaml", "Pipfile.lock", "Pipfile")


def _malformed(subject: Subject) -> Iterator[Finding]:
    path = subject.config(FILE)
    text = subject.text(path) if path else None
    if path is None or not text or _stronger(subject) or subject.config("Dockerfile"):
        return
    said = text.strip()
    if not said or OF_BINDER.fullmatch(said) or _is_r_without_date(said) or OF_JULIA.fullmatch(said):
        return
    number = next(
        (n for n, line in enumerate(text.split("\n"), 1) if line and not OF_BINDER.fullmatch(line)), 1
    )
    error = subject.planned
    if isinstance(error, R2iError) and error.file == path and error.line:
        number = error.line
    hint, fix = _right(subject, path, text)
    yield Finding(
        message=_not_understood(path, text, number),
        file=path,
        line=number,
        hint=hint,
        fix=fix,
        targets=_unless_refused(subject, path),
    )


def _right(subject: Subject, path: str, text: str) -> tuple[str, Fix | None]:
    """What to write, and the fix where that is plain."""
    said = text.strip()
    versions = [f"python-{version}" for version in dict.fromkeys(PYTHON.findall(text))]
    versions += [f"r-{said}"] if DATE.fullmatch(said) else []
    if REQUIREMENT.search(text):
        return f"Rename it to `{subject.config_path('requirements.txt')}`, which lists packages", None
    if LANGUAGE_R.search(text):
        return f"Write only one line, such as `r-4.4-2024-10-31`, into `{path}`", None
    if len(versions) != 1:
        return f"Write only `python-3.12` into `{path}`", None
    right, end = versions[0], len(subject.checkout.read_bytes(path))
    whole = Edit(file=path, start=0, end=end, text=f"{right}\n".encode())
    return f"Write only `{right}` into `{path}`", Fix(title=f"Write `{right}` into `{path}`", edits=(whole,))


def _not_understood(path: str, text: str, number: int) -> str:
    lines = text.split("\n")
    shown = lines[number - 1].strip() if number <= len(lines) else text.strip()
    several = [line for line in lines if OF_BINDER.fullmatch(line.strip())]
    if len(several) > 1 and shown in several:
        return (
            f"Binder reads all of `{path}` as one version, and does not understand its {len(several)} lines"
        )
    return f"Binder does not understand `{shown[:60]}` in `{path}`"


def other_language(subject: Subject) -> bool:
    """Whether the file names another language than R, which this or another rule speaks of."""
    path = subject.config(FILE)
    text = (subject.text(path) if path else None) or ""
    return path is not None and not _is_r_without_date(text.strip())


def _unless_refused(subject: Subject, path: str) -> Targets | None:
    """Those of a file that Binder refuses, and perhaps r2i, too."""
    error = subject.planned
    return None if isinstance(error, R2iError) and error.file == path else BINDER_ONLY


def _julia(subject: Subject) -> Iterator[Finding]:
    path = subject.config(FILE)
    text = (subject.text(path) if path else None) or ""
    found = OF_JULIA.fullmatch(text.strip())
    if path is None or found is None or subject.config("Dockerfile"):
        return
    project = next((there for name in PROJECTS if (there := subject.config(name))), None)
    line = f'julia = "{found[1]}"'
    if project is None:
        here = subject.config_path(PROJECTS[-1])
        hint = f"Add `{here}` with `[compat]` and `{line}`, by which Binder installs Julia"
    elif "julia" in _compat(subject, project):
        hint = f"Delete it: `[compat]` in `{project}` chooses Julia"
    else:
        hint = f"Write `{line}` below `[compat]` in `{project}`, and delete this file"
    yield Finding(
        message=f"Binder ignores `{found[0]}` in `{path}`",
        file=path,
        line=text.split(found[0])[0].count("\n") + 1,
        hint=hint,
        severity=None if _is_resolved(subject, project) and not _is_newest(found[1]) else "info",
    )


def _is_resolved(subject: Subject, project: str | None) -> bool:
    """Whether a manifest beside the project has versions that fit this Julia, and perhaps no other one."""
    return project is not None and any(subject.config(name) for name in MANIFESTS)


def _is_newest(asked: str) -> bool:
    """Whether it is what Binder takes where nothing chooses."""
    newest, parts = max(map(release_number, releases())), asked.split(".")[:2]
    return parts == [str(number) for number in newest[: len(parts)]]


def _compat(subject: Subject, project: str) -> Mapping[str, object]:
    try:
        table = subject.checkout.read_toml(project).get("compat", {})
    except R2iError:
        return {}  # which is said already
    return table if isinstance(table, dict) else {}


def _date_refused(subject: Subject) -> Iterator[Finding]:
    path = subject.config(FILE)
    text = (subject.text(path) if path else None) or ""
    said = text.strip()
    if path is None or any(map(subject.config, STRONGER_THAN_R)) or not OF_BINDER.fullmatch(said):
        return
    date = LAST_DATE.search(said) if said.startswith("r-") else None
    if date and date[0] < FIRST_DATE:
        version = R_VERSION.match(said)
        # Without a version Binder takes a newer R than the packages can be compiled with.
        right = f"r-{version[1] if version else R_OF_FIRST_DATE}-{FIRST_DATE}"
        yield Finding(
            message=f"Binder refuses R packages of {date[0]}, because their server (MRAN) no longer exists",
            file=path,
            line=text.split(said)[0].count("\n") + 1,
            hint=f"Write `{right}` into `{path}`: this is the first date that Binder accepts",
            targets=_unless_refused(subject, path),
        )


def _is_r_without_date(said: str) -> bool:
    """Not Binder's default, but what r2i says of it is more."""
    return re.fullmatch(r"r(-[\d.]+)?", said, re.IGNORECASE) is not None


def _stronger(subject: Subject) -> str | None:
    return next((path for name in STRONGER if (path := subject.config(name))), None)


def _ignored(subject: Subject) -> Iterator[Finding]:
    path, stronger, plan = subject.config(FILE), _stronger(subject), subject.plan
    if path is None or stronger is None or plan is None or plan.python is None:
        return
    for notice in plan.notices:
        if notice.level == "warning" and notice.file == path and "takes precedence" in notice.message:
            yield Finding(
                message=notice.message,
                file=path,
                line=notice.line,
                hint=f"Delete `{path}`, or change the version in `{stronger}`",
            )
    evidence = plan.python.evidence
    if evidence.file == path:
        version = minor_of(plan.python.version)
        yield Finding(
            message=f"Binder ignores `{path}` because of `{stronger}`, which does not require Python {version}",
            file=path,
            line=evidence.line,
            hint=how_to_ask(subject, stronger, version),
            fix=in_environment(subject, stronger, version),
            targets=BINDER_ONLY,
        )


def how_to_ask(subject: Subject, stronger: str, version: str) -> str:
    if stronger.endswith((".yml", ".yaml")):
        return f"Add `python={version}` to `{stronger}`"
    hint = f'Set `python_version = "{version}"` below `[requires]` in `{stronger.removesuffix(".lock")}`'
    return f"{hint}, and run `pipenv lock`" if subject.config("Pipfile.lock") else hint


def in_environment(subject: Subject, path: str, version: str) -> Fix | None:
    """A first dependency, written as the one that is first now."""
    if not path.endswith((".yml", ".yaml")):
        return None
    data = subject.checkout.read_bytes(path)
    match = re.search(rb"^dependencies:[ \t]*(\r?\n)(?=([ \t]*-[ \t]+)[\w\"'])", data, re.MULTILINE)
    if match is None or re.search(rb"^[ \t]*-[ \t]+[\"']?python\b", data, re.MULTILINE):
        return None
    added = match[2] + f"python={version}".encode() + match[1]
    return Fix(
        title=f"Add `python={version}` to `{path}`",
        edits=(Edit(file=path, start=match.end(), end=match.end(), text=added),),
    )


RULES = (
    Rule(
        code="F111",
        name="runtime-malformed",
        severity="error",
        why="Binder reads the whole file as one version; otherwise the build fails or uses another Python version.",
        find=_malformed,
        varying=True,
    ),
    Rule(
        code="F112",
        name="runtime-ignored",
        severity="info",
        why="Binder ignores `runtime.txt` if `environment.yml` or `Pipfile` defines the environment.",
        find=_ignored,
        varying=True,
    ),
    Rule(
        code="F113",
        name="r-date-refused",
        severity="error",
        why="Binder does not build a repository whose R packages are of an earlier date than 2018-12-07.",
        find=_date_refused,
        varying=True,
    ),
    Rule(
        code="F115",
        name="julia-in-runtime",
        severity="warning",
        why="r2i installs this Julia; Binder only reads `[compat]` in `Project.toml`.",
        find=_julia,
        targets=BINDER_ONLY,
    ),
)
