"""`Project.toml`, `Manifest.toml`, `REQUIRE`, and notebooks in Julia."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.writing import Content, write

from r2i.errors import InvalidRepositoryError, R2iError
from r2i.facts.julia import releases
from r2i.model import Layer, Options, Plan
from r2i.planning.compose import make_plan

UUID = "7876af07-990d-54b4-ab0e-23690620f79a"
DEPS = f'[deps]\nExample = "{UUID}"\n'
NEWEST = releases()[-1]


def plan_of(top: Path, files: Mapping[str, Content], as_of: str | None = None) -> Plan:
    return make_plan(write(top, files), Options(as_of=as_of))


def julia_of(top: Path, files: Mapping[str, Content]) -> tuple[str, str, list[str]]:
    """The version, why, and what is said about it."""
    plan = plan_of(top, files)
    [language] = plan.languages
    at = language.evidence
    where = f"{at.file}:{at.line}: " if at.line else f"{at.file}: " if at.file else ""
    return language.version, f"{where}{at.why}", [notice.message for notice in plan.notices]


def layers_of(plan: Plan) -> list[Layer]:
    return [layer for layer in plan.layers if layer.buildpack == "julia"]


def compat(entry: str) -> str:
    return f"{DEPS}\n[compat]\njulia = {entry}\n"


def manifest(version: str | None, body: str = "") -> str:
    head = f'julia_version = "{version}"\n' if version else ""
    return f'{head}manifest_format = "2.0"\n{body}'


def notebook(version: str, kernel: str = "julia-1.8") -> str:
    metadata = {
        "kernelspec": {"name": kernel, "language": "julia", "display_name": "Julia"},
        "language_info": {"name": "julia", "version": version},
    }
    return json.dumps({"cells": [], "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}, indent=1)


def newest(minor: str) -> str:
    return [version for version in releases() if version.startswith(f"{minor}.")][-1]


@pytest.mark.parametrize(
    ("files", "version", "why"),
    [
        ({"Project.toml": DEPS}, NEWEST, f"no file sets a version; {NEWEST} is the newest release"),
        ({"Project.toml": ""}, NEWEST, f"no file sets a version; {NEWEST} is the newest release"),
        (
            {"Project.toml": compat('"~1.6, ~1.8"')},
            newest("1.8"),
            f"Project.toml:5: allows Julia `~1.6, ~1.8`; {newest('1.8')} is the newest of these",
        ),
        (
            {"Project.toml": compat('"=1.10"')},
            "1.10.0",
            "Project.toml:5: allows Julia `=1.10`; 1.10.0 is the newest of these",
        ),
        (
            {"Project.toml": compat('"1.6"'), "Manifest.toml": manifest("1.9.2")},
            newest("1.9"),
            "Manifest.toml:1: the packages were resolved by Julia 1.9.2",
        ),
        (
            {"Project.toml": DEPS, "Manifest.toml": manifest("1.9.2"), "runtime.txt": "julia-1.9.1"},
            "1.9.1",
            "runtime.txt:1: requires Julia 1.9.1",
        ),
        ({"runtime.txt": "julia-1"}, NEWEST, "runtime.txt:1: requires Julia 1"),
        (
            {"Project.toml": compat('"1.6"'), "a.ipynb": notebook("1.8.1")},
            newest("1.8"),
            "a.ipynb:11: the notebook ran on Julia 1.8",
        ),
        (
            {"Project.toml": DEPS, "Manifest.toml": f'[[Example]]\nuuid = "{UUID}"\n'},
            newest("1.6"),
            "Manifest.toml: the file has the format that Julia wrote up to 1.6",
        ),
        (
            {
                "Project.toml": DEPS,
                "Manifest.toml": f'[[Example]]\nuuid = "{UUID}"\n',
                "a.ipynb": notebook("1.4.0"),
            },
            newest("1.4"),
            "a.ipynb:11: the notebook ran on Julia 1.4",
        ),
        (
            {"Project.toml": DEPS, "Manifest-v1.11.toml": manifest(None)},
            newest("1.11"),
            "Manifest-v1.11.toml: the file is for Julia 1.11",
        ),
        ({"a.ipynb": notebook("1.7.2")}, newest("1.7"), "a.ipynb:11: the notebook ran on Julia 1.7"),
    ],
)
def test_the_strongest_evidence_decides(
    tmp_path: Path, files: Mapping[str, Content], version: str, why: str
) -> None:
    assert julia_of(tmp_path, files) == (version, why, [])


def test_what_gives_way_is_said(tmp_path: Path) -> None:
    files = {
        "Project.toml": compat('"1.11"'),
        "Manifest.toml": manifest("1.9.2"),
        "a.ipynb": notebook("1.8.1"),
    }

    version, _, said = julia_of(tmp_path, files)

    assert version == NEWEST
    assert said == [
        f"the packages were resolved by Julia 1.9.2, but `Project.toml` takes precedence: {NEWEST}",
        f"the notebook ran on Julia 1.8, but `Project.toml` takes precedence: {NEWEST}",
        f"The packages are resolved again, because the file is not for Julia {'.'.join(NEWEST.split('.')[:2])}",
    ]


def test_a_patch_release_that_is_not_known_gives_way_to_the_newest(tmp_path: Path) -> None:
    version, _, said = julia_of(tmp_path, {"runtime.txt": "julia-1.6.99"})

    assert version == newest("1.6")
    assert said == ["Julia 1.6.99 is requested; the newest patch release of 1.6 is used"]


def test_a_number_is_read_as_it_is_written(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, {"Project.toml": compat("1.10  # tested") + 'Example = "0.5"\n'})

    assert plan.languages[0].evidence.why.startswith("allows Julia `1.10`;")
    assert [(notice.level, notice.line, notice.message) for notice in plan.notices] == [
        ("warning", 5, '`julia = 1.10` is a number, which Pkg refuses: write `julia = "1.10"`')
    ]
    # What is installed from is what Pkg can read.
    [text] = layers_of(plan)[1].support.values()
    assert 'julia = "1.10"\n' in text
    assert 'Example = "0.5"\n' in text


@pytest.mark.parametrize(
    ("files", "where", "message"),
    [
        (
            {"Project.toml": compat('"2"')},
            "Project.toml:5",
            "No Julia that r2i can install is allowed by `2`",
        ),
        (
            {"Project.toml": compat('"> 1.0"')},
            "Project.toml:5",
            "`> 1.0` is not a version range that Pkg understands",
        ),
        ({"Project.toml": compat("true")}, "Project.toml:5", "`compat.julia` must be a string"),
        (
            {"Project.toml": '[deps]\nExample = "0.5"\n'},
            "Project.toml:2",
            "The dependency `Example` has no UUID",
        ),
        (
            {"Project.toml": "[deps\n"},
            "Project.toml:1",
            "`Project.toml` is not valid TOML: Expected ']' at the end of a table declaration",
        ),
        (
            {"Project.toml": DEPS, "Manifest.toml": manifest("1.99.0")},
            "Manifest.toml:1",
            "r2i cannot install Julia 1.99.0",
        ),
        (
            {"Project.toml": DEPS, "Manifest.toml": manifest("latest")},
            "Manifest.toml:1",
            "`julia_version` is not a version: `latest`",
        ),
        ({"runtime.txt": "julia-0.6"}, "runtime.txt:1", "r2i cannot install Julia 0.6"),
        (
            {"Project.toml": compat('"1.10"'), "runtime.txt": "julia-1.6"},
            "runtime.txt:1",
            "Julia 1.6 is requested, but `Project.toml`, line 5, allows Julia `1.10`",
        ),
        (
            {"REQUIRE": "JuMP 0.18 0.19-\n"},
            "REQUIRE:1",
            "`JuMP` must be older than 0.19-, but Julia 1 does not read the bounds in `REQUIRE`",
        ),
        (
            {
                "Project.toml": f'name = "Tides"\nuuid = "{UUID}"\n[compat]\njulia = 1.10\n',
                "src/Tides.jl": "module Tides end\n",
            },
            "Project.toml:4",
            '`julia = 1.10` is a number, which Pkg refuses: write `julia = "1.10"`',
        ),
        ({"REQUIRE": "JuMP; rm -rf /\n"}, "REQUIRE:1", "`REQUIRE` has an invalid line: `JuMP; rm -rf /`"),
    ],
)
def test_what_cannot_be_installed_is_refused(
    tmp_path: Path, files: Mapping[str, Content], where: str, message: str
) -> None:
    with pytest.raises(InvalidRepositoryError) as caught:
        plan_of(tmp_path, files)

    assert (caught.value.where, caught.value.message) == (where, message)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("content", "is_of_julia"),
    [
        (DEPS + '\n[tool.other]\nlevel = "high"\n', True),
        ('name = "Tides"\nkeywords = ["sea"]\n', True),
        ("", True),
        ('name = "tides"\n\n[build]\ncommand = "make"\n', False),
        ('[project]\nid = "tides"\n', False),
    ],
)
def test_a_project_of_another_program_does_not_count(
    tmp_path: Path, content: str, *, is_of_julia: bool
) -> None:
    plan = plan_of(tmp_path, {"Project.toml": content})

    assert bool(plan.languages) == is_of_julia
    assert [(each.file, each.reason) for each in plan.ignored] == (
        [] if is_of_julia else [("Project.toml", "it is not a project of Julia")]
    )


def test_a_manifest_alone_does_not_count(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, {"Manifest.toml": manifest("1.9.2")})

    assert plan.languages == ()
    assert [each.reason for each in plan.ignored] == ["there is no `Project.toml`"]


@pytest.mark.parametrize(
    "files",
    [
        {"postBuild": "#!/bin/sh\ncurl -fsSL https://install.julialang.org | sh -s -- --yes\n"},
        {"environment.yml": "dependencies: [julia]\n"},
    ],
)
def test_notebooks_whose_julia_comes_from_elsewhere_add_none(
    tmp_path: Path, files: Mapping[str, Content]
) -> None:
    assert plan_of(tmp_path, {"a.ipynb": notebook("1.8.1"), **files}).languages == ()


def test_the_kernel_has_the_names_that_notebooks_ask_for(tmp_path: Path) -> None:
    files = {
        "Project.toml": compat('"~1.8"'),
        "a.ipynb": notebook("1.8.1", "julia-1.8"),
        "b.ipynb": notebook("1.6.1", "julia-1.6"),
        "c.ipynb": notebook("1.6.1", "julia (4 threads) 1.6"),
        "d.ipynb": notebook("1.6.1", "../../escape"),
    }

    plan = plan_of(tmp_path, files)

    assert (plan.languages[0].kernel, plan.languages[0].aliases) == ("julia-1.8", ("julia-1.6",))
    spec = json.loads(layers_of(plan)[0].support["julia/kernel.json"])
    assert spec["argv"][0] == "/srv/julia/bin/julia"
    assert spec["argv"][-1] == "{connection_file}"


def test_a_comment_or_what_is_not_of_the_environment_installs_nothing_again(tmp_path: Path) -> None:
    first = plan_of(tmp_path / "one", {"Project.toml": DEPS})
    second = plan_of(tmp_path / "two", {"Project.toml": f'# ours\nauthors = ["Ada"]\n\n{DEPS}'})

    assert [layer.support for layer in layers_of(first)] == [layer.support for layer in layers_of(second)]


@pytest.mark.parametrize(
    ("files", "stages"),
    [
        ({"Project.toml": DEPS}, ["language", "dependencies"]),
        ({"Project.toml": DEPS, "Manifest.toml": manifest(NEWEST)}, ["language", "dependencies"]),
        (
            {
                "Project.toml": DEPS,
                "Manifest.toml": manifest(NEWEST, f'\n[[deps.Example]]\npath = "lib"\nuuid = "{UUID}"\n'),
            },
            ["language", "package"],
        ),
        ({"Project.toml": f'{DEPS}\n[sources]\nExample = {{path = "lib"}}\n'}, ["language", "package"]),
        (
            {"Project.toml": compat('"~1.10"'), "Manifest.toml": manifest("1.9.2")},
            ["language", "package"],
        ),
        (
            {"Project.toml": f'name = "Tides"\nuuid = "{UUID}"\n', "src/Tides.jl": "module Tides\nend\n"},
            ["language", "dependencies", "package"],
        ),
        ({"Project.toml": f'name = "Tides"\nuuid = "{UUID}"\n'}, ["language", "dependencies"]),
        ({"a.ipynb": notebook("1.8.1")}, ["language"]),
    ],
)
def test_packages_are_installed_before_the_files_unless_these_are_needed(
    tmp_path: Path, files: Mapping[str, Content], stages: list[str]
) -> None:
    assert [layer.stage.name.lower() for layer in layers_of(plan_of(tmp_path, files))] == stages


@pytest.mark.parametrize(
    ("files", "variables"),
    [
        (
            {"Project.toml": '[deps]\nPyPlot = "d330b81b-6aea-500a-939a-2ce795aea3ee"\n'},
            ["PYTHON=/srv/env/bin/python"],
        ),
        (
            {"Project.toml": '[deps]\nPythonCall = "6099a3de-0909-46bc-b1f4-468b9a2dfc0d"\n'},
            ["JULIA_PYTHONCALL_EXE=/srv/env/bin/python", "JULIA_CONDAPKG_BACKEND=Null"],
        ),
        (
            {
                "Project.toml": '[deps]\nPythonCall = "6099a3de-0909-46bc-b1f4-468b9a2dfc0d"\n',
                "CondaPkg.toml": '[deps]\nnumpy = ""\n',
            },
            [],
        ),
        (
            {
                "Project.toml": DEPS,
                "Manifest.toml": manifest(NEWEST, '\n[[deps.PyCall]]\nversion = "1.96.4"\n'),
            },
            ["PYTHON=/srv/env/bin/python"],
        ),
        ({"Project.toml": DEPS}, []),
    ],
)
def test_packages_that_run_python_run_that_of_the_environment(
    tmp_path: Path, files: Mapping[str, Content], variables: list[str]
) -> None:
    layers = layers_of(plan_of(tmp_path, files))

    assert layers[-1].variables["environ"] == ("JULIA_PROJECT=${REPO_DIR}", *variables)
    assert ("libpython3-dev" in str([layer.variables.get("packages") for layer in layers])) == (
        bool(variables) or "CondaPkg.toml" in files
    )


RCALL = '[deps]\nRCall = "6f49c342-dc21-5d91-9882-a32aef131414"\n'


@pytest.mark.parametrize(
    ("files", "version", "provider", "file"),
    [
        ({"Project.toml": RCALL}, "4.5", "from Debian", "Project.toml"),
        ({"Project.toml": RCALL, "runtime.txt": "r-4.2"}, "4.2", "from Debian", "runtime.txt"),
        ({"REQUIRE": "RCall\n"}, "4.5", "from Debian", "REQUIRE"),
        (
            {"Project.toml": RCALL, "environment.yml": "dependencies: [r-base, r-irkernel]\n"},
            "",
            "from conda packages",
            None,
        ),
    ],
)
def test_packages_that_run_r_get_one_before_they_are_installed(
    tmp_path: Path, files: Mapping[str, Content], version: str, provider: str, file: str | None
) -> None:
    plan = plan_of(tmp_path, files)
    r = next(language for language in plan.languages if language.name == "R")
    layers = [layer.title for layer in plan.layers]

    assert (r.version, r.provider, r.evidence.file) == (version, provider, file)
    if version:
        packages = next(title for title in layers if "Julia package" in title)
        assert layers.index(f"R {version}") < layers.index(packages)


def test_a_project_without_such_packages_gets_no_r(tmp_path: Path) -> None:
    assert [language.name for language in plan_of(tmp_path, {"Project.toml": DEPS}).languages] == ["Julia"]


def test_the_project_is_where_the_configuration_is(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, {"binder/Project.toml": DEPS, "Project.toml": ""})

    assert layers_of(plan)[-1].variables["environ"] == ("JULIA_PROJECT=${REPO_DIR}/binder",)


def test_require_is_read_as_far_as_julia_1_can(tmp_path: Path) -> None:
    text = "# for 0.6\njulia 0.6\nExample 0.5\n@osx Homebrew\n@linux DataFrames\n\n"
    plan = plan_of(tmp_path, {"REQUIRE": text})

    assert layers_of(plan)[1].variables["arguments"] == ("add", "Example", "DataFrames")
    assert layers_of(plan)[1].title == "REQUIRE: 2 Julia packages"
    assert [(notice.level, notice.message) for notice in plan.notices] == [
        ("warning", "Julia 1 does not read this file: the newest versions of its packages are installed")
    ]


def test_a_date_needs_a_manifest(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, {"Project.toml": DEPS}, as_of="2024-01-01T00:00:00Z")

    assert "`--as-of` has no effect on Julia packages: add a `Manifest.toml`" in [
        n.message for n in plan.notices
    ]


@pytest.mark.parametrize("name", ["Project.toml", "JuliaProject.toml", "Manifest.toml", "REQUIRE"])
@given(
    content=st.one_of(
        st.binary(max_size=80),
        st.from_regex(
            r'(julia_version|name|uuid|\[deps\]\nA) = "?[\w.-]{1,9}"?\n(\[compat\]\njulia = "?[~^\d., -]{1,9}"?)?'
        ).map(str.encode),
    )
)
def test_any_bytes_are_a_plan_or_are_refused(name: str, content: bytes) -> None:
    with TemporaryDirectory() as directory:
        files: Mapping[str, Content] = {"Project.toml": DEPS, name: content}
        try:
            make_plan(write(Path(directory), files), Options())
        except R2iError as error:
            assert error.exit_code == 5  # noqa: PT017


@pytest.mark.parametrize(
    ("lines", "hint"),
    [
        ('A = "1"\n', "Remove the line, and run `julia --project=binder -e 'using Pkg; Pkg.add(\"A\")'`"),
        (
            'A = "1"\nB = 2\n"b c" = 3\n',
            'Remove these lines, and run `julia --project=binder -e \'using Pkg; Pkg.add(["A", "B"])\'`',
        ),
        ('"b c" = 3\n', "Remove the line"),
    ],
)
def test_all_dependencies_without_a_uuid_are_added_where_the_project_is(
    tmp_path: Path, lines: str, hint: str
) -> None:
    with pytest.raises(InvalidRepositoryError) as caught:
        plan_of(tmp_path, {"binder/Project.toml": f"[deps]\n{lines}"})

    assert (caught.value.where, caught.value.hint) == ("binder/Project.toml:2", hint)
