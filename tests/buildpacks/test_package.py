"""`pyproject.toml`, `setup.py`, `setup.cfg`: what is known of a project without running it, and what is installed when."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from tests.writing import Files, write

from r2i.buildpacks.package import Package
from r2i.checkout import Checkout
from r2i.errors import InvalidRepositoryError, R2iError, UsageError
from r2i.formats.projects.poetry import specifier
from r2i.formats.projects.python_values import UNKNOWN, FileText, read_script
from r2i.formats.requirements.lines import Line
from r2i.model import Detection, Notice, Options, PythonEnvironment
from r2i.planning.compose import make_plan

Detect = Callable[..., Detection]
Read = Callable[..., PythonEnvironment]

HEAD = '[project]\nname = "surge"\nversion = "1"\n'
HATCH = '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
SETUPTOOLS = '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
SOURCE = {"src/surge/__init__.py": ""}


@pytest.fixture
def detect(tmp_path: Path) -> Detect:
    def detection(files: Files, **options: tuple[str, ...]) -> Detection:
        found = Package().detect(write(tmp_path, files), Options(**options))  # type: ignore[arg-type]
        assert found is not None
        return found

    return detection


@pytest.fixture
def read(detect: Detect) -> Read:
    """The environment of a `pyproject.toml` of this text, beside other files."""

    def environment(text: str, files: Files | None = None, **options: tuple[str, ...]) -> PythonEnvironment:
        found = detect({"pyproject.toml": text, **(files or {})}, **options).environment
        assert found is not None
        return found

    return environment


def lines(environment: PythonEnvironment) -> list[str]:
    return environment.install.support.get("requirements.txt", "").splitlines()


def said(detection: Detection, level: str = "warning") -> list[str]:
    return [notice.message for notice in detection.notices if notice.level == level]


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"pyproject.toml": ""},
        {"pyproject.toml": "[tool.ruff]\nline-length = 3\n"},
        {"pyproject.toml": SETUPTOOLS},
        {"setup.cfg": "[flake8]\nmax-line-length = 3\n"},
        {"binder/apt.txt": "", "pyproject.toml": HEAD},
    ],
)
def test_settings_of_tools_declare_no_environment(tmp_path: Path, files: Files) -> None:
    assert Package().detect(write(tmp_path, files), Options()) is None


def test_dependencies_are_early_and_the_package_is_late(read: Read) -> None:
    environment = read(HATCH + HEAD + 'dependencies = ["six"]\n', SOURCE)

    assert lines(environment) == ["six"]
    assert environment.install.local == ("-e", ".")
    assert "--no-deps" in environment.install.local_options


def test_a_name_stands_on_its_line(read: Read) -> None:
    environment = read('# c\n[project]\nname = "a"\ndependencies = [\n  "six",\n  "idna>=3", # c\n]\n')

    assert {name: found.line for name, found in environment.names.items()} == {"six": 5, "idna": 6}


def test_an_edit_that_changes_no_requirement_changes_nothing_early(read: Read) -> None:
    before = read(HATCH + HEAD + 'dependencies = ["six", "idna"]\n', SOURCE)
    after = read(f'# new\n{HATCH}{HEAD}description = "new"\ndependencies = [\n"six",  # c\n"idna"]\n', SOURCE)

    assert before.install.support == after.install.support


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, ["six", "dev-one", "docs-one"]),
        ({"extras": ("all",)}, ["six", "plot-one", "map-one", "dev-one", "docs-one"]),
        ({"extras": ("Plots", "plots")}, ["six", "plot-one", "dev-one", "docs-one"]),
        ({"groups": ("big_ones",)}, ["six", "dev-one", "docs-one", "big-one"]),
    ],
)
def test_extras_and_groups_are_chosen_by_name(
    read: Read, options: dict[str, tuple[str, ...]], expected: list[str]
) -> None:
    text = f"""{HEAD}dependencies = ["six"]
[project.optional-dependencies]
plots = ["plot-one"]
maps = ["map-one"]
all = ["Surge[plots,maps]", "surge[all]"]
[dependency-groups]
dev = ["dev-one", {{include-group = "docs"}}]
docs = ["docs-one"]
Big-Ones = ["big-one"]
"""

    assert lines(read(text, **options)) == expected


def test_what_could_be_asked_for_is_said(detect: Detect) -> None:
    text = f"""{HEAD}[project.optional-dependencies]
a = ["one"]
b = ["two"]
all = ["surge[a]"]
[dependency-groups]
dev = ["three"]
docs = ["four"]
"""

    assert said(detect({"pyproject.toml": text}, extras=("all",)), "info") == [
        "Optional and not installed: `--extra b`, `--group docs`"
    ]


def test_a_name_that_is_not_there_is_a_mistake_that_names_the_others(read: Read) -> None:
    with pytest.raises(UsageError, match="`--extra plot`") as caught:
        read(f'{HEAD}[project.optional-dependencies]\nplots = ["six"]\nmaps = []\n', extras=("plot",))

    assert caught.value.hint == "Choose one of `maps`, `plots`"


def test_options_without_effect_are_said(tmp_path: Path) -> None:
    checkout = write(tmp_path, {"requirements.txt": "six\n"})
    notices = make_plan(checkout, Options(extras=("a",), groups=("b",))).notices

    assert [notice.message for notice in notices] == [
        "`--extra` has no effect: `requirements.txt` has none",
        "`--group` has no effect: `requirements.txt` has none",
    ]


def test_the_package_that_is_not_installed_is_said(tmp_path: Path) -> None:
    files = {"requirements.txt": "six\n", "setup.py": 'from setuptools import setup\nsetup(packages=["a"])\n'}

    def warned(more: str) -> list[Notice]:
        checkout = write(tmp_path, {**files, "requirements.txt": f"six\n{more}"})
        return [notice for notice in make_plan(checkout, Options()).notices if "`-e .`" in notice.message]

    assert [notice.file for notice in warned("")] == ["setup.py"]
    assert warned("-e .\n") == warned(".[test]\n") == []


@pytest.mark.parametrize(
    ("backend", "files", "local"),
    [
        (HATCH, {"surge/__init__.py": ""}, True),
        (HATCH, {"other/__init__.py": ""}, False),
        (HATCH + '[tool.hatch.build.targets.wheel]\npackages = ["other"]\n', {"other/__init__.py": ""}, True),
        (HATCH, {"far/surge/__init__.py": ""}, True),
        (HATCH, {"Surge/__init__.py": ""}, True),
        (HATCH, {"surge.py": ""}, True),
        (SETUPTOOLS, {"surge/__init__.py": "", "docs/a.md": "", "tests/a.py": ""}, True),
        (SETUPTOOLS, {"surge/__init__.py": "", "data/a.csv": ""}, False),
        (SETUPTOOLS, {"src/a/__init__.py": "", "src/b/__init__.py": ""}, True),
        (SETUPTOOLS, {"one.py": "", "two.py": ""}, False),
        (SETUPTOOLS, {"one.py": "", "setup.py": "setup()"}, True),
        (SETUPTOOLS + '[tool.setuptools]\npackages = ["a"]\n', {"a/x.py": "", "data/a.csv": ""}, True),
        ("", {"surge/__init__.py": ""}, True),
        ("", {"surge/x.py": ""}, False),
        ("", {"a/__init__.py": "", "b/__init__.py": ""}, False),
        ("", {"src/a/__init__.py": "", "src/b/__init__.py": ""}, False),
        ("", {"data/a.csv": ""}, False),
        ("[tool.uv]\npackage = false\n", {"surge/__init__.py": ""}, False),
        ("[tool.uv]\npackage = true\n", {"surge/x.py": ""}, True),
        (HATCH + "[tool.uv]\npackage = false\n", {"surge/__init__.py": ""}, False),
        (HATCH + "[tool.pdm]\ndistribution = false\n", {"surge/__init__.py": ""}, False),
    ],
)
def test_a_package_is_installed_where_its_author_could_install_it(
    read: Read, backend: str, files: Files, *, local: bool
) -> None:
    environment = read(f'{backend}{HEAD}dependencies = ["six"]\n', files)

    assert environment.install.local == (("-e", ".") if local else ())
    assert lines(environment) == ["six"]


def test_what_setuptools_would_refuse_is_explained(detect: Detect) -> None:
    files = {"surge/__init__.py": "", "data/a.csv": "", "notebooks/a.ipynb": ""}
    (message,) = said(detect({"pyproject.toml": SETUPTOOLS + HEAD, **files}))

    assert "`data`, `notebooks`, `surge`" in message
    assert '`packages = ["surge"]`' in message


def test_where_only_a_build_tells_the_dependencies_a_build_that_must_fail_is_an_error(read: Read) -> None:
    with pytest.raises(InvalidRepositoryError, match="choose the package"):
        read(SETUPTOOLS + HEAD + 'dynamic = ["dependencies"]\n', {"a/x.py": "", "b/x.py": ""})


def test_dependencies_that_only_the_build_tells_come_with_the_package(read: Read) -> None:
    environment = read(
        HATCH + HEAD + 'dynamic = ["dependencies", "optional-dependencies"]\n', SOURCE, extras=("X",)
    )

    assert environment.install.local == ("-e", ".[x]")
    assert "--no-deps" not in environment.install.local_options


@pytest.mark.parametrize(
    ("requires", "local"),
    [
        ('["setuptools>=61"]', ("-e", ".")),
        ('["setuptools==58.1.0", "wheel"]', (".",)),
        ('["setuptools<60"]', (".",)),
        ('["setuptools>=64,<70"]', ("-e", ".")),
    ],
)
def test_old_build_tools_install_no_editable_package(
    read: Read, requires: str, local: tuple[str, ...]
) -> None:
    assert read(f"{HEAD}[build-system]\nrequires = {requires}\n", SOURCE).install.local == local


def test_sources_of_uv_are_followed(read: Read) -> None:
    environment = read(
        f"""{HATCH}{HEAD}dependencies = ["torch", "near", "member", "six"]
[tool.uv]
constraint-dependencies = ["six<2"]
[tool.uv.workspace]
members = ["packages/*"]
[tool.uv.sources]
torch = [{{ index = "cpu", marker = "sys_platform == 'linux'" }}]
near = {{ path = "libs/near" }}
member = {{ workspace = true }}
[[tool.uv.index]]
name = "cpu"
url = "https://example.org/simple"
explicit = true
""",
        {
            **SOURCE,
            "libs/near/pyproject.toml": '[project]\nname = "near"\nversion = "1"\ndependencies = ["idna"]\n',
            "packages/m/pyproject.toml": '[project]\nname = "member"\nversion = "1"\ndependencies = ["near"]\n',
        },
    )
    made = tomllib.loads(environment.install.support["pyproject.toml"])

    assert environment.install.entry == "pyproject.toml"
    assert made["project"]["dependencies"] == ["torch", "idna", "near", "six"]
    assert list(made["tool"]["uv"]["sources"]) == ["torch"]
    assert [index["name"] for index in made["tool"]["uv"]["index"]] == ["cpu"]
    assert tomllib.loads(environment.install.support["uv.toml"])["constraint-dependencies"] == ["six<2"]
    assert environment.install.local == ("-e", ".", "./libs/near", "-e", "./packages/m")


def test_settings_beside_the_project_are_used(read: Read) -> None:
    environment = read(
        f'{HEAD}dependencies = ["six"]\n[tool.uv]\nprerelease = "allow"\n',
        {"uv.toml": 'index-strategy = "unsafe-best-match"\nrequired-version = "==0.1"\n'},
    )

    assert tomllib.loads(environment.install.support["uv.toml"]) == {"index-strategy": "unsafe-best-match"}


@pytest.mark.parametrize(
    ("written", "read_as"),
    [
        ("^1.2", ">=1.2,<2.0"),
        ("^0.3", ">=0.3,<0.4"),
        ("^0.0.3", ">=0.0.3,<0.0.4"),
        ("~1.2", ">=1.2,<1.3"),
        ("~1", ">=1,<2"),
        ("1.2.3", "==1.2.3"),
        ("1.*", "==1.*"),
        ("*", ""),
        (">=1,<2", ">=1,<2"),
        ("^1 || ^3", ">=1,<4"),
        ("2.7 || >=3.4", ">=2.7"),
        (">=3.8,!=3.9.7", ">=3.8,!=3.9.7"),
    ],
)
def test_constraints_of_poetry_become_specifiers(written: str, read_as: str) -> None:
    found = specifier(Line(file="pyproject.toml", number=1, text=written))

    assert SpecifierSet(found) == SpecifierSet(read_as)


POETRY = """[tool.poetry]
name = "surge"
[tool.poetry.dependencies]
python = "^3.9"
six = "^1.16"
plain = "*"
extra = { version = ">=1", extras = ["b", "a"], python = "<3.11" }
optional = { version = "1.*", optional = true }
remote = { git = "git@github.com:a/remote.git", tag = "v1" }
several = [{ version = "<2", python = "<3.10" }, { version = ">=2", python = ">=3.10" }]
from-cpu = { version = "*", source = "cpu" }
near = { path = "near", develop = true }
[tool.poetry.extras]
more = ["optional"]
[tool.poetry.group.dev.dependencies]
idna = "3.4"
[tool.poetry.group.docs]
optional = true
[tool.poetry.group.docs.dependencies]
sphinx = "*"
[[tool.poetry.source]]
name = "cpu"
url = "https://example.org/simple"
priority = "explicit"
"""


def test_dependencies_of_poetry(read: Read) -> None:
    files = {"near/pyproject.toml": '[project]\nname = "near"\nversion = "1"\n'}
    environment = read(POETRY, files, extras=("more",))
    asked = tomllib.loads(environment.install.support["pyproject.toml"])["project"]["dependencies"]

    assert [str(Requirement(line)) for line in asked] == [
        "six<2.0,>=1.16",
        "plain",
        'extra[a,b]>=1; python_version < "3.11"',
        "remote @ git+https://github.com/a/remote.git@v1",
        'several<2; python_version < "3.10"',
        'several>=2; python_version >= "3.10"',
        "from-cpu",
        "optional==1.*",
        "idna==3.4",
    ]
    assert environment.install.local == ("-e", "./near")


def test_the_python_of_every_form_is_a_constraint(detect: Detect, tmp_path: Path) -> None:
    (project,) = detect({"pyproject.toml": HEAD + 'requires-python = ">=3.9, <4"\n'}).requires
    (poetry,) = detect({"pyproject.toml": '[tool.poetry.dependencies]\npython = "^3.9"\n'}).requires
    (tmp_path / "pyproject.toml").unlink()
    (script,) = detect(
        {"setup.py": 'from setuptools import setup\nsetup(\n  python_requires=">=3.6",\n)\n'}
    ).requires
    (tmp_path / "setup.py").unlink()
    (config,) = detect({"setup.cfg": "[options]\npython_requires = >=3.7\n"}).requires

    assert [SpecifierSet(found.specifier) for found in (project, poetry, script, config)] == [
        SpecifierSet(text) for text in (">=3.9,<4", ">=3.9,<4.0", ">=3.6", ">=3.7")
    ]
    assert [(found.evidence.file, found.evidence.line) for found in (project, poetry, script, config)] == [
        ("pyproject.toml", 4),
        ("pyproject.toml", 2),
        ("setup.py", 3),
        ("setup.cfg", 2),
    ]


def calls(text: str) -> dict[str, object]:
    (found,) = read_script(text, "setup.py").calls
    return {key: "unknown" if value is UNKNOWN else value for key, value in found.items()}


@pytest.mark.parametrize(
    ("script", "value"),
    [
        ("setup(x=['a', 'b'])", ["a", "b"]),
        ("import setuptools\nsetuptools.setup(x=('a',) + ('b',))", ["a", "b"]),
        ("r = ['a']\nr += ['b']\nsetup(x=r)", ["a", "b"]),
        ("r: list = ['a']\nif __name__ == '__main__':\n    setup(x=r)", ["a"]),
        ("kw = dict(x=['a'])\nsetup(**kw)", ["a"]),
        ("v = '1'\nsetup(x=[f'a=={v}'])", ["a==1"]),
        ("setup(x='''\na\nb\n'''.split())", ["a", "b"]),
        ("setup(x=open('r.txt').read().splitlines())", FileText("r.txt")),
        ("with open('r.txt') as f:\n    r = f.readlines()\nsetup(x=r)", FileText("r.txt")),
        (
            "from pathlib import Path\nh = Path(__file__).parent\nsetup(x=(h / 'd' / 'r.txt').read_text())",
            FileText("d/r.txt"),
        ),
        (
            "import os\nh = os.path.dirname(os.path.abspath(__file__))\nsetup(x=[l for l in open(os.path.join(h, 'r.txt')) if l])",
            FileText("r.txt"),
        ),
        ("r = ['a']\nr.append('b')\nsetup(x=r)", "unknown"),
        ("import sys\nr = ['a']\nif sys.version_info < (3,):\n    r = ['b']\nsetup(x=r)", "unknown"),
        ("r = ['a']\nchange(r)\nsetup(x=r)", "unknown"),
        ("r = ['a']\nr[0] = 'b'\nsetup(x=r)", "unknown"),
        ("def f():\n    return ['a']\nsetup(x=f())", "unknown"),
        ("r = [l for l in open('r.txt') if 'numpy' not in l]\nsetup(x=r)", "unknown"),
        ("def main():\n    r = ['b']\n    setup(x=r)\nr = ['a']\nmain()", "unknown"),
        ("import os\nsetup(x=[os.environ['A']])", "unknown"),
    ],
)
def test_values_of_a_script_are_known_only_where_they_are_certain(script: str, value: object) -> None:
    assert calls(script)["x"] == value


@pytest.mark.parametrize(
    "script",
    [
        "",
        "print('no setup')",
        "setup(**f())",
        "if a:\n    setup(install_requires=['a'])\nelse:\n    setup(install_requires=['b'])",
        f"x = {'1+' * 50_000}1\nsetup(install_requires=['a'])",
        f"x = {'-' * 50_000}1\nsetup(install_requires=['a'])",
        f"x = a{'.a' * 50_000}\nsetup(install_requires=['a'])",
        "x = ['a']\n" + "x += x\n" * 80 + "setup(install_requires=x)",
    ],
    ids=range(8),
)
def test_whatever_a_script_is_the_package_is_installed(tmp_path: Path, script: str) -> None:
    found = Package().detect(write(tmp_path, {"setup.py": script}), Options())

    assert found is not None
    assert found.environment is not None
    assert found.environment.install.local == ("-e", ".")


def test_settings_and_script_of_setuptools_are_read_together(detect: Detect) -> None:
    environment = detect(
        {
            "setup.py": "from setuptools import setup\nsetup(install_requires=[], extras_require={'a': ['x']}, packages=['p'])\n",
            "setup.cfg": "[metadata]\nname = p\n[options]\ninstall_requires =\n  six\n[options.extras_require]\nB = idna\n",
            "pyproject.toml": "[tool.black]\n",
        },
        extras=("a", "b"),
    ).environment
    assert environment is not None

    assert lines(environment) == ["six", "x", "idna"]
    assert {evidence.file for evidence in environment.evidence} == {"setup.py", "setup.cfg", "pyproject.toml"}


WORDS = st.sampled_from(
    (
        *(
            "[project]\n",
            'name = "a"\n',
            "[tool.poetry]\n",
            "[tool.uv]\n",
            "[tool.pdm]\n",
            "[dependency-groups]\n",
        ),
        *(
            'dependencies = ["six", "a b"]\n',
            "[tool.poetry.dependencies]\n",
            'x = "^1"\n',
            'x = {path = ".."}\n',
        ),
        *("[tool.uv.sources]\n", "six = {index = 3}\n", "[[tool.uv.index]]\n", 'url = "x"\n', "dev = 1\n"),
        *(
            'dynamic = ["dependencies"]\n',
            "[build-system]\n",
            'requires = ["setuptools<4"]\n',
            "x = 2020-01-01\n",
        ),
        *('requires-python = "3"\n', "[project.optional-dependencies]\n", 'a = ["a[a]"]\n', "x = [{}]\n"),
        *(
            "[tool.setuptools.dynamic]\n",
            'dependencies = {file = "pyproject.toml"}\n',
            "x = inf\n",
            "'' = ''\n",
        ),
    )
)
CODE = st.sampled_from(
    (
        *(
            "setup(",
            ")",
            "install_requires=",
            "extras_require=",
            "['six']",
            "{'a': x}",
            "x",
            " = ",
            "\n",
            "+",
            "open(",
        ),
        *(
            "'pyproject.toml'",
            ".read()",
            ".splitlines()",
            "**",
            ",",
            "with ",
            " as f:\n    ",
            "[l for l in f]",
            "python_requires='3'",
        ),
    )
)
SECTIONS = st.sampled_from(
    (
        "[options]\n",
        "[metadata]\n",
        "name = x\n",
        "install_requires = file: setup.cfg\n",
        "install_requires =\n  six\n",
        "  a b\n",
    )
)


@given(
    st.lists(WORDS, max_size=12).map("".join) | st.text(max_size=60) | st.binary(max_size=60),
    st.lists(CODE, max_size=14).map("".join) | st.text(max_size=60) | st.none(),
    st.lists(SECTIONS, max_size=6).map("".join) | st.text(max_size=40) | st.none(),
)
@example("x = " + "9" * 5000, None, None)
@example("x = " + "[" * 5000, None, None)
@example('[project]\nname = "x"\ndependencies = ["a ; python_version < \'' + "9" * 5000 + "'\"]", None, None)
@example('[tool.poetry.dependencies]\npython = "' + "9" * 5000 + '"', None, None)
@example("", "x = '\\d'\nsetup(name=x)", "[options]\n%(x)s = %(y)s\n")
def test_any_files_give_a_value_or_an_error(
    pyproject: str | bytes, script: str | None, config: str | None
) -> None:
    contents = {"pyproject.toml": pyproject, "setup.py": script, "setup.cfg": config}
    with TemporaryDirectory() as directory:
        checkout = write(
            Path(directory),
            {
                name: text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
                for name, text in contents.items()
                if text is not None
            },
        )
        try:
            found = Package().detect(checkout, Options(extras=("a",)))
        except R2iError:
            return
    support = found.environment.install.support if found and found.environment else {}

    for name in support:
        if name.endswith(".toml"):
            tomllib.loads(support[name])


@given(st.text(max_size=200))
def test_python_and_its_values_agree(text: str) -> None:
    """A list of strings is known as it is written, whatever its strings are."""
    script = f"x = {[text, text]!r}\nsetup(install_requires=x)"

    assert calls(script)["install_requires"] == ast.literal_eval(repr([text, text]))


def test_a_checkout_is_all_that_is_read(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("hidden\n", encoding="utf-8")
    script = (
        "from setuptools import setup\nsetup(install_requires=open('../secret.txt').read().splitlines())\n"
    )
    checkout = write(tmp_path / "repo", {"setup.py": script})

    with pytest.raises(InvalidRepositoryError, match="leads out of the repository"):
        Package().detect(Checkout.open(checkout.root), Options())


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("[dependency-groups]", "The dependency groups `dev` and `Dev` have the same name"),
        ("[project.optional-dependencies]", "The extras `dev` and `Dev` have the same name"),
    ],
)
def test_no_group_is_lost_by_its_name(table: str, words: str, tmp_path: Path) -> None:
    text = f'[project]\nname = "a"\nversion = "1"\n{table}\ndev = ["six"]\nDev = ["idna"]\n'
    (tmp_path / "pyproject.toml").write_text(text)
    with pytest.raises(InvalidRepositoryError) as caught:
        make_plan(Checkout.open(tmp_path), Options())

    assert (caught.value.message, caught.value.line) == (words, 6)
