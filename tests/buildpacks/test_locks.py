"""Locks: what is read of them, what is chosen, what is refused, and what an edit beside them changes."""

from __future__ import annotations

import copy
import json
import re
import shutil
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet
from tests.cases import REPOS
from tests.writing import write

from r2i.buildpacks import ENVIRONMENTS
from r2i.checkout import Checkout
from r2i.errors import InvalidRepositoryError, UsageError
from r2i.model import Options, Plan, Stage
from r2i.planning.compose import make_plan

#: Every kind of lock, with a real one.
LOCKS = {
    "uv.lock": "uv-lock",
    "pylock.toml": "pylock",
    "poetry.lock": "poetry-lock",
    "pdm.lock": "pdm-lock",
    "Pipfile.lock": "pipfile-lock",
    "Pipfile": "pipfile",
}


def copied(case: str, top: Path) -> Path:
    return Path(shutil.copytree(REPOS / case / "repo", top / "repo"))


def plan_of(repo: Path, **options: Any) -> Plan:
    return make_plan(Checkout.open(repo), Options(**options))


def layers(plan: Plan, stage: Stage) -> list[Any]:
    return [layer for layer in plan.layers if layer.stage is stage]


def rendered(plan: Plan) -> Any:
    """All that decides whether the layer of the dependencies is built anew."""
    (layer,) = layers(plan, Stage.DEPENDENCIES)
    return layer.template, layer.variables, layer.support


def replaced(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


@pytest.mark.parametrize(
    ("case", "options", "arguments"),
    [
        ("uv-lock", {}, ("uv",)),
        ("uv-lock", {"extras": ("PLOT",)}, ("uv", "--extra", "plot")),
        ("uv-lock", {"groups": ("docs", "docs")}, ("uv", "--group", "docs")),
        ("poetry-lock", {}, ("poetry", "--with", "dev")),
        ("poetry-lock", {"groups": ("docs",)}, ("poetry", "--with", "dev", "--with", "docs")),
        ("poetry-lock", {"extras": ("plot",)}, ("poetry", "--with", "dev", "--extras", "plot")),
        ("pylock", {}, ("pylock",)),
    ],
)
def test_what_the_author_s_tool_installs_and_what_is_named_is_installed(
    case: str, options: dict[str, Any], arguments: tuple[str, ...], tmp_path: Path
) -> None:
    (layer,) = layers(plan_of(copied(case, tmp_path), **options), Stage.DEPENDENCIES)

    assert layer.variables["lock"] == arguments


@pytest.mark.parametrize(
    ("case", "options", "names"),
    [
        ("pdm-lock", {}, {"six", "iniconfig", "tomli-w", "colorama"}),
        ("pdm-lock", {"extras": ("plot",)}, {"six", "iniconfig", "tomli-w", "colorama", "attrs"}),
        ("pipfile-lock", {}, {"six", "iniconfig", "pluggy", "colorama"}),
        ("pipfile-lock", {"groups": ("docs",)}, {"six", "iniconfig", "pluggy", "colorama", "tomli-w"}),
    ],
)
def test_of_a_flat_lock_the_chosen_packages_are_written_out(
    case: str, options: dict[str, Any], names: set[str], tmp_path: Path
) -> None:
    (layer,) = layers(plan_of(copied(case, tmp_path), **options), Stage.DEPENDENCIES)
    lines = layer.support["lock/requirements.txt"].splitlines()

    assert {line.replace("==", " ").split(" ")[0] for line in lines} == names
    assert all("--hash=sha256:" in line for line in lines if "==" in line.split(";")[0])


@pytest.mark.parametrize("case", ["uv-lock", "poetry-lock", "pdm-lock", "pipfile-lock", "pipfile", "pylock"])
@pytest.mark.parametrize("option", ["extras", "groups"])
def test_a_name_that_the_lock_does_not_have_is_an_error_that_says_which_there_are(
    case: str, option: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="no-such") as caught:
        plan_of(copied(case, tmp_path), **{option: ("no-such",)})

    has_some = case in ("uv-lock", "poetry-lock", "pdm-lock") or (case, option) == ("pipfile-lock", "groups")
    assert caught.value.hint is not None
    assert caught.value.hint.startswith("Choose one of `" if has_some else "Remove `--")


@pytest.mark.parametrize(
    ("case", "file", "old", "new"),
    [
        ("uv-lock", "pyproject.toml", "line-length = 100", "line-length = 88  # shorter"),
        ("uv-lock", "pyproject.toml", 'version = "0.3.0"', 'version = "0.4.0"'),
        ("uv-lock", "uv.lock", 'name = "paper"\nversion = "0.3.0"', 'name = "paper"\nversion = "0.4.0"'),
        ("uv-lock", "src/paper/__init__.py", "42", "43"),
        ("poetry-lock", "pyproject.toml", 'version = "0.3.0"', 'version = "0.4.0"'),
        ("poetry-lock", "poetry.lock", "# This file", "# This very file"),
        ("poetry-lock", "vendor/tool/tool/__init__.py", "42", "43"),
        ("pdm-lock", "pyproject.toml", 'version = "0.3.0"', 'version = "0.4.0"  # out soon'),
        ("pdm-lock", "pdm.lock", "# It is not intended", "# It is never intended"),
        ("pipfile-lock", "pyproject.toml", 'version = "0.3.0"', 'version = "0.4.0"'),
        ("pipfile", "Pipfile", "[dev-packages]", "# for the tests\n[dev-packages]"),
        ("pylock", "pyproject.toml", 'version = "0.3.0"', 'version = "0.4.0"'),
    ],
)
def test_what_changes_nothing_from_elsewhere_leaves_the_layer_of_the_dependencies_alone(
    case: str, file: str, old: str, new: str, tmp_path: Path
) -> None:
    repo = copied(case, tmp_path)
    before = plan_of(repo)
    replaced(repo / file, old, new)

    assert rendered(plan_of(repo)) == rendered(before)


def test_another_version_in_the_lock_changes_the_layer(tmp_path: Path) -> None:
    repo = copied("uv-lock", tmp_path)
    before = plan_of(repo)
    replaced(repo / "uv.lock", 'name = "six"\nversion = "1.17.0"', 'name = "six"\nversion = "1.16.0"')

    assert rendered(plan_of(repo)) != rendered(before)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"six>=1.16"', '"six>=1.17"', "does not lock `six>=1.17`"),
        ('"six>=1.16", ', "", "also locks `six`"),
        ('"six>=1.16"', '"six>=1.16", "attrs"', "does not lock `attrs`|also locks"),
        ('plot = ["attrs"]', 'plot = ["attrs>=25"]', "does not lock `attrs>=25`"),
        ('dev = ["iniconfig"]', 'dev = ["iniconfig", "pluggy"]', "does not lock `pluggy`"),
        ('requires-python = ">=3.11"', 'requires-python = ">=3.12"', "locks Python `>=3.11`"),
    ],
)
def test_a_uv_lock_that_does_not_match_is_an_error_with_the_way_out(
    old: str, new: str, words: str, tmp_path: Path
) -> None:
    repo = copied("uv-lock", tmp_path)
    replaced(repo / "pyproject.toml", old, new)
    if new == '"six>=1.16", "attrs"':
        plan_of(repo)  # the extra `plot` has it: which of the two asks is not compared
        return
    with pytest.raises(InvalidRepositoryError, match=words) as caught:
        plan_of(repo)

    assert caught.value.file == "pyproject.toml"
    assert "uv lock" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('requires-python = ">=3.11"', 'requires-python = ">=3.11.0"'),
        ('"six>=1.16"', '"Six >= 1.16"'),
        ("sys_platform == 'win32'", "sys_platform=='win32'"),
        ("[tool.ruff]", "[tool.other]"),
    ],
)
def test_another_spelling_of_the_same_is_no_mismatch(old: str, new: str, tmp_path: Path) -> None:
    repo = copied("uv-lock", tmp_path)
    replaced(repo / "pyproject.toml", old, new)

    assert layers(plan_of(repo), Stage.PACKAGE)


def test_a_poetry_lock_without_a_hash_is_compared_by_names(tmp_path: Path) -> None:
    repo = copied("poetry-lock", tmp_path)
    lock = repo / "poetry.lock"
    lock.write_text(re.sub(r"^content-hash.*\n", "", lock.read_text(), flags=re.MULTILINE))

    assert layers(plan_of(repo), Stage.PACKAGE)
    replaced(repo / "pyproject.toml", 'six = "^1.16"', 'six = "^1.16"\nclick = "*"')
    with pytest.raises(InvalidRepositoryError, match="does not match"):
        plan_of(repo)


@pytest.mark.parametrize("case", ["uv-lock", "poetry-lock", "pdm-lock"])
def test_a_lock_without_its_manifest_is_an_error(case: str, tmp_path: Path) -> None:
    repo = copied(case, tmp_path)
    (repo / "pyproject.toml").unlink()
    with pytest.raises(InvalidRepositoryError, match=r"no `pyproject\.toml` beside") as caught:
        plan_of(repo)

    assert caught.value.hint


def test_a_workspace_member_that_is_gone_is_an_error(tmp_path: Path) -> None:
    repo = copied("uv-lock-workspace", tmp_path)
    shutil.rmtree(repo / "packages/data")
    with pytest.raises(InvalidRepositoryError, match=r"packages/data/pyproject\.toml"):
        plan_of(repo)


def test_what_lies_in_the_repository_comes_after_it_and_without_dependencies(tmp_path: Path) -> None:
    (package,) = layers(plan_of(copied("uv-lock-workspace", tmp_path)), Stage.PACKAGE)

    assert package.variables["local"] == (
        *("--no-deps", "-e", "./packages/data", "-e", "./packages/model", "./vendor/tool"),
    )


@pytest.mark.parametrize(
    ("case", "old", "new"),
    [
        ("uv-lock", "[tool.ruff]", "[tool.uv]\npackage = false\n[tool.ruff]"),
        (
            "poetry-lock",
            '[tool.poetry]\nname = "paper"',
            '[tool.poetry]\npackage-mode = false\nname = "paper"',
        ),
        ("pdm-lock", "distribution = true", "distribution = false"),
    ],
)
def test_a_project_that_is_no_package_is_not_installed(case: str, old: str, new: str, tmp_path: Path) -> None:
    repo = copied(case, tmp_path)
    replaced(repo / "pyproject.toml", old, new)
    if case == "uv-lock":
        replaced(repo / "uv.lock", 'editable = "."', 'virtual = "."')
    words = [word for layer in layers(plan_of(repo), Stage.PACKAGE) for word in layer.variables["local"]]

    assert "." not in words


def test_a_poetry_project_without_a_module_has_its_dependencies_and_a_warning(tmp_path: Path) -> None:
    repo = copied("poetry-lock", tmp_path)
    shutil.rmtree(repo / "paper")
    plan = plan_of(repo)
    (package,) = layers(plan, Stage.PACKAGE)

    assert package.variables["local"] == ("--no-deps", "-e", "./vendor/tool")
    assert [notice.level for notice in plan.notices if "itself is not installed" in notice.message] == [
        "warning"
    ]


@pytest.mark.parametrize(
    ("case", "file", "allowed"),
    [
        ("uv-lock", "pyproject.toml", ">=3.11"),
        ("poetry-lock", "pyproject.toml", ">=3.11,<4.0"),
        ("pdm-lock", "pyproject.toml", ">=3.11"),
        ("pylock", "pylock.toml", ">=3.11"),
    ],
)
def test_the_python_that_a_lock_allows_is_known(case: str, file: str, allowed: str, tmp_path: Path) -> None:
    python = plan_of(copied(case, tmp_path)).python
    assert python is not None

    assert (python.version, python.evidence.file) == ("3.13", file)
    assert SpecifierSet(python.evidence.why.split()[2].rstrip(";")) == SpecifierSet(allowed)


def test_the_python_of_a_pipfile_is_the_one_that_is_asked_for(tmp_path: Path) -> None:
    repo = copied("pipfile", tmp_path)
    replaced(repo / "Pipfile", 'python_version = "3.13"', 'python_full_version = "3.12.4"')
    python = plan_of(repo).python
    assert python is not None

    assert (python.version, python.evidence.file, python.evidence.line) == ("3.12.4", "Pipfile", 11)


@pytest.mark.parametrize(
    ("entry", "line"),
    [
        ('"*"', "pkg"),
        ('"==1.0"', "pkg==1.0"),
        ('"1.0"', "pkg==1.0"),
        ('{version = ">=1,<2", extras = ["a", "b"]}', "pkg[a,b]>=1,<2"),
        (
            '{version = "*", os_name = "== \'nt\'", python_version = "< \'3\'"}',
            "pkg ; (os_name == 'nt') and (python_version < '3')",
        ),
        ('{git = "https://example.org/p.git", ref = "v1"}', "pkg @ git+https://example.org/p.git@v1"),
        ('{git = "git@github.com:a/p.git", editable = true}', "pkg @ git+https://github.com/a/p.git"),
        (
            '{git = "https://example.org/p.git", ref = "v1", subdirectory = "py", extras = ["x"]}',
            "pkg[x] @ git+https://example.org/p.git@v1#subdirectory=py",
        ),
        ('{file = "https://example.org/pkg-1.0.tar.gz"}', "pkg @ https://example.org/pkg-1.0.tar.gz"),
        (
            '{git = "https://user:secret@example.org/p.git", ref = "v1"}',
            "pkg @ git+https://example.org/p.git@v1",
        ),
    ],
)
def test_entries_of_a_pipfile_become_requirements(entry: str, line: str, tmp_path: Path) -> None:
    plan = make_plan(write(tmp_path, {"Pipfile": f"[packages]\npkg = {entry}\n"}), Options())
    (layer,) = layers(plan, Stage.DEPENDENCIES)

    assert layer.support["requirements/Pipfile"].splitlines()[-1] == line


@pytest.mark.parametrize("entry", ['"latest"', '"^1.2"', '{version = "x"}'])
def test_an_entry_of_a_pipfile_never_becomes_another_name(entry: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidRepositoryError, match="is not a version range for `pkg`") as caught:
        make_plan(write(tmp_path, {"Pipfile": f"[packages]\npkg = {entry}\n"}), Options())

    assert caught.value.where == "Pipfile:2"


def test_indexes_of_a_pipfile_are_passed_on_and_the_public_one_is_the_machine_s(tmp_path: Path) -> None:
    sources = "".join(
        f'[[source]]\nname = "{name}"\nurl = "{url}"\nverify_ssl = {verify}\n'
        for name, url, verify in (
            ("pypi", "https://anything.example/simple", "true"),
            ("lab", "https://user:secret@lab.example/simple", "false"),
        )
    )
    plan = make_plan(
        write(tmp_path, {"Pipfile": f'{sources}[packages]\npkg = {{version = "*", index = "lab"}}\n'}),
        Options(),
    )
    (layer,) = layers(plan, Stage.DEPENDENCIES)

    assert layer.support["requirements/Pipfile"] == "--extra-index-url https://lab.example/simple\npkg\n"
    assert "--allow-insecure-host=lab.example" in layer.variables["options"]
    assert [notice.line for notice in plan.notices if "password" in notice.message] == [7]


@pytest.mark.parametrize("case", ["uv-lock", "pylock", "poetry-lock", "pdm-lock", "pipfile-lock"])
def test_no_password_of_a_lock_gets_into_the_plan(case: str, tmp_path: Path) -> None:
    from r2i.planning.plan_json import to_json

    repo = copied(case, tmp_path)
    name = next(path for path in LOCKS if LOCKS[path] == case)
    text = (repo / name).read_text()
    if name == "Pipfile.lock":
        source = {"name": "lab", "url": "https://ada:hunter2@lab.example/simple"}
        text = text.replace('"sources": []', f'"sources": [{json.dumps(source)}]')
    elif name == "poetry.lock":
        text = text.replace(
            'type = "directory"\nurl = "',
            'reference = "https://ada:hunter2@lab.example"\ntype = "directory"\nurl = "',
        )
    elif name == "pdm.lock":
        text = text.replace('summary = "', 'url = "https://ada:hunter2@lab.example/a-1.zip"\nsummary = "', 1)
    else:
        text = text.replace('"https://', '"https://ada:hunter2@')
    assert "hunter2" in text
    (repo / name).write_text(text)
    plan = plan_of(repo)

    assert "hunter2" not in to_json(plan)
    assert any("password" in notice.message and notice.file == name for notice in plan.notices)


def test_server_parts_that_the_project_asks_for_join_and_those_that_came_along_do_not(tmp_path: Path) -> None:
    repo = copied("pipfile-lock", tmp_path)
    lock = json.loads((repo / "Pipfile.lock").read_text())
    lock["default"]["notebook"] = {"version": "==6.5.7"}
    (repo / "Pipfile.lock").write_text(json.dumps(lock))
    jupyter = plan_of(repo).jupyter
    (repo / "Pipfile").unlink()
    alone = plan_of(repo).jupyter
    assert jupyter is not None
    assert alone is not None

    assert (jupyter.mode, alone.mode) == ("split", "joined")


@pytest.mark.parametrize("directory", ["binder", ".binder"])
@pytest.mark.parametrize("case", ["uv-lock", "poetry-lock", "pdm-lock", "pylock"])
def test_a_lock_in_the_config_directory_is_read_with_what_lies_beside_it(
    case: str, directory: str, tmp_path: Path
) -> None:
    repo = copied(case, tmp_path)
    repo.rename(tmp_path / directory)
    (tmp_path / "top").mkdir()
    (tmp_path / directory).rename(tmp_path / "top" / directory)
    (package,) = layers(plan_of(tmp_path / "top"), Stage.PACKAGE)
    words = [word for word in package.variables["local"] if not word.startswith("-")]

    assert f"./{directory}" in words
    assert all(word.startswith(f"./{directory}") for word in words)


@pytest.mark.parametrize(
    ("case", "file", "old", "new"),
    [
        (
            "uv-lock-workspace",
            "uv.lock",
            'source = { directory = "vendor/tool"',
            'source = { directory = "../x"',
        ),
        ("poetry-lock", "poetry.lock", 'url = "vendor/tool"', 'url = "/home/ada/tool"'),
        ("poetry-lock", "poetry.lock", 'url = "vendor/tool"', 'url = "vendor/gone"'),
        ("pylock", "pylock.toml", 'path = "."', 'path = "$(touch x)"'),
    ],
)
def test_a_path_that_the_repository_does_not_have_is_an_error(
    case: str, file: str, old: str, new: str, tmp_path: Path
) -> None:
    repo = copied(case, tmp_path)
    replaced(repo / file, old, new)
    with pytest.raises(InvalidRepositoryError) as caught:
        plan_of(repo)

    assert caught.value.file == file
    assert caught.value.hint


def test_a_named_pylock_counts_where_it_is_the_only_one(tmp_path: Path) -> None:
    repo = copied("pylock", tmp_path)
    (repo / "pylock.toml").rename(repo / "pylock.paper.toml")

    assert any(layer.buildpack == "pylock" for layer in plan_of(repo).layers)
    shutil.copy(repo / "pylock.paper.toml", repo / "pylock.other.toml")
    plan = plan_of(repo)
    assert not any(layer.buildpack == "pylock" for layer in plan.layers)
    assert {"pylock.other.toml", "pylock.paper.toml"} <= {ignored.file for ignored in plan.ignored}


def detected(files: Mapping[str, bytes | str], top: Path) -> None:
    """Every pack looks; what it finds is a value or an error of ours that names a file."""
    checkout = write(top, files)
    named: list[str | None] = []
    for pack in ENVIRONMENTS:
        if set(pack.files) & set(LOCKS):
            try:
                pack.detect(checkout, Options())
            except InvalidRepositoryError as error:
                named.append(error.file)
    assert None not in named


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=8)
    | st.sampled_from(
        ["", ".", "..", "/etc", "=", "a b", "\n", "${X}", "../x", "six", "https://u:p@h/x.whl", "==1"]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=5,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    children = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    return found + [place for key, child in children for place in places(child, (*path, key))]


def without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_none(item) for key, item in value.items() if item is not None}
    return [without_none(item) for item in value if item is not None] if isinstance(value, list) else value


@pytest.mark.parametrize("name", [*LOCKS, "pyproject.toml"])
@settings(max_examples=60)
@given(data=st.data())
def test_a_lock_of_any_shape_gives_a_value_or_an_error_of_ours(
    name: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    repo = REPOS / LOCKS.get(name, "uv-lock") / "repo"
    files = {
        path.name: path.read_bytes()
        for path in repo.iterdir()
        if path.is_file() and path.name != "requirements.txt"
    }
    whole = json.loads(files[name]) if name == "Pipfile.lock" else tomllib.loads(files[name].decode())
    for _ in range(data.draw(st.integers(1, 3))):
        whole = copy.deepcopy(whole)
        path = data.draw(st.sampled_from(places(whole)))
        holder = whole
        for key in path[:-1]:
            holder = holder[key]
        holder[path[-1]] = data.draw(VALUES)
    files[name] = (
        json.dumps(whole) if name == "Pipfile.lock" else tomli_w.dumps(without_none(whole))
    ).encode(errors="replace")
    detected(files, tmp_path_factory.mktemp("shape"))


@pytest.mark.parametrize("name", LOCKS)
@settings(max_examples=40)
@given(content=st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode(errors="replace")))
def test_any_bytes_give_a_value_or_an_error_of_ours(
    name: str, content: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    detected(
        {name: content, "pyproject.toml": '[project]\nname = "a"\nversion = "1"\n'},
        tmp_path_factory.mktemp("bytes"),
    )


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ('version = "2.3.1"', 'version = "not a version!"', True, "Invalid version: 'not a version!'"),
        ('name = "six"', 'name = "-six-"', True, "'-six-'"),
        ("requires-python = ", 'requires-python = "python" #', False, "Invalid specifier: 'python'"),
    ],
)
def test_a_pylock_that_its_specification_refuses_is_refused(
    old: str, new: str, words: str, tmp_path: Path, *, line: bool
) -> None:
    repo = copied("pylock", tmp_path)
    text = (repo / "pylock.toml").read_text()
    assert old in text
    (repo / "pylock.toml").write_text(text.replace(old, new))
    with pytest.raises(InvalidRepositoryError, match="is not a valid lock file") as caught:
        plan_of(repo)

    package = text[: text.index(old)].rindex("[[packages]]") if line else 0
    assert words in caught.value.message
    assert caught.value.line == (text[:package].count("\n") + 1 if line else None)


def test_one_package_is_no_packages(tmp_path: Path) -> None:
    package = '[[packages]]\nname = "a"\nversion = "1"\n[packages.sdist]\nname = "a-1.tar.gz"\nurl = "https://x.org/a-1.tar.gz"\n'
    digest = f'hashes = {{sha256 = "{"0" * 64}"}}\n'
    (tmp_path / "pylock.toml").write_text(f'lock-version = "1.0"\ncreated-by = "me"\n{package}{digest}')
    (layer,) = layers(plan_of(tmp_path), Stage.DEPENDENCIES)

    assert layer.evidence[0].why == "locks 1 package"


@pytest.mark.parametrize(
    ("pipfile", "said"),
    [
        ('[packages]\nsix = "*"\nattrs = "*"', "it lacks `attrs`"),
        ('[packages]\nSix = ">=2"', "it has `Six==1.16.0` instead of `Six>=2`"),
        ('[packages]\nsix = {version = "1.15.0"}', "it has `six==1.16.0` instead of `six==1.15.0`"),
        (
            '[packages]\nsix = "*"\n[requires]\npython_version = "3.9"',
            "it is for Python 3.12 instead of 3.9",
        ),
        ('[[source]]\nname = "pypi"\n[packages]\nsix = "==1.*"\n[requires]\npython_version = "3.12"', ""),
    ],
)
def test_an_outdated_lock_of_pipenv_is_installed_with_a_warning(
    tmp_path: Path, pipfile: str, said: str
) -> None:
    lock = {
        "_meta": {"hash": {"sha256": "0" * 64}, "requires": {"python_version": "3.12"}, "sources": []},
        "default": {"six": {"version": "==1.16.0"}},
        "develop": {},
    }
    plan = make_plan(write(tmp_path, {"Pipfile": pipfile, "Pipfile.lock": json.dumps(lock)}), Options())

    [notice] = plan.notices
    assert notice.level == "warning"
    assert notice.file == "Pipfile.lock"
    assert "`Pipfile.lock` does not match `Pipfile`, and is installed as it is: " in notice.message
    assert (said or "its hash of `Pipfile` differs") in notice.message
    assert "`pipenv lock` updates it" in notice.message
    # The Python is that of the lock, as on Binder.
    assert plan.python is not None
    assert plan.python.version == "3.12"
