"""Repositories in Julia, really built: with a real Julia, and a stand-in for IJulia (`tests/julia/stand_in.jl`)."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from r2i.check.execution.causes import causes
from r2i.check.execution.jobs import seen
from r2i.check.execution.planned import limits
from r2i.check.execution.planned import planned as planned_notebooks
from r2i.check.execution.runs import BuildRun, DynamicReport, Level
from r2i.check.language_pins import without_manifest
from r2i.check.subject import Subject
from r2i.checkout import Checkout
from r2i.checkout.overlay import overlay
from r2i.edits.applying import changed
from r2i.engines.protocol import RunRequest
from r2i.errors import BuildFailedError
from r2i.formats.julia.files import read_manifest
from r2i.model import Options, Plan
from r2i.planning.compose import make_plan
from r2i.ready.look import look_into
from r2i.ready.needs import needed
from r2i.ready.proposals import environment_fixes, files_to_read
from tests.building import Built, notebook, write
from tests.cases import asking_kernel
from tests.cran import cran_mirror
from tests.julia.servers import GREET, MODERN, TIDES, VERSION, Servers, julia_servers
from tests.planned_builds import PlannedBuild, planned_build
from tests.real_engines import engine_of

pytestmark = pytest.mark.engine

PROJECT = f'[deps]\nTides = "{TIDES}"\n\n[compat]\njulia = "~1.5"\n'


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    engine_of("docker")
    with julia_servers() as found:
        yield found


def planned(checkout: Checkout, servers: Servers) -> Plan:
    """With the archive of the tests, which has another checksum than the official one, and a word for what the registry has: a layer that was
    made with another registry is not this one."""
    plan = make_plan(checkout, Options())
    layers = []
    for layer in plan.layers:
        variables = dict(layer.variables)
        if layer.template == "julia":
            environ = layer.variables["environ"]
            assert isinstance(environ, tuple)
            variables |= {"archives": servers.archives, "environ": (*environ, f"REGISTRY={servers.registry}")}
        layers.append(replace(layer, variables=variables))
    return replace(plan, layers=tuple(layers))


@contextmanager
def julia_build(repo: Path, servers: Servers) -> Iterator[PlannedBuild]:
    plan = planned(Checkout.open(repo), servers)
    with planned_build(repo, plan, "julia", servers.environ) as build:
        yield build


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    files = {
        "binder/Project.toml": PROJECT,
        "binder/requirements.txt": "six\n",
        "a.ipynb": notebook("1 + 1", kernel="julia-1.4").replace("python", "julia"),
    }
    return write(tmp_path_factory.mktemp("project"), files)


@pytest.fixture(scope="module")
def built(repo: Path, servers: Servers) -> Iterator[Built]:
    with julia_build(repo, servers) as build:
        yield build.image


def test_julia_is_on_the_path_and_finds_the_packages_of_the_project(built: Built) -> None:
    said = built.answer("cd /tmp; julia -e 'using Tides; println(VERSION, \" \", Tides.high())'")

    assert said == f"{VERSION} hello from Greet 2.0.0\n"


@pytest.mark.parametrize("kernel", ["julia-1.5", "julia-1.4"])
def test_a_cell_runs_in_the_kernel_that_notebooks_ask_for(built: Built, kernel: str) -> None:
    said = built.answer(f"cd /tmp; {asking_kernel('using Tides; println(Tides.high())', kernel)}")

    assert said.endswith("hello from Greet 2.0.0\n")


def test_python_is_there_as_without_julia(built: Built) -> None:
    assert built.answer(asking_kernel("import six; print(six.__name__)")) == "six\n"


def test_the_kernel_is_not_part_of_the_project(built: Built) -> None:
    files = built.answer(
        "cat binder/Project.toml binder/Manifest.toml; ls /srv/julia-depot /srv/julia-packages"
    )

    assert files.startswith(PROJECT)
    assert "IJulia" not in files
    assert files.count("registries") == 1  # the user's, which is as new as the packages


def test_the_user_adds_packages_beside_those_that_are_read_only(built: Built, servers: Servers) -> None:
    variable = f"JULIA_PKG_SERVER={servers.environ['JULIA_PKG_SERVER']}"
    script = """
        ! touch /srv/julia-depot/file /srv/julia/file 2> /dev/null
        cd /tmp; JULIA_PROJECT= julia -e 'using Pkg; Pkg.add("Greet"); using Greet; println(Greet.hello())'
    """
    assert built.answer(script, "--env", variable).endswith("hello from Greet 2.0.0\n")


@pytest.mark.usefixtures("built")
def test_an_edited_notebook_installs_nothing_again(repo: Path, servers: Servers) -> None:
    never_seen = secrets.randbelow(10**9)
    write(repo, {"b.ipynb": notebook(f"{never_seen}"), "binder/Project.toml": f"# {never_seen}\n{PROJECT}"})

    with julia_build(repo, servers) as build:
        assert "Repository files" in build.made
        assert not [title for title in build.made if "Julia" in title or "requirements" in title]


MANIFEST = f"""
[[Greet]]
git-tree-sha1 = "TREE"
uuid = "{GREET}"
version = "1.0.0"
"""
OWN = "0d3a9e0e-4a52-4a1e-9a57-6f3d1c2b7a09"
MODULE = "module Own\nusing Greet\nsays() = Greet.hello()\nend\n"


@pytest.mark.parametrize(
    ("files", "code", "said"),
    [
        (
            {
                "Project.toml": f'name = "Own"\nuuid = "{OWN}"\n\n[deps]\nGreet = "{GREET}"\n\n[compat]\nGreet = "1"\njulia = "~1.5"\n',
                "src/Own.jl": MODULE,
            },
            "using Own; println(Own.says())",
            "hello from Greet 1.0.0\n",
        ),
        (
            {
                "binder/Project.toml": f'[deps]\nOwn = "{OWN}"\n\n[compat]\njulia = "~1.5"\n',
                "binder/Manifest.toml": f'{MANIFEST}\n[[Own]]\ndeps = ["Greet"]\npath = ".."\nuuid = "{OWN}"\nversion = "0.1.0"\n',
                "Project.toml": f'name = "Own"\nuuid = "{OWN}"\nversion = "0.1.0"\n\n[deps]\nGreet = "{GREET}"\n',
                "src/Own.jl": MODULE,
            },
            "using Own; println(Own.says())",
            "hello from Greet 1.0.0\n",
        ),
        (
            {
                "Project.toml": f'[deps]\nGreet = "{GREET}"\n\n[compat]\njulia = "~1.5"\n',
                "Manifest.toml": f'julia_version = "1.6.3"\n{MANIFEST}',
            },
            "using Greet; println(Greet.hello())",
            "hello from Greet 2.0.0\n",
        ),
        (
            {"REQUIRE": "julia 0.6\nTides 0.1\n", "runtime.txt": "julia-1.5\n"},
            "using Tides; println(Tides.high())",
            "hello from Greet 2.0.0\n",
        ),
    ],
    ids=["package", "path", "other-julia", "require"],
)
def test_packages_are_those_that_the_files_name(
    servers: Servers, tmp_path: Path, files: dict[str, str], code: str, said: str
) -> None:
    files = {name: text.replace("TREE", servers.trees["Greet", "1.0.0"]) for name, text in files.items()}
    with julia_build(write(tmp_path, files), servers) as build:
        assert build.image.answer(f"cd /tmp; {asking_kernel(code, 'julia-1.5')}").endswith(said)


def test_a_package_that_is_too_new_fails_the_build(servers: Servers, tmp_path: Path) -> None:
    repo = write(tmp_path, {"Project.toml": PROJECT.replace(f'Tides = "{TIDES}"', f'Modern = "{MODERN}"')})

    with pytest.raises(BuildFailedError) as caught, julia_build(repo, servers):
        pass

    assert any("Unsatisfiable requirements" in line for line in caught.value.log)


def test_an_archive_with_another_checksum_is_refused(servers: Servers, tmp_path: Path) -> None:
    archives = tuple((machine, path, "0" * 64) for machine, path, _ in servers.archives)

    with (
        pytest.raises(BuildFailedError) as caught,
        julia_build(write(tmp_path, {"runtime.txt": "julia-1.5\n"}), replace(servers, archives=archives)),
    ):
        pass

    assert any("computed checksum did NOT match" in line for line in caught.value.log)


def printing(source: str, language: str, kernel: str, printed: str) -> str:
    """A notebook whose author saw this."""
    found = json.loads(notebook(source, kernel=kernel))
    found["metadata"]["kernelspec"]["language"] = language
    found["cells"][0]["execution_count"] = 1
    found["cells"][0]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": printed}]
    return json.dumps(found)


THREE = {
    "requirements.txt": "six\n",
    "install.R": 'install.packages("polite")\n',
    "runtime.txt": "r-4.5-2024-10-31\njulia-1.5\n",
    "Project.toml": PROJECT,
    "python.ipynb": printing("import six\nprint(six.__name__)", "python", "python3", "six\n"),
    "r.ipynb": printing("library(polite)\ncat(ask())", "R", "ir", "hello, 2.0 please"),
    "julia.ipynb": printing(
        "using Tides\nprintln(Tides.high())", "julia", "julia-1.5", "hello from Greet 2.0.0\n"
    ),
    "fails/r.ipynb": printing("library(absent)", "R", "ir", ""),
}


def test_notebooks_in_three_languages_run_in_one_image(servers: Servers, tmp_path: Path) -> None:
    """What `r2i check --execute` does after the build; only the Julia of the tests cannot be built by the command line."""
    repo, engine = write(tmp_path / "repo", THREE), engine_of("docker")
    subject = Subject(Checkout.open(repo))
    notebooks = planned_notebooks(subject)
    bounds = limits(engine, memory=None, timeout=100, jobs=len(notebooks) + 1)
    with cran_mirror() as cran:
        offered = replace(servers, environ={**servers.environ, "R2I_CRAN": cran})
        with julia_build(repo, offered) as build:
            request = RunRequest(image=build.image.tag, user="1000")
            found = seen(engine, request, notebooks, limits=bounds, tried=Level.L4, listen=lambda _: None)
    report = DynamicReport(
        asked=Level.L4,
        tried=Level.L4,
        build=BuildRun(image=build.image.tag, seconds=0),
        server=found.server,
        kernels=found.kernels,
        runs=found.runs,
    )
    runs = {run.path: run for run in report.runs}
    wrong = runs.pop("fails/r.ipynb")

    assert report.status(Level.L1) == "passed"
    assert {(kernel.name, kernel.language) for kernel in report.kernels} >= {
        ("python3", "python"),
        ("ir", "R"),
        ("julia-1.5", "julia"),
    }
    assert {path: (run.kernel, run.passed(Level.L4)) for path, run in runs.items()} == {
        "python.ipynb": ("python3", True),
        "r.ipynb": ("ir", True),
        "julia.ipynb": ("julia-1.5", True),
    }
    assert not wrong.passed(Level.L3)
    assert [cause.code for cause in causes(subject, report, network=False)[wrong.path]] == [
        "r-package-missing"
    ]


def test_init_pins_what_was_installed(built: Built, repo: Path) -> None:
    """With the image that there is: `r2i init` would build the same one."""
    subject = Subject(checkout=Checkout.open(repo))
    look = look_into(
        engine_of("docker"),
        built.tag,
        (),
        files=files_to_read(subject),
        with_settings=lambda request: request,
    )
    found = environment_fixes(subject, needed(subject), versions=look.versions, files=look.files)
    pinned = overlay(subject.checkout, changed(subject.checkout, found).texts)
    manifest = read_manifest(pinned, "binder/Manifest.toml")

    assert without_manifest(subject) is not None
    assert without_manifest(Subject(checkout=pinned)) is None
    assert {"Tides", "Greet"} <= manifest.packages
    assert 'version = "2.0.0"' in manifest.text
    assert built.answer("cat binder/Manifest.toml") == manifest.text
