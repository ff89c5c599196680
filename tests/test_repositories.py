"""Every kind of repository: the plan, the Dockerfile or the error that r2i makes of it, compared with the golden ones."""

from __future__ import annotations

import json
import re

import jsonschema
import pytest

from r2i.buildpacks import CHAIN, ENVIRONMENTS, LANGUAGES
from r2i.buildpacks.protocol import Buildpack, LanguageBuildpack
from r2i.buildpacks.when_there import WhenThere
from r2i.checkout import Checkout
from r2i.model import Options
from r2i.planning.compose import make_plan
from tests.cases import REPOS, ROOT, Case, all_cases, golden_files, outcome

GOLDEN = ("plan.json", "Dockerfile", "error.txt")
CASES = all_cases()
PACKS: tuple[Buildpack | LanguageBuildpack, ...] = (*CHAIN, *ENVIRONMENTS, *LANGUAGES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_outcome_is_the_golden_one(case: Case, *, update_golden: bool) -> None:
    made = golden_files(case)
    if update_golden:
        for name in GOLDEN:
            (case.directory / name).unlink(missing_ok=True)
        for name, text in made.items():
            (case.directory / name).write_text(text, encoding="utf-8")
    kept = {
        name: (case.directory / name).read_text(encoding="utf-8")
        for name in GOLDEN
        if (case.directory / name).exists()
    }

    assert made == kept


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_case_is_named_by_its_outcome(case: Case) -> None:
    fails_in_plan = "error.txt" in golden_files(case)

    assert case.name.startswith("fails-") == bool(case.fails)
    assert fails_in_plan == (case.fails == "plan")
    assert case.verify.exists() == (case.builds and not case.fails)


@pytest.mark.parametrize("case", [case for case in CASES if not case.fails], ids=lambda case: case.name)
def test_the_plan_follows_its_published_schema(case: Case) -> None:
    schema = json.loads((ROOT / "docs" / "plan.schema.json").read_text(encoding="utf-8"))

    jsonschema.validate(json.loads(golden_files(case)["plan.json"]), schema)


@pytest.mark.parametrize("case", [case for case in CASES if not case.fails], ids=lambda case: case.name)
def test_neither_plan_nor_dockerfile_depends_on_where_the_repository_lies(
    case: Case, tmp_path_factory: pytest.TempPathFactory
) -> None:
    import shutil

    elsewhere = tmp_path_factory.mktemp("elsewhere") / "repo"
    shutil.copytree(case.repo, elsewhere, symlinks=True)
    moved = make_plan(Checkout.open(elsewhere, subdirectory=case.subdir), Options(**case.options))

    assert moved == outcome(case)[0]


@pytest.mark.parametrize("pack", PACKS, ids=lambda pack: pack.name)
def test_every_buildpack_has_a_success_case_and_is_documented(
    pack: Buildpack | LanguageBuildpack,
) -> None:
    name = pack.name
    stem = name.replace("_", "-")
    cases = [case.name for case in CASES if not case.fails]

    assert [c for c in cases if c == stem or c.startswith(f"{stem}-")], f"no fixture {stem}* in {REPOS}"
    assert (ROOT / "docs" / "buildpacks" / f"{name}.md").exists()


@pytest.mark.parametrize("pack", ENVIRONMENTS, ids=lambda pack: pack.name)
def test_what_a_buildpack_is_loaded_for_is_what_it_reads(pack: WhenThere) -> None:
    assert (pack.pack.name, pack.pack.files) == (pack.name, pack.files)


@pytest.mark.parametrize("pack", [p for p in PACKS if p.files], ids=lambda pack: pack.name)
def test_every_buildpack_that_can_refuse_has_a_case_that_fails(
    pack: Buildpack | LanguageBuildpack,
) -> None:
    stem = pack.name.replace("_", "-")

    assert [case for case in CASES if re.fullmatch(rf"fails-{stem}(-.*)?", case.name)]
