"""Every cause of a failed notebook over real tracebacks, and what is said of them."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from r2i.check.execution.causes import MAX_TEXT, TABLE, causes_of, kernel_notes
from r2i.check.execution.runs import (
    BuildRun,
    Cause,
    CellRun,
    DynamicReport,
    FailedImport,
    Failure,
    FailureKind,
    KernelRun,
    Level,
    NotebookRun,
)
from r2i.check.git_facts import GitFacts
from r2i.check.subject import Subject
from r2i.checkout import Checkout
from r2i.diagnosis.rules import VALUE, CauseRule, by_name, rules
from r2i.edits.applying import combined, diff
from tests.cases import ROOT
from tests.check.tracebacks import TRACEBACKS, Traceback, all_tracebacks, cause_of, repository, run_of

ALL = all_tracebacks()
CAUSES = rules(TABLE)
GOLDEN = TRACEBACKS / "causes.txt"
PAGE = ROOT / "docs" / "diagnosis.md"

#: What r2i can tell a rule beside its own groups.
KNOWN = {"also", "found", "notebook", "library", "what"}


def named(traceback: Traceback) -> str:
    return f"{traceback.cause}/{traceback.name}"


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Subject, Cause | None]]:
    return {named(one): cause_of(one, tmp_path_factory.mktemp("repo").resolve()) for one in ALL}


def described(name: str, subject: Subject, cause: Cause) -> str:
    lines = [name, f"  {cause.message}", f"  at: {cause.evidence[:100]}"]
    place = f"{cause.file}:{cause.line}: " if cause.file else ""
    lines += [f"  change: {place}{cause.change}"] if cause.change else []
    lines += [f"  hint: {cause.hint}"] if cause.hint else []
    lines += [f"  options: {' '.join(word for change in cause.options for word in change.arguments)}"] * bool(
        cause.options
    )
    if cause.fix:
        lines += [
            f"    {line}"
            for line in diff(combined(subject.checkout, [cause.fix]))
            if line[:3] not in ("---", "+++")
        ]
    return "\n".join(lines)


@pytest.mark.parametrize("traceback", ALL, ids=named)
def test_a_real_traceback_leads_to_its_cause(
    traceback: Traceback, found: dict[str, tuple[Subject, Cause | None]]
) -> None:
    cause = found[named(traceback)][1]

    assert cause is not None
    assert cause.code == traceback.cause
    assert not VALUE.search(cause.message)
    assert cause.change or cause.hint


def test_what_is_said_of_them_is_what_was_read_and_found_good(
    found: dict[str, tuple[Subject, Cause | None]], *, update_golden: bool
) -> None:
    made = (
        "\n".join(described(name, subject, cause) for name, (subject, cause) in found.items() if cause) + "\n"
    )
    if update_golden:
        GOLDEN.write_text(made, encoding="utf-8")

    assert made == GOLDEN.read_text(encoding="utf-8")


def test_every_cause_has_a_real_traceback_and_no_traceback_is_without_a_cause() -> None:
    assert {traceback.cause for traceback in ALL} == {rule.cause for rule in CAUSES}


@pytest.mark.parametrize("rule", CAUSES, ids=lambda rule: rule.cause)
def test_every_rule_uses_only_values_that_it_can_have(rule: CauseRule) -> None:
    groups = {name for pattern in rule.patterns for name in pattern.groupindex}
    texts = (rule.message, rule.hint, rule.otherwise, *(change.value for change in rule.changes))

    assert {name for text in texts for name in VALUE.findall(text)} <= groups | KNOWN


@pytest.mark.parametrize("rule", CAUSES, ids=lambda rule: rule.cause)
def test_messages_are_in_the_style_of_all_messages(rule: CauseRule) -> None:
    for text in (rule.message, rule.hint):
        assert not text.endswith(".")
        assert text.count("`") % 2 == 0
    assert rule.explanation.endswith(".")


def test_the_documentation_has_the_table(*, update_golden: bool) -> None:
    rows = [f"| `{rule.cause}` | {rule.explanation} | {_mended_by(rule)} |" for rule in CAUSES]
    table = "\n".join(["| cause | meaning | possible fix |", "|---|---|---|", *rows])
    text = PAGE.read_text(encoding="utf-8")
    current = re.sub(
        r"(?<=<!-- the causes of notebooks -->\n).*?(?=\n<!-- end -->)",
        lambda _: table,
        text,
        flags=re.DOTALL,
    )
    if update_golden:
        PAGE.write_text(current, encoding="utf-8")

    assert text == current or update_golden
    assert table in current


def _mended_by(rule: CauseRule) -> str:
    words = {
        "require": "a requirement",
        "apt": "`apt.txt`",
        "post-build": "`postBuild`",
        "python": "`runtime.txt`, `--python`",
        "as-of": "`--as-of`",
    }
    return ", ".join(dict.fromkeys(words[change.option] for change in rule.changes)) or "see its hint"


@pytest.mark.parametrize("name", by_name("removed"))
def test_every_name_that_is_gone_can_be_found_by_its_rule(name: str) -> None:
    """A name is a module or a class and what was in it, or what only some library calls so."""
    assert re.fullmatch(r"(?:[a-z_]\w*:)?[\w.-]*\w", name)


@pytest.mark.parametrize(
    ("git", "date", "requirements", "proposed"),
    [
        (None, None, "astropy\n", False),
        (None, "2026-11-20T00:00:00Z", "astropy\n", True),  # a published record
        (GitFacts(modes={}), None, "astropy\n", False),  # no commit yet
        (GitFacts(modes={}), "2026-11-20T00:00:00Z", "astropy\n", True),
        (GitFacts(modes={}, prefix="course/"), None, "astropy\n", True),
        (
            GitFacts(modes={}, untracked=frozenset(["requirements.txt"])),
            "2026-11-20T00:00:00Z",
            "astropy\n",
            False,
        ),
    ],
)
def test_a_date_is_proposed_only_where_there_is_one(
    tmp_path: Path, git: GitFacts | None, date: str | None, requirements: str, *, proposed: bool
) -> None:
    traceback = next(one for one in ALL if named(one) == "api-removed/astropy-clobber")
    subject = repository(traceback, tmp_path)
    (tmp_path / "requirements.txt").write_text(requirements)
    subject = replace(subject, checkout=replace(subject.checkout, date=date), git=git)
    [cause, *_] = causes_of(subject, run_of(traceback), network=False)

    assert ("as-of" in {change.option for change in cause.options}) == proposed


def test_of_several_imports_that_fail_each_has_a_cause(tmp_path: Path) -> None:
    run = NotebookRun(
        path="a.ipynb",
        failed_imports=tuple(
            FailedImport(
                statement=f"import {module}",
                module=module,
                cell=1,
                line=1,
                error_name="ModuleNotFoundError",
                error_value=f"No module named '{module}'",
            )
            for module in ("seaborn", "yaml", "ourlab", "yaml")
        ),
    )
    (tmp_path / "requirements.txt").write_text("numpy")
    subject = Subject(checkout=Checkout.open(tmp_path.resolve()))
    found = [*causes_of(subject, run, network=False)]
    changes = combined(subject.checkout, [cause.fix for cause in found if cause.fix])

    assert [cause.code for cause in found] == ["module-missing", "module-missing", "module-unknown"]
    assert changes.contents["requirements.txt"][1] == b"numpy\nseaborn\npyyaml\n"


LIBCUDART = (
    "2026-03-04 10:11:12.345678: W tensorflow/stream_executor/platform/default/dso_loader.cc:64] Could not load dynamic library "
    "'libcudart.so.11.0'; dlerror: libcudart.so.11.0: cannot open shared object file: No such file or directory"
)


def failing(tmp_path: Path, printed: str, *traceback: str, kind: FailureKind = "error") -> str | None:
    """The code of the cause of a cell that printed this before it failed."""
    run = NotebookRun(
        path="a.ipynb",
        failure=Failure(kind=kind, message="The kernel was killed by SIGSEGV", cell=1, traceback=traceback),
        cells=(
            CellRun(
                number=1,
                source="x",
                status="failed",
                outputs=({"output_type": "stream", "name": "stderr", "text": f"{printed}\n"},),
            ),
        ),
    )
    subject = Subject(checkout=Checkout.open(tmp_path.resolve()))
    found = next(causes_of(subject, run, network=False), None)
    return found.code if found else None


@pytest.mark.parametrize(
    ("printed", "traceback", "cause"),
    [
        (LIBCUDART, ("TypeError: Descriptors cannot be created directly.",), "protobuf-too-new"),
        (LIBCUDART, ("OwnError: the moon is full",), None),
        ("libGL.so.1: cannot open shared object file", ("OwnError: the moon is full",), "library-missing"),
        ("bash: line 1: ffmpeg: command not found", ("KeyError: 'a'",), "program-missing"),
        ("bash: line 1: ffmpeg: command not found", ("NameError: name 'a' is not defined",), "name-missing"),
        (
            "",
            (
                "ImportError: libcudart.so.11.0: cannot open shared object file: No such file or directory",
                "During handling of the above exception, another exception occurred:",
                "AssertionError: wrong",
            ),
            "assertion-failed",
        ),
        (
            "",
            (
                "ModuleNotFoundError: No module named 'seaborn'",
                "During handling of the above exception, another exception occurred:",
                "OwnError: the moon is full",
            ),
            "module-missing",
        ),
    ],
)
def test_the_exception_that_ended_the_cell_decides(
    tmp_path: Path, printed: str, traceback: tuple[str, ...], cause: str | None
) -> None:
    assert failing(tmp_path, printed, *traceback) == cause


@pytest.mark.parametrize(
    ("last_words", "cause"),
    [
        ((LIBCUDART,), "kernel-died"),
        (("/srv/env/bin/python3: No module named ipykernel_launcher",), "module-missing"),
        (("ImportError: No module named imp",), "standard-library-changed"),
        (
            ("ImportError: libEGL.so.1: cannot open shared object file: No such file or directory",),
            "library-missing",
        ),
        (
            (
                "python: Error while finding module specification for 'a.b' (ModuleNotFoundError: No module named 'a')",
            ),
            "module-unknown",
        ),
        ((), "kernel-died"),
    ],
)
def test_the_last_words_of_a_kernel_decide(tmp_path: Path, last_words: tuple[str, ...], cause: str) -> None:
    assert failing(tmp_path, "", *last_words, kind="dead-kernel") == cause


def test_kernels_that_no_notebook_tried_have_a_cause_too(tmp_path: Path) -> None:
    said = "Kernel died before replying to kernel_info; /srv/env/bin/python: No module named octave_kernel"
    report = DynamicReport(
        asked=Level.L1,
        tried=Level.L1,
        build=BuildRun(seconds=1.0, image="a"),
        kernels=(
            KernelRun(name="octave", language="octave", ok=False, message=said),
            KernelRun(name="tried", language="octave", ok=False, message=said),
            KernelRun(
                name="silent", language="r", ok=False, message="Kernel died before replying to kernel_info"
            ),
            KernelRun(name="python3", language="python", ok=True),
        ),
        runs=(NotebookRun(path="a.ipynb", kernel="tried"),),
    )
    (tmp_path / "requirements.txt").write_text("numpy\n")

    (note,) = kernel_notes(Subject(checkout=Checkout.open(tmp_path.resolve())), report)

    assert note.startswith("The kernel `octave`: No installed package provides the module `octave_kernel`")
    assert note.endswith("(module-missing). Add `octave-kernel` to `requirements.txt`")


def test_what_the_cell_printed_before_it_failed_counts(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("numpy\n")
    run = NotebookRun(
        path="a.ipynb",
        failure=Failure(
            kind="error",
            message="CalledProcessError",
            cell=1,
            traceback=("CalledProcessError: Command 'b'ffmpeg'' returned non-zero exit status 127.",),
        ),
        cells=(
            CellRun(
                number=1,
                source="%%bash",
                status="failed",
                outputs=({"output_type": "stream", "text": "bash: line 1: ffmpeg: command not found\n"},),
            ),
        ),
    )
    found = next(causes_of(Subject(checkout=Checkout.open(tmp_path.resolve())), run, network=False))

    assert found.code == "program-missing"
    assert found.change == "Write `ffmpeg` into `apt.txt`"


def test_a_failure_of_which_nothing_is_known_has_no_cause(tmp_path: Path) -> None:
    traceback = Traceback(cause="", name="", text="OwnError: the moon is full")

    assert cause_of(traceback, tmp_path.resolve())[1] is None
    assert [*causes_of(repository(traceback, tmp_path.resolve()), NotebookRun(path="b"), network=False)] == []


@pytest.fixture(scope="module")
def a_repository(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    traceback = Traceback(cause="", name="", text="", requirements=["numpy", "pandas"])
    return repository(traceback, tmp_path_factory.mktemp("repo").resolve())


WORDS = st.sampled_from(
    [line for one in ALL for line in one.text.splitlines()]
    + [
        "FileNotFoundError: [Errno 2] No such file or directory: '",
        "../",
        "/",
        "\\",
        "'",
        "`",
        "\n",
        "x" * 3000,
    ]
)


@pytest.mark.slow
@settings(max_examples=300)
@given(st.lists(st.one_of(WORDS, st.text(max_size=20)), max_size=30))
def test_any_traceback_has_a_cause_or_none(a_repository: Subject, parts: list[str]) -> None:
    run = run_of(Traceback(cause="", name="", text="\n".join(parts)))
    for cause in causes_of(a_repository, run, network=False):
        assert cause.code in {rule.cause for rule in CAUSES}
        assert cause.fix is None or combined(a_repository.checkout, [cause.fix]).applied


@pytest.mark.slow
@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "piece",
    [
        "a",
        "'a/",
        "unpickl",
        "in Popen._execute_child(",
        "sqlite3.connect('a'",
        "NameError: name 'a' ",
        "No module named '",
        "/",
    ],
)
def test_lines_made_to_take_long_do_not(a_repository: Subject, piece: str) -> None:
    line = (piece * 2000)[:1900]
    text = "\n".join([line] * (MAX_TEXT // 1900))

    [*causes_of(a_repository, run_of(Traceback(cause="", name="", text=text)), network=False)]
