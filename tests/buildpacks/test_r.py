"""R: which one, of which day its packages are, and what installs them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from tests.writing import Files, write

from r2i.errors import InvalidRepositoryError, UsageError
from r2i.facts.pins import base_image, pins
from r2i.facts.r import closure, r_facts, r_of, r_packages, snapshot, system_packages
from r2i.model import Layer, Options, Plan, Stage
from r2i.planning.compose import make_plan
from r2i.planning.render import render

SCRIPT: Files = {"install.R": 'install.packages("greeting")\n'}
CONDA = "dependencies:\n  - python\n  - r-base=4.3\n  - r-irkernel\n"
BOOKWORM = "debian:bookworm-slim"
TRIXIE = "debian:trixie-slim"


def r_notebook(version: str = "") -> str:
    info = {"name": "R", **({"version": version} if version else {})}
    return json.dumps({"cells": [], "metadata": {"language_info": info}, "nbformat": 4, "nbformat_minor": 5})


def plan_of(top: Path, files: Files, *, date: str | None = None, **options: str) -> Plan:
    return make_plan(replace(write(top, files), date=date), Options(**options))  # type: ignore[arg-type]


def layers(plan: Plan) -> list[Layer]:
    return [layer for layer in plan.layers if layer.buildpack == "r"]


def packages(layer: Layer) -> set[str]:
    """The Debian packages that it installs."""
    found = layer.variables["packages"]
    assert isinstance(found, tuple)
    return {str(name) for name in found}


def day_of(plan: Plan) -> str:
    return next(layer.title for layer in layers(plan) if layer.template == "r_settings")


def said(plan: Plan) -> list[str]:
    return [notice.message for notice in plan.notices]


@pytest.mark.parametrize(
    "files",
    [
        SCRIPT,
        {"install.r": ""},
        {"DESCRIPTION": "Package: ours\n"},
        {"renv.lock": '{"Packages": {"a1": {}}}'},
        {"runtime.txt": "r-4.5"},
        {"runtime.txt": "2024-10-31"},
        {"runtime.txt": "r"},
        {"a.ipynb": r_notebook()},
        {"environment.yml": "dependencies: [python]\n", "a.ipynb": r_notebook()},
        {"apt.txt": "git\n", "a.ipynb": r_notebook()},
    ],
)
def test_r_and_its_kernel_are_installed_where_a_file_or_a_notebook_asks(tmp_path: Path, files: Files) -> None:
    plan = plan_of(tmp_path, files)
    [language] = plan.languages
    installs = layers(plan)[0]

    assert (language.name, language.version, language.provider, language.kernel) == (
        "R",
        "4.5",
        "from Debian",
        "ir",
    )
    assert (installs.title, installs.stage) == ("R 4.5", Stage.LANGUAGE)
    assert {"r-base-core", "r-base-dev", "r-cran-irkernel"} <= packages(installs)


@pytest.mark.parametrize(
    "files",
    [
        {"environment.yml": CONDA, "a.ipynb": r_notebook()},
        {"apt.txt": "r-base\n", "a.ipynb": r_notebook()},
        {"apt.txt": "r-cran-irkernel\n", "a.ipynb": r_notebook()},
        {"DESCRIPTION": "A dataset of birds\n"},
        {"requirements.txt": "six\n"},
    ],
)
def test_nothing_is_installed_where_r_is_from_elsewhere_or_not_asked_for(
    tmp_path: Path, files: Files
) -> None:
    plan = plan_of(tmp_path, files)

    assert layers(plan) == []
    assert [(one.version, one.kernel) for one in plan.languages] == (
        [("", "ir")] if "environment.yml" in files else []
    )


def test_a_file_that_describes_no_package_is_ignored(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, {"DESCRIPTION": "A dataset of birds\n", "requirements.txt": ""})

    assert [(i.file, i.reason) for i in plan.ignored] == [
        ("DESCRIPTION", "it does not describe an R package")
    ]


def test_a_script_decides_beside_a_description(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, {**SCRIPT, "DESCRIPTION": "Package: ours\nImports: a1\n"})

    assert [(i.file, i.reason) for i in plan.ignored] == [
        ("DESCRIPTION", "`install.R` decides what is installed")
    ]
    assert [layer.title for layer in layers(plan)][3:] == ["install.R: 1 package"]


def test_packages_go_into_the_r_of_conda(tmp_path: Path) -> None:
    plan = plan_of(
        tmp_path,
        {**SCRIPT, "environment.yml": CONDA, "runtime.txt": "r-4.1-2022-01-01\n"},
    )
    settings, installs = layers(plan)

    assert [(one.name, one.provider, one.kernel) for one in plan.languages] == [
        ("R", "from conda packages", "ir")
    ]
    assert "/2022-01-01" in settings.support["r/Rprofile.site"]
    assert "__linux__" not in settings.support["r/Rprofile.site"]
    assert settings.variables["site"] == "/srv/env/lib/R/etc/Rprofile.site"
    assert installs.variables["rscript"] == "/srv/env/bin/Rscript"
    assert said(plan) == ["R 4.1 is requested here, but conda packages decide the version of R"]
    # The prefix is there before, and its packages are the user's.
    titles = [layer.buildpack for layer in plan.layers]
    assert titles.index("conda") < titles.index("r")


def test_packages_go_into_the_r_of_apt_txt(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, {**SCRIPT, "apt.txt": "r-base\n"})

    assert [layer.template for layer in layers(plan)] == ["r", "r_settings", "r_packages"]
    assert layers(plan)[-1].variables["rscript"] == "/usr/bin/Rscript"


@pytest.mark.parametrize(
    ("line", "base", "hint"),
    [
        ("r-3.6", TRIXIE, "The nearest version in a base image is R 4.0: write `r-4.0` and build with `--base-image debian:bullseye-slim`"),
        ("r-4.1", TRIXIE, "Build with `--base-image ubuntu:22.04`, which has R 4.1"),
        ("r-4.2.1-2022-10-31", TRIXIE, "Build with `--base-image debian:bookworm-slim`, which has R 4.2"),
        ("r-4.4", TRIXIE, "The nearest version in a base image is R 4.5: write `r-4.5`"),
        ("r-4.4-2024-06-30", TRIXIE, "The nearest version in a base image is R 4.5: write `r-4.5-2024-06-30`"),
        ("r-4.4", "ubuntu:24.04", "The nearest version in a base image is R 4.3: write `r-4.3`"),
        ("r-5.0", TRIXIE, "The nearest version in a base image is R 4.6: write `r-4.6` and build with `--base-image debian:forky-slim`"),
        ("r-3", TRIXIE, "The nearest version in a base image is R 4.0: write `r-4.0` and build with `--base-image debian:bullseye-slim`"),
    ],
)  # fmt: skip
def test_an_r_that_the_base_image_does_not_have_is_refused_with_one_that_has_it(
    tmp_path: Path, line: str, base: str, hint: str
) -> None:
    with pytest.raises(InvalidRepositoryError, match="is requested, but") as caught:
        plan_of(tmp_path, {"runtime.txt": f"{line}\n"}, base_image=base)

    assert (caught.value.where, caught.value.hint) == ("runtime.txt:1", hint)


def lock_of(version: str) -> Files:
    return {"renv.lock": f'{{\n"R": {{\n"Version": "{version}"}},\n"Packages": {{"a1": {{}}}}}}'}


def description(bound: str) -> Files:
    return {"DESCRIPTION": f"Package: ours\nDepends: R (>= {bound})\n"}


@pytest.mark.parametrize(
    ("files", "release", "place", "why"),
    [
        ({"runtime.txt": "r-4.2.1-2022-10-31"}, "bookworm", "runtime.txt:1", "requires R 4.2.1 and packages of 2022-10-31; R 4.2 is in bookworm"),
        ({"runtime.txt": "r-4.0"}, "bullseye", "runtime.txt:1", "requires R 4.0; R 4.0 is in bullseye"),
        ({"runtime.txt": "r-4.6"}, "forky", "runtime.txt:1", "requires R 4.6; R 4.6 is in forky"),
        # None has it: never one with an older R.
        ({"runtime.txt": "python-3.12\nr-4.1\n"}, "bookworm", "runtime.txt:2", "requires R 4.1; the nearest is R 4.2 of bookworm"),
        ({"runtime.txt": "r-3.6"}, "bullseye", "runtime.txt:1", "requires R 3.6; the nearest is R 4.0 of bullseye"),
        ({"runtime.txt": "r-3"}, "bullseye", "runtime.txt:1", "requires R 3; the nearest is R 4.0 of bullseye"),
        # What is weaker, in its order.
        (lock_of("4.2.3"), "bookworm", "renv.lock:3", "requires R 4.2.3; R 4.2 is in bookworm"),
        (lock_of("4.1.0"), "bookworm", "renv.lock:3", "requires R 4.1.0; the nearest is R 4.2 of bookworm"),
        (lock_of("4.9.0"), "forky", "renv.lock:3", "requires R 4.9.0; the nearest is R 4.6 of forky"),
        ({**lock_of("4.2.3"), "runtime.txt": "r-4.0"}, "bullseye", "runtime.txt:1", "requires R 4.0; R 4.0 is in bullseye"),
        ({**lock_of("4.2.3"), "runtime.txt": "2018-02-05"}, "bookworm", "renv.lock:3", "requires R 4.2.3; R 4.2 is in bookworm"),
        (description("4.6.0"), "forky", "DESCRIPTION:2", "requires R `>= 4.6.0`; R 4.6 is in forky"),
        ({**description("4.6.0"), **lock_of("4.2.3")}, "forky", "DESCRIPTION:2", "requires R `>= 4.6.0`; R 4.6 is in forky"),
        ({**SCRIPT, "runtime.txt": "2018-02-05"}, "bullseye", "runtime.txt:1", "packages are of 2018-02-05, when R was older than 4.0; the nearest is R 4.0 of bullseye"),
        ({**SCRIPT, "runtime.txt": "r-2022-01-01"}, "bookworm", "runtime.txt:1", "packages are of 2022-01-01, when R 4.1 was the newest; the nearest is R 4.2 of bookworm"),
    ],
)  # fmt: skip
def test_the_base_image_is_the_one_whose_r_fits(
    tmp_path: Path, files: Files, release: str, place: str, why: str
) -> None:
    base = plan_of(tmp_path, files).base

    assert base.reference == f"docker.io/library/debian:{release}-slim"
    assert base.evidence is not None
    assert (f"{base.evidence.file}:{base.evidence.line}", base.evidence.why) == (place, why)


@pytest.mark.parametrize(
    ("files", "date"),
    [
        ({"runtime.txt": "r-4.5"}, None),
        ({"runtime.txt": "r-4"}, None),
        ({"runtime.txt": "r-4.4"}, None),
        ({**description("4.3"), "runtime.txt": "r-4.2"}, None),
        (lock_of("4.3.1"), None),
        (description("3.5"), None),
        ({"runtime.txt": "2024-10-31"}, None),
        (SCRIPT, "2018-02-05T00:00:00Z"),
        ({"a.ipynb": r_notebook("4.2.1")}, None),
        ({"environment.yml": CONDA, "runtime.txt": "r-4.2"}, None),
    ],
)
def test_the_base_image_is_the_default_where_its_r_fits_or_nobody_says_otherwise(
    tmp_path: Path, files: Files, date: str | None
) -> None:
    base = plan_of(tmp_path, files, date=date).base

    assert base == base_image(None)


def test_a_day_of_the_command_line_chooses_the_base_image(tmp_path: Path) -> None:
    base = plan_of(tmp_path, SCRIPT, as_of="2022-01-02T00:00:00Z").base

    assert base.release is not None
    assert base.release.name == "bookworm"
    assert base.evidence is not None
    assert base.evidence.why.startswith("`--as-of`: packages are of 2022-01-01, when R 4.1 was the newest")


def test_everything_else_follows_the_base_image(tmp_path: Path) -> None:
    """Names of Debian packages, the Python, the tables of R packages and the digest."""
    files = {"runtime.txt": "r-4.2", "apt.txt": "libtiff6t64\nlibcurl4t64\n", "install.R": "renv::init()\n"}
    plan = plan_of(tmp_path, files)
    named = plan_of(tmp_path, files, base_image=BOOKWORM)
    apt = next(layer for layer in plan.layers if layer.template == "apt")

    assert plan.python is not None
    assert (plan.python.version, plan.python.provider) == ("3.11", "base")
    assert packages(apt) == {"libcurl4", "libtiff6"}
    assert "r-cran-renv" not in packages(layers(plan)[0])
    assert 'paste0(server, "/__linux__/bookworm/latest")' in layers(plan)[1].support["r/Rprofile.site"]
    assert [layer.title for layer in plan.layers[1:]] == [layer.title for layer in named.layers[1:]]
    assert plan.labels["io.r2i.plan"] != named.labels["io.r2i.plan"]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"runtime.txt": "r-4.1"}, "R 4.1 is requested, but the nearest version at or above it in a base image is R 4.2 of Debian 12; `--base-image ubuntu:22.04` has R 4.1"),
        ({"runtime.txt": "r-4.4"}, "R 4.4 is requested, but the nearest version at or above it in a base image is R 4.5 of Debian 13"),
        ({**description("4.3"), "runtime.txt": "r-4.2"}, "R 4.2 is requested, but `DESCRIPTION`, line 2, requires R `>= 4.3`: R 4.5 is installed"),
        ({"runtime.txt": "r-4.2"}, None),
    ],
)  # fmt: skip
def test_another_r_than_the_requested_one_is_said(tmp_path: Path, files: Files, message: str | None) -> None:
    plan = plan_of(tmp_path, files)

    assert [(n.level, n.file, n.message) for n in plan.notices] == [
        *([("warning", "runtime.txt", message)] if message else [])
    ]


@pytest.mark.parametrize(
    ("files", "message", "hint"),
    [
        ({"runtime.txt": "r-5.0-2024-10-31"}, "R 5.0 is requested, but the newest version in a base image is R 4.6", "Write `r-4.6-2024-10-31`"),
        (description("9.9"), "R `>= 9.9` is required, but the newest version in a base image is R 4.6", "Require R 4.6"),
    ],
)  # fmt: skip
def test_an_r_that_is_newer_than_all_is_refused(
    tmp_path: Path, files: Files, message: str, hint: str
) -> None:
    with pytest.raises(InvalidRepositoryError) as caught:
        plan_of(tmp_path, files)

    assert (caught.value.message, caught.value.hint) == (message, hint)


def test_a_debian_package_that_the_chosen_base_image_does_not_have_is_said_with_who_chose_it(
    tmp_path: Path,
) -> None:
    with pytest.raises(InvalidRepositoryError) as caught:
        plan_of(tmp_path, {"runtime.txt": "r-4.0", "apt.txt": "git\n7zip\n"})

    error = caught.value
    assert (error.where, error.message, error.hint) == (
        "apt.txt:2",
        "`7zip` is not in Debian 11, the base image that `runtime.txt`, line 1, leads to",
        "Remove the line, or change `runtime.txt`: releases with the package are forky, trixie, bookworm, noble, jammy",
    )


def test_a_lock_gives_way_to_debian_packages_that_its_base_image_does_not_have(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, {**lock_of("4.0.2"), "apt.txt": "7zip\n"})

    assert plan.base.evidence is not None
    assert (plan.base.reference, plan.base.evidence.file) == (base_image(None).reference, "apt.txt")
    assert "is not in Debian 11" in plan.base.evidence.why
    assert said(plan) == ["R 4.0.2 is requested here, but trixie ships R 4.5"]


@pytest.mark.parametrize(
    ("line", "base", "version"),
    [("r-4.5", "", "4.5"), ("r-4.5.3", "", "4.5"), ("r-4", "", "4.5"), ("r-4.2", BOOKWORM, "4.2")],
)
def test_the_r_of_the_base_image_is_taken_where_it_is_the_wanted_one(
    tmp_path: Path, line: str, base: str, version: str
) -> None:
    options = {"base_image": base} if base else {}
    [language] = plan_of(tmp_path, {"runtime.txt": f"{line}\n"}, **options).languages

    assert language.version == version
    assert (language.evidence.file, language.evidence.line) == ("runtime.txt", 1)


def test_every_hint_works_when_followed(tmp_path: Path) -> None:
    for name, version in r_facts()["releases"].items():
        image = {"jammy": "ubuntu:22.04", "noble": "ubuntu:24.04"}.get(name, f"debian:{name}-slim")
        [language] = plan_of(tmp_path, {"runtime.txt": f"r-{version}"}, base_image=image).languages

        assert language.version == version


@pytest.mark.parametrize(("bound", "base"), [(">= 4.5.0", ""), (">= 3.0", ""), ("> 4.1", BOOKWORM)])
def test_a_lower_bound_that_the_base_image_meets_is_met(tmp_path: Path, bound: str, base: str) -> None:
    options = {"base_image": base} if base else {}
    files = {"DESCRIPTION": f"Package: ours\nDepends: R ({bound})\n"}
    [language] = plan_of(tmp_path, files, **options).languages

    assert (language.evidence.file, language.evidence.line) == ("DESCRIPTION", 2)


@pytest.mark.parametrize(
    ("bound", "hint"),
    [
        ("4.6.0", "Build with `--base-image debian:forky-slim`, which has R 4.6"),
        ("9.9", "The nearest version in a base image is R 4.6: require R 4.6 and build with `--base-image debian:forky-slim`"),
    ],
)  # fmt: skip
def test_a_lower_bound_above_the_base_image_is_refused(tmp_path: Path, bound: str, hint: str) -> None:
    files = {"DESCRIPTION": f"Package: ours\nDepends:\n    R (>= {bound})\n"}
    with pytest.raises(InvalidRepositoryError, match=r"is required, but Debian 13 has R 4\.5") as caught:
        plan_of(tmp_path, files, base_image=TRIXIE)

    assert (caught.value.where, caught.value.hint) == ("DESCRIPTION:3", hint)


def test_another_r_of_a_lock_or_a_notebook_is_said(tmp_path: Path) -> None:
    lock = '{\n"R": {\n"Version": "4.1.2"},\n"Packages": {"a1": {}}}'
    plan = plan_of(tmp_path, {"renv.lock": lock, "a.ipynb": r_notebook("4.3.1")}, base_image=TRIXIE)

    assert [(n.level, n.file, n.line, n.message) for n in plan.notices] == [
        ("warning", "renv.lock", 3, "R 4.1.2 is requested here, but trixie ships R 4.5"),
        ("info", "a.ipynb", 1, "the notebook ran on R 4.3, but trixie ships R 4.5"),
    ]
    assert plan.languages[0].evidence.why == "no file sets a version; trixie ships R 4.5"


def test_runtime_txt_takes_precedence_over_a_lock(tmp_path: Path) -> None:
    lock = '{"R": {"Version": "4.1.2"}, "Packages": {"a1": {}}}'
    plan = plan_of(tmp_path, {"renv.lock": lock, "runtime.txt": "r-4.5"})

    assert said(plan) == ["R 4.1.2 is requested here, but `runtime.txt` takes precedence: 4.5"]


def test_an_unknown_base_image_has_an_unknown_r(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, {**SCRIPT, "runtime.txt": "r-4.1"}, base_image="example.org/own:1")

    assert plan.languages[0].version == ""
    assert plan.languages[0].evidence.why.endswith("the R version of `example.org/own:1` is unknown")
    assert layers(plan)[0].title == "R"


@pytest.mark.parametrize(
    ("files", "options", "title"),
    [
        ({"runtime.txt": "r-4.5-2024-10-31"}, {}, "CRAN snapshot: 2024-10-31"),
        ({"runtime.txt": "2017-10-10"}, {}, "CRAN snapshot: 2017-10-10"),
        ({"runtime.txt": "2024-10-31"}, {"as_of": "2021-07-01T00:00:00Z"}, "CRAN snapshot: 2024-10-31"),
        (SCRIPT, {"as_of": "2021-07-01T00:00:00Z"}, "CRAN snapshot: 2021-06-30"),
        (SCRIPT, {"date": "2023-05-06T07:08:09Z"}, "CRAN snapshot: 2023-05-06"),
        (SCRIPT, {"date": "2016-05-06T07:08:09Z"}, "CRAN snapshot: 2017-10-10"),
        (SCRIPT, {}, "CRAN snapshot: latest"),
    ],
)
def test_packages_are_of_the_day_that_the_strongest_evidence_names(
    tmp_path: Path, files: Files, options: dict[str, str], title: str
) -> None:
    assert day_of(plan_of(tmp_path, files, **options)) == title


@pytest.mark.parametrize(("day", "words"), [("2017-10-09", "no snapshot"), ("2024-02-30", "not a date")])
def test_a_day_without_a_snapshot_is_refused_with_its_line(tmp_path: Path, day: str, words: str) -> None:
    with pytest.raises(InvalidRepositoryError, match=words) as caught:
        plan_of(tmp_path, {"runtime.txt": f"python-3.12\nr-4.5-{day}\n"})

    assert caught.value.where == "runtime.txt:2"
    assert "2017-10-10" in (caught.value.hint or "") or words == "not a date"


def test_an_as_of_before_the_snapshots_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no snapshot of CRAN of 2015-06-30") as caught:
        plan_of(tmp_path, SCRIPT, as_of="2015-07-01T00:00:00Z")

    assert "2017-10-10" in (caught.value.hint or "")


def test_no_address_of_the_machine_is_in_a_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("R2I_CRAN", "https://cran.corp.example")
    plan = plan_of(tmp_path, SCRIPT)
    site = layers(plan)[1].support["r/Rprofile.site"]

    assert 'Sys.getenv("R2I_CRAN", "https://packagemanager.posit.co/cran")' in site
    assert 'paste0(server, "/__linux__/trixie/latest")' in site
    assert "corp.example" not in repr(plan)


@pytest.mark.parametrize(
    ("base", "path"),
    [
        ("debian:trixie", "__linux__/trixie/2024-10-31"),
        ("ubuntu:22.04", "__linux__/jammy/2024-10-31"),
        ("debian:forky", "2024-10-31"),
        ("example.org/own:1", "2024-10-31"),
    ],
)
def test_binary_packages_are_of_the_release_where_there_are_any(base: str, path: str) -> None:
    assert snapshot(base_image(base), "2024-10-31") == path


def test_a_script_is_cached_by_itself_and_run_late_where_it_uses_other_files(tmp_path: Path) -> None:
    early = layers(plan_of(tmp_path, SCRIPT))[-1]
    late = layers(plan_of(tmp_path, {"install.R": 'x <- readLines("a.txt")\n', "a.txt": "greeting"}))[-1]

    assert (early.stage, early.support) == (
        Stage.DEPENDENCIES,
        {"r/script/install.R": 'install.packages("greeting")\n'},
    )
    assert (late.stage, dict(late.support), late.title) == (Stage.PACKAGE, {}, "install.R")


def test_a_description_installs_dependencies_before_the_source_and_the_package_after(tmp_path: Path) -> None:
    made = layers(plan_of(tmp_path, {"DESCRIPTION": "Package: ours\nImports: a1,\n  b2\n"}))

    assert [(layer.title, layer.stage) for layer in made[1:]] == [
        ("R package `remotes` from Debian", Stage.LANGUAGE),
        ("CRAN snapshot: latest", Stage.DEPENDENCIES),
        ("DESCRIPTION: 2 packages", Stage.DEPENDENCIES),
        ("DESCRIPTION: package `ours`", Stage.PACKAGE),
    ]
    assert packages(made[1]) == {"r-cran-remotes"}
    assert [(each.file, each.why) for each in made[1].evidence] == [("DESCRIPTION", "installs what it names")]


def test_a_description_in_binder_installs_dependencies_alone(tmp_path: Path) -> None:
    made = layers(plan_of(tmp_path, {"binder/DESCRIPTION": "Package: ours\nImports: a1\n"}))

    assert [layer.title for layer in made[3:]] == ["binder/DESCRIPTION: 1 package"]


@pytest.mark.parametrize(("base", "there"), [("", True), (BOOKWORM, False)])
def test_a_lock_is_restored_from_it_alone_by_the_renv_of_the_release(
    tmp_path: Path, base: str, *, there: bool
) -> None:
    lock = (
        '{"R": {"Repositories": [{"Name": "u1", "URL": "https://u1.example.org"}]}, "Packages": {"a1": {}}}'
    )
    made = layers(plan_of(tmp_path, {"renv.lock": lock}, **({"base_image": base} if base else {})))

    assert ("R package `renv` from Debian" in [layer.title for layer in made]) == there
    assert all("r-cran-renv" in packages(layer) for layer in made if layer.title.endswith("from Debian"))
    assert made[-1].support == {"r/lock/renv.lock": lock}
    assert made[-1].variables["words"] == ("u1=https://u1.example.org",)
    # So does `renv::restore()` in `postBuild` or a notebook.
    site = next(layer for layer in made if layer.template == "r_settings").support["r/Rprofile.site"]
    assert site.endswith(
        'options(renv.config.repos.override = c(getOption("repos"), "u1" = "https://u1.example.org"))\n'
    )


def test_what_a_release_does_not_have_comes_from_cran(tmp_path: Path) -> None:
    script = 'devtools::install_github("a/b1")\nremotes::install_github("a/c2")\n'
    plan = plan_of(tmp_path, {"install.R": script}, base_image="debian:forky-slim")
    made = {layer.title: layer for layer in layers(plan)}

    assert made["R 4.6"].variables["packages"] == ("r-base-core", "r-base-dev")
    assert made["R package `remotes` from Debian"].variables["packages"] == ("r-cran-remotes",)
    assert "libzmq3-dev" in packages(layers(plan)[0])
    assert made["R kernel from CRAN"].variables["command"] == "need"
    assert made["install.R: 2 packages"].variables["words"] == ("devtools", "remotes")


@pytest.mark.parametrize("name", ["postBuild", "start"])
def test_packages_that_scripts_install_with_are_there(tmp_path: Path, name: str) -> None:
    """Binder has some of them in every image with R."""
    files = {
        "runtime.txt": "r-4.2",
        name: "#!/bin/sh\n# remotes\nRscript -e 'devtools::x(); renv::restore()'\n",
    }
    plan = plan_of(tmp_path, files)
    [_, tools, settings, renv] = layers(plan)

    assert (tools.title, packages(tools)) == ("R package `devtools` from Debian", {"r-cran-devtools"})
    assert [(each.file, each.line, each.why) for each in (*tools.evidence, renv.evidence[0])] == [
        (name, 3, "calls `devtools`"),
        (name, 3, "calls `renv`"),
    ]
    # Debian 12 has no renv.
    assert (renv.title, renv.variables["command"], renv.variables["path"]) == (
        "R package `renv` from CRAN",
        "need",
        "renv",
    )
    assert settings.template == "r_settings"


def test_tools_that_scripts_install_with_are_there(tmp_path: Path) -> None:
    script = (
        'source("https://bioconductor.org/biocLite.R")\nbiocLite("a1")\ndevtools::install_github("a/b1")\n'
    )
    plan = plan_of(tmp_path, {"install.R": script})

    tools = layers(plan)[1]
    assert tools.title == "R packages `BiocManager`, `devtools` from Debian"
    assert packages(tools) == {"r-cran-biocmanager", "r-cran-devtools"}
    assert [(n.level, n.line) for n in plan.notices] == [("info", 1)]
    assert "`BiocManager::install` is called instead" in said(plan)[0]


def test_libraries_that_packages_need_are_installed_with_their_evidence(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, {"install.R": 'install.packages("greeting")\ninstall.packages("tidyverse")\n'})
    libraries = layers(plan)[0]

    assert libraries.stage is Stage.APT
    assert {"libcurl4-openssl-dev", "libssl-dev", "libxml2-dev"} <= packages(libraries)
    assert ("install.R", 2, "`tidyverse` needs libxml2-dev through `xml2`") in [
        (e.file, e.line, e.why) for e in libraries.evidence
    ]


def test_a_path_with_quotes_is_quoted(tmp_path: Path) -> None:
    checkout = write(tmp_path, {**SCRIPT, "install.R": 'source("it\'s.R")', "it's.R": ""})
    plan = make_plan(checkout, Options())

    assert {*layers(plan)[-1].support} == {"r/script/install.R", "r/script/it's.R"}
    assert "it's" not in render(plan, checkout).text


def test_what_packages_need_is_known_through_others() -> None:
    assert system_packages(["sf"])["libgdal-dev"] == ("sf", "sf")
    assert system_packages(["tidyverse"])["libssl-dev"] == ("tidyverse", "openssl")
    assert system_packages(["R6"]) == {}
    assert {"tibble", "rlang"} <= closure(["dplyr"])


def test_facts_of_r_name_releases_and_packages_that_there_are() -> None:
    facts = r_facts()
    releases = {row["name"] for row in pins()["releases"]}

    assert {*facts["releases"]} == releases
    assert {*facts["binaries"], *facts["absent"]} <= releases
    assert {*facts["released"]} >= {*facts["releases"].values()}
    assert all(name == name.lower() for name in facts["system"])
    assert {"dplyr", "sf"} <= r_packages()[1].keys()
    assert r_of(base_image("debian:12")) == "4.2"
    assert r_of(base_image("example.org/own:1")) == ""


def test_a_script_that_uses_renv_gets_it(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, {"install.R": "renv::restore()\n"})

    assert "r-cran-renv" in packages(layers(plan)[1])


def test_all_repositories_have_the_same_layer_of_r(tmp_path: Path) -> None:
    """It is the largest, and stored once for all images."""
    lock = '{"R": {"Repositories": []}, "Packages": {"a1": {}}}'
    wanted = [{"renv.lock": lock}, {"DESCRIPTION": "Package: ours\nImports: a1\n"}, SCRIPT]
    made = [layers(plan_of(tmp_path / str(number), files))[0] for number, files in enumerate(wanted)]

    assert len({(layer.title, layer.template, repr(layer.variables)) for layer in made}) == 1


def test_the_tidyverse_of_cran_needs_more_than_that_of_debian(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, {"install.R": 'install.packages("tidyverse")\n'})
    [libraries] = [layer for layer in plan.layers if layer.title.startswith("R packages")]

    assert {"libharfbuzz-dev", "libtiff-dev"} <= packages(libraries)


@pytest.mark.parametrize(
    ("version", "base", "words"),
    [
        ("2018-04-11", TRIXIE, "`--base-image debian:bullseye-slim` has R 4.0"),
        ("2022-10-31", TRIXIE, "`--base-image debian:bookworm-slim` has R 4.2"),
        ("2022-01-01", "", "`--base-image ubuntu:22.04` has R 4.1"),
        ("2018-04-11", "", ""),
        ("2022-10-31", "", ""),
        ("2022-10-31", BOOKWORM, ""),
        ("2025-06-30", "", ""),
    ],
)
def test_an_r_that_is_newer_than_its_packages_is_said(
    tmp_path: Path, version: str, base: str, words: str
) -> None:
    options = {"base_image": base} if base else {}
    plan = plan_of(tmp_path, {**SCRIPT, "runtime.txt": version}, **options)

    assert [message for message in said(plan) if words and message.endswith(words)] == said(plan)
    assert len(said(plan)) == bool(words)
