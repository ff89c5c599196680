"""The rules of the house that import-linter cannot say, read off the source."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from r2i.errors import R2iError
from r2i.model import EnvironmentTemplate

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "r2i"
MODULES = {path.relative_to(SOURCE).as_posix(): path for path in sorted(SOURCE.rglob("*.py"))}
#: Not part of r2i's process: scripts of their own, between r2i and a program or in a container.
PROGRAMS = {
    "process/guard.py",
    "check/execution/in_container/hold_kernels.py",
    "check/execution/in_container/run_notebook.py",
    "check/execution/in_container/stand_in.py",
    "image/jupyter/etc/jupyter/jupyter_config.py",
    *(name for name in MODULES if name.startswith("image/programs/")),
}
#: Between the checkout and the Dockerfile; `[tool.importlinter]` of pyproject.toml says what these may not import.
PURE = [
    name
    for name in MODULES
    if name not in PROGRAMS
    and name.startswith(
        (
            "binder/",
            "buildpacks/",
            "diagnosis/",
            "facts/",
            "formats/",
            "image/",
            "planning/",
            "model.py",
            "errors.py",
            "quoting.py",
        )
    )
]
INSIDE = [name for name in MODULES if name not in PROGRAMS]
TEXT = {
    ".py",
    ".j2",
    ".md",
    ".toml",
    ".json",
    ".txt",
    ".yml",
    ".yaml",
    ".cfg",
    ".sh",
    ".lock",
    ".in",
    "",
    ".ini",
}


def tree(name: str) -> ast.Module:
    return ast.parse(MODULES[name].read_text(encoding="utf-8"))


def imported(name: str) -> Iterator[str]:
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def called(name: str) -> Iterator[str]:
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)


@pytest.mark.parametrize("name", PURE)
def test_the_core_reads_through_the_checkout_only(name: str) -> None:
    """What import-linter cannot say: `pathlib` and `datetime` have pure parts."""
    calls = set(called(name))
    reading = {call for call in calls if call == "open" or call.endswith((".open", ".read_bytes"))}

    assert "pathlib.Path" not in imported(name)
    assert not {call for call in calls if call.endswith((".now", ".today", "urlopen"))}
    assert reading <= {"checkout.read_bytes", "files(package).joinpath(file).read_bytes"}


@pytest.mark.parametrize("name", [name for name in MODULES if name.startswith("buildpacks/")])
def test_buildpacks_know_nothing_of_each_other(name: str) -> None:
    if name == "buildpacks/__init__.py":
        return
    own = Path(name).stem.removesuffix("_names")
    others = {m.split(".")[2] for m in imported(name) if m.startswith("r2i.buildpacks.")}

    assert {other.removesuffix("_names") for other in others} <= {"protocol", own}


@pytest.mark.parametrize("name", [name for name in INSIDE if not name.startswith("cli/")])
def test_only_the_command_line_prints_exits_and_reads_the_environment(name: str) -> None:
    calls = set(called(name))
    names = {ast.unparse(node) for node in ast.walk(tree(name)) if isinstance(node, ast.Attribute)}

    assert not calls & {
        "print",
        "input",
        "exit",
        "sys.exit",
        "os._exit",
        "os.getenv",
        "os.getcwd",
        "os.chdir",
        "Path.cwd",
    }
    assert not names & {"os.environ", "sys.stdout", "sys.argv"}


@pytest.mark.parametrize("name", INSIDE)
def test_programs_are_started_in_one_place(name: str) -> None:
    assert not {
        call
        for call in called(name)
        if call in {"os.system", "os.popen"} or call.startswith(("os.exec", "os.spawn"))
    }


@pytest.mark.parametrize("name", sorted(PROGRAMS - {"process/guard.py"}))
def test_what_runs_in_images_is_of_an_old_python(name: str) -> None:
    """There is whatever Python the base image has, or the repository asks for."""
    ast.parse(MODULES[name].read_text(encoding="utf-8"), feature_version=(3, 8))


@pytest.mark.parametrize("name", MODULES)
def test_no_error_is_without_a_class_of_ours(name: str) -> None:
    raised = {
        ast.unparse(node.exc.func if isinstance(node.exc, ast.Call) else node.exc)
        for node in ast.walk(tree(name))
        if isinstance(node, ast.Raise) and node.exc is not None
    }

    assert not raised & {"ValueError", "RuntimeError", "Exception", "OSError", "SystemExit"}


@pytest.mark.parametrize("name", MODULES)
def test_every_module_says_what_it_is(name: str) -> None:
    words = ast.get_docstring(tree(name))

    assert words
    if name != "errors.py":
        assert len(words.splitlines()) <= 8


def test_every_error_has_a_code_of_its_own_that_its_tree_names() -> None:
    classes: list[type[R2iError]] = [R2iError, *R2iError.__subclasses__()]
    codes = [error.exit_code for error in classes]
    drawn = ast.get_docstring(tree("errors.py")) or ""

    assert len(set(codes)) == len(codes)
    assert not {0, 70, 130}.intersection(codes)
    for error in classes:
        assert re.search(rf"\b{error.__name__} +{error.exit_code}\b", drawn)
        # Kinds of one error for a room alone, which may be loaded by now, have its code.
        below = [kind for kind in error.__subclasses__() if kind.__module__ == error.__module__]
        assert not below or error is R2iError


def test_a_class_name_exists_once() -> None:
    names = Counter(
        node.name for name in MODULES for node in ast.walk(tree(name)) if isinstance(node, ast.ClassDef)
    )

    assert [name for name, count in names.items() if count > 1] == []


def templates(package: str) -> set[str]:
    return {path.name.removesuffix(".Dockerfile.j2") for path in (SOURCE / package).glob("*.Dockerfile.j2")}


@pytest.mark.parametrize("package", ["image", "buildpacks"])
def test_every_template_belongs_to_a_layer(package: str) -> None:
    named = {
        keyword.value.value
        for name in MODULES
        for node in ast.walk(tree(name))
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg == ("name" if ast.unparse(node.func) == "EnvironmentTemplate" else "template")
        and isinstance(keyword.value, ast.Constant)
    } | {EnvironmentTemplate.name}

    assert templates(package) <= named
    assert named <= templates("image") | templates("buildpacks")
    assert templates(package)


def test_templates_quote_what_they_are_given() -> None:
    """Values in shell commands are ours by name, or go through a filter."""
    ours = re.compile(
        r"""[a-z_]+\([a-z, ]*(?:own if entry else "")?\)|installing\(release, entry, ""\)|release|user|uid|home|repo_dir|base|files_in|python|version|path|start|tool|network|own"""
        r"""|packages \| join\(" "\)|commands \| join\(.*\)|labels \| join\(.*\)|(variables|environ) \| join\(.*\)"""
        r"""|command \| json|appendix|\[home, repo_dir\] \| unique \| join\(" "\)|.* \| (sh|quoted)|.* \| map\("sh"\) \| join\(" "\)"""
    )
    for path in SOURCE.rglob("*.j2"):
        if path.name.endswith(".html.j2"):
            continue  # escapes what it is given
        for expression in re.findall(r"{{ (.*?) }}", path.read_text(encoding="utf-8")):
            assert ours.fullmatch(expression), f"{path.name}: {expression}"


def test_no_host_of_a_package_registry_is_named() -> None:
    hosts = re.compile(
        "|".join(
            re.escape(f"{name}.{domain}")
            for name, domain in (
                ("py" + "pi", "org"),
                ("python" + "hosted", "org"),
                ("deb." + "debian", "org"),
                ("security." + "debian", "org"),
                ("archive." + "ubuntu", "com"),
                ("registry." + "npmjs", "org"),
            )
        )
    )
    found = [
        f"{path.relative_to(ROOT)}: {line.strip()[:80]}"
        for folder in ("src", "tests", "docs", "benchmarks", "tools", "examples")
        for path in sorted((ROOT / folder).rglob("*"))
        if path.suffix in TEXT
        and path.is_file()
        and not path.is_symlink()
        and "__pycache__" not in path.parts
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines()
        if hosts.search(line)
    ]

    assert found == []
