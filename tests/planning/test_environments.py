"""Two definitions of the Python environment in one repository: which of them counts, and what is said of the other."""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path

import pytest
from tests.cases import ROOT

from r2i.buildpacks import ENVIRONMENTS
from r2i.checkout import Checkout
from r2i.errors import R2iError
from r2i.model import Options
from r2i.planning.compose import make_plan

#: A directory a definition, named by the file that makes it one.
ROWS = ROOT / "tests" / "fixtures" / "environments"
GOLDEN = ROWS.with_suffix(".txt")

#: What stands in a `pyproject.toml` that several definitions share is written once.
SHARED = "pyproject.toml"

#: Beside two that are a pair already.
TOGETHER = (
    ("conda-lock.yml", "environment.yml", "requirements.txt"),
    ("pixi.lock", "pixi.toml", "pyproject.toml"),
    ("pixi.lock", "pixi.toml", "environment.yml"),
    ("pixi.lock", "tool.pixi", "uv.lock"),
    ("Pipfile.lock", "Pipfile", "requirements.txt"),
    ("environment.yml", "requirements.txt", "setup.py"),
)


def rows() -> list[str]:
    return sorted(row.name for row in ROWS.iterdir())


def together(top: Path, names: tuple[str, ...]) -> Checkout:
    """A repository with all these definitions."""
    top.mkdir()
    for name in names:
        for file in sorted((ROWS / name).iterdir()):
            text = file.read_text(encoding="utf-8")
            target = top / file.name
            if target.exists():
                assert file.name == SHARED
                have = target.read_text(encoding="utf-8")
                text = have + "".join(f"\n{part}" for part in parts(text) if part not in parts(have))
            target.write_text(text, encoding="utf-8")
    return Checkout.open(top)


def parts(text: str) -> list[str]:
    return [part if part.endswith("\n") else f"{part}\n" for part in text.split("\n\n")]


def told(checkout: Checkout) -> list[str]:
    """What a user is told: the file that counts, the Python and its origin, the files that do not, what is said."""
    try:
        plan = make_plan(checkout, Options())
    except R2iError as error:
        return [f"error: {error.where}: {error.message}", f"  hint: {error.hint}"]
    files = [path.name for path in sorted(checkout.root.iterdir())]
    names = {pack.name for pack in ENVIRONMENTS}
    layers = [layer for layer in plan.layers if layer.buildpack in names]
    used = dict.fromkeys(evidence.file for layer in layers for evidence in layer.evidence if evidence.file)
    python = plan.python
    assert python is not None
    unheard = [name for name in files if name not in used and name not in {i.file for i in plan.ignored}]
    return [
        f"{' + '.join(used)}, Python {python.version} ({python.provider})",
        *(f"  ignored: {ignored.file}: {ignored.reason}" for ignored in plan.ignored),
        *(f"  silent: {name}" for name in unheard),
        *(f"  {notice.level}: {notice.file}: {notice.message}" for notice in plan.notices),
    ]


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> str:
    top = tmp_path_factory.mktemp("environments")
    wanted = [*((name,) for name in rows()), *combinations(rows(), 2), *TOGETHER]
    blocks = []
    for number, names in enumerate(wanted):
        lines = told(together(top / str(number), names))
        blocks.append("\n".join([f"# {' + '.join(names)}", *lines, ""]))
    return "\n".join(blocks)


def test_every_pair_of_definitions_has_its_golden_outcome(table: str, *, update_golden: bool) -> None:
    if update_golden:
        GOLDEN.write_text(table, encoding="utf-8")

    assert table == GOLDEN.read_text(encoding="utf-8")


def test_no_file_of_a_pair_is_passed_over_in_silence(table: str) -> None:
    assert "silent:" not in table


def test_every_file_that_can_define_an_environment_is_among_the_rows() -> None:
    have = {file.name for row in ROWS.iterdir() for file in row.iterdir()}
    same = {
        "explicit.txt",
        "conda-explicit.txt",
        "spec-list.txt",
        "environment.yaml",
    }  # other names of what is there

    assert {name for pack in ENVIRONMENTS for name in pack.files} - same == have


def test_the_documented_order_is_the_real_one() -> None:
    text = (ROOT / "docs" / "environments.md").read_text(encoding="utf-8")
    documented = [
        re.findall(r"`([^`\[ ]+)`", row) for row in re.findall(r"^\| \d+ \| (.*?) \|", text, re.MULTILINE)
    ]

    assert len(documented) == len(ENVIRONMENTS)
    for names, pack in zip(documented, ENVIRONMENTS, strict=True):
        assert set(names) & set(pack.files), (names, pack.name)


def test_the_python_of_a_lock_cannot_be_overruled(tmp_path: Path) -> None:
    checkout = together(tmp_path / "repo", ("conda-lock.yml",))
    (checkout.root / "runtime.txt").write_text("python-3.9\n")
    plan = make_plan(checkout, Options())

    assert plan.python is not None
    assert (plan.python.version, plan.python.provider) == ("3.11.7", "conda")
    assert [(notice.level, notice.file) for notice in plan.notices] == [("warning", "runtime.txt")]
