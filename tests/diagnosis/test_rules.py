"""Every rule over real logs, which uv, pip, conda's solver, compilers and scripts wrote in real steps."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.cases import ROOT

from r2i.diagnosis import MAX_HEAD, MAX_LINE, MAX_TAIL, diagnose
from r2i.diagnosis.rules import VALUE, CauseRule, rules
from r2i.facts.pins import pythons
from r2i.model import Diagnosis

LOGS = ROOT / "tests" / "fixtures" / "logs"
FILES = sorted(LOGS.glob("*/*.txt"))
GOLDEN = LOGS / "diagnoses.txt"
PAGE = ROOT / "docs" / "diagnosis.md"
CURRENT = "3.13"


def diagnosis(text: str, current: str = CURRENT, release: str = "trixie") -> Diagnosis | None:
    return diagnose(text.split("\n"), pythons=tuple(pythons()), current=current, values={"release": release})


def of(name: str) -> Diagnosis:
    # The logs of an interpreter that was too old were made with that one.
    current = "3.9" if "pyold" in name else CURRENT
    found = diagnosis((LOGS / f"{name}.txt").read_text(encoding="utf-8"), current)
    assert found is not None, name
    return found


def described(path: Path) -> str:
    name = f"{path.parent.name}/{path.stem}"
    found = of(name)
    changes = ", ".join(" ".join(change.arguments) for change in found.changes)
    lines = [name, f"  {found.message}", f"  at: {found.evidence[:100]}"]
    lines += [f"  change: {changes}"] if changes else []
    lines += [f"  hint: {found.hint}"] if found.hint else []
    return "\n".join(lines)


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_real_log_leads_to_its_cause(path: Path) -> None:
    found = of(f"{path.parent.name}/{path.stem}")

    assert found.cause == path.parent.name
    assert not VALUE.search(found.message)
    assert found.changes or found.hint


def test_what_is_said_of_the_logs_is_what_was_read_and_found_good(*, update_golden: bool) -> None:
    made = "\n".join(described(path) for path in FILES) + "\n"
    if update_golden:
        GOLDEN.write_text(made, encoding="utf-8")

    assert made == GOLDEN.read_text(encoding="utf-8")


def test_every_rule_has_a_real_log_and_no_log_is_without_a_rule() -> None:
    assert {path.parent.name for path in FILES} == {rule.cause for rule in rules()}


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.cause)
def test_every_rule_uses_only_values_that_it_can_have(rule: CauseRule) -> None:
    groups = {name for pattern in rule.patterns for name in pattern.groupindex}
    known = {"built", "name", "python", "wheels", "near", "found", "summary"}
    texts = (rule.message, rule.hint, *(change.value for change in rule.changes))

    assert {name for text in texts for name in VALUE.findall(text)} <= groups | known


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.cause)
def test_messages_are_in_the_style_of_all_messages(rule: CauseRule) -> None:
    for text in (rule.message, rule.hint):
        assert not text.endswith(".")
        assert text.count("`") % 2 == 0


def test_the_documentation_has_the_table(*, update_golden: bool) -> None:
    rows = [f"| `{rule.cause}` | {rule.explanation} | {_mended_by(rule.cause)} |" for rule in rules()]
    table = "\n".join(["| cause | meaning | possible fix |", "|---|---|---|", *rows])
    text = PAGE.read_text(encoding="utf-8")
    current = re.sub(
        r"(?<=<!-- the rules -->\n).*?(?=\n<!-- end -->)", lambda _: table, text, flags=re.DOTALL
    )
    if update_golden:
        PAGE.write_text(current, encoding="utf-8")

    assert text == current or update_golden
    assert table in current


def _mended_by(cause: str) -> str:
    rule = next(rule for rule in rules() if rule.cause == cause)
    options = dict.fromkeys(f"`--{change.option}`" for change in rule.changes)
    return ", ".join(options) or ("try again" if rule.temporary else "see its hint")


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("distutils-gone/nowheel-numpy", "--python 3.9"),
        ("metadata-invalid/pandas023", "--python 3.7"),
        ("wheel-for-other-python/sk-0222", "--python 3.8"),
        ("python-unsuitable/pyold", "--python 3.11"),
        ("program-missing/pq", "--apt libpq-dev"),
        ("system-part-missing/lxml", "--apt libxml2-dev --apt libxslt1-dev"),
        ("not-the-distribution/sklearn", "--replace sklearn=scikit-learn"),
        ("other-platform/pywin", "--replace pywin32="),
    ],
)
def test_the_smallest_change_comes_first(name: str, change: str) -> None:
    assert " ".join(of(name).changes[0].arguments) == change


def test_the_python_that_failed_is_not_proposed_again() -> None:
    text = (LOGS / "distutils-gone/nowheel-numpy.txt").read_text(encoding="utf-8")

    found = diagnosis(text, current="3.9")

    assert found is not None
    assert [change.value for change in found.changes] == ["3.8", "3.11"]


def test_a_log_of_which_nothing_is_known_has_no_cause() -> None:
    assert diagnosis("Preparing\nAll is well\nexit status 3") is None
    assert diagnosis("") is None


def test_a_program_that_says_nothing_when_it_is_killed_is_known_by_its_status() -> None:
    found = diagnosis("Compiling\nexit status 137")

    assert found is not None
    assert found.cause == "out-of-memory"


WORDS = st.sampled_from(
    [
        *(
            "Failed to build `",
            "Because ",
            " was not found in the package registry",
            "Requires-Python >=",
            "has wheels for",
        ),
        *(
            "fatal error: ",
            ".h: No such file or directory",
            " depends on ",
            "you require ",
            "==1.0",
            " ",
            "\n",
            "`",
            "'",
            ",",
        ),
        *(
            "No solution found when resolving dependencies",
            "(from versions: ",
            "No candidates were found for ",
            "x" * 50,
        ),
    ]
)


@settings(max_examples=300)
@given(st.lists(st.one_of(WORDS, st.text(max_size=20))))
def test_any_log_has_a_cause_or_none(parts: list[str]) -> None:
    found = diagnosis("".join(parts))

    assert found is None or found.cause in {rule.cause for rule in rules()}


@pytest.mark.slow
@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "piece", ["a", "Because a ", "1.0 Requires-Python >=3 ", "(", "x: ", "Failed to build `a", "a==1,", " "]
)
def test_lines_made_to_take_long_do_not(piece: str) -> None:
    """The worst log in size: each of its lines may begin every pattern, and ends none."""
    line = (piece * MAX_LINE)[:MAX_LINE]
    lines = [line] * ((MAX_HEAD + MAX_TAIL) // MAX_LINE + 10)

    diagnose(lines, pythons=tuple(pythons()), current=CURRENT)


def test_of_a_huge_log_the_beginning_and_the_end_count() -> None:
    noise = ["x" * 1000] * 100_000
    at_start = diagnose(
        ["json.h", "fatal error: ffi.h: No such file or directory", *noise], pythons=(), current=CURRENT
    )
    at_end = diagnose([*noise, "cannot find -lopenblas"], pythons=(), current=CURRENT)

    assert at_start is not None
    assert at_start.cause == "header-missing"
    assert at_end is not None
    assert at_end.cause == "link-library-missing"


def test_what_a_build_fetches_itself_is_not_the_index() -> None:
    log = (
        "  × Failed to build `tokenizers==0.10.3`",
        "      warning: spurious network error (3 tries remaining): [28] Operation timed out",
        "r2i: `tokenizers==0.10.3` has wheels for Python 3.9, 3.8",
    )
    found = diagnose(log, pythons=("3.8", "3.9", "3.13"), current="3.13")
    alone = diagnose(log[:2], pythons=("3.8", "3.9", "3.13"), current="3.13")

    assert found is not None
    assert found.changes[0].value == "3.9"
    assert alone is not None
    assert alone.temporary


@pytest.mark.parametrize(
    ("release", "fits"), [("bookworm", "3.6.2"), ("trixie", "3.10.3"), ("jammy", "3.4.1"), ("noble", "3.8.4")]
)
def test_a_binding_is_that_of_the_library_of_the_release(release: str, fits: str) -> None:
    log = "extensions/gdal_wrap.cpp:3186:10: error: 'GDALFoo' was not declared in this scope"
    found = diagnosis(log, release=release)

    assert found is not None
    assert (found.cause, [change.value for change in found.changes]) == (
        "binding-of-another-release",
        [f"GDAL=GDAL=={fits}"],
    )


def test_of_an_unknown_release_no_version_is_named() -> None:
    found = diagnosis(
        "extensions/gdal_wrap.cpp:3186:10: error: expected\nerror: metadata-generation-failed", release="sid"
    )

    assert found is not None
    assert found.cause == "compile-failed"


def test_the_words_of_newer_julia_are_known() -> None:
    """Those of 1.10, where the tests have 1.5."""
    lines = (
        "ERROR: The following 1 direct dependency failed to precompile:",
        "",
        "Tides ",
        "",
        'Failed to precompile Tides [0d3a9e0e-4a52-4a1e-9a57-6f3d1c2b7a02] to "/srv/julia-packages/compiled/v1.10/Tides/jl_x".',
    )
    found = diagnosis("\n".join(lines))

    assert found is not None
    assert (found.cause, found.package) == ("julia-precompile-failed", "Tides")
