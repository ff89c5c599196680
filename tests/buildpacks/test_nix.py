"""`default.nix`, `shell.nix` and `flake.nix`: which counts, what it reads, and what is said of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.writing import Content, write

from r2i.errors import InvalidRepositoryError
from r2i.facts.nix import has_flakes, nix_of, nixpkgs_for
from r2i.facts.pins import base_image
from r2i.formats.nix.language import code_of, paths, required_arguments
from r2i.model import Layer, Options, Plan, Stage
from r2i.planning.compose import make_plan

SHELL = "{ pkgs ? import ./pinned.nix }: pkgs.mkShell { packages = [ pkgs.jupyter ]; }\n"
PINNED = "import (fetchTarball { })\n"
NO_KERNEL = (
    "No Nix file names `jupyter` or `ipykernel`: notebooks run with the Python of r2i,"
    " which has no packages of this environment"
)
R_NOTEBOOK = json.dumps(
    {
        "cells": [],
        "metadata": {"kernelspec": {"name": "ir", "language": "R", "display_name": "R"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
)


def plan_of(top: Path, files: Mapping[str, Content], options: Options | None = None) -> Plan:
    return make_plan(write(top, files), options or Options())


def built(plan: Plan) -> Layer:
    """The layer that makes the environment."""
    [layer] = [layer for layer in plan.layers if layer.template == "nix_environment"]
    return layer


def nix_files(plan: Plan) -> set[str]:
    return {name.removeprefix("nix_files/") for name in built(plan).support if name.startswith("nix_files/")}


def said(plan: Plan) -> list[str]:
    return [notice.message for notice in plan.notices]


def test_nothing_but_nix_decides_what_is_installed(tmp_path: Path) -> None:
    others = {
        "requirements.txt": "numpy\n",
        "runtime.txt": "python-99\n",
        ".python-version": "3.9\n",
        "install.R": 'install.packages("dplyr")\n',
        "DESCRIPTION": "Package: here\nVersion: 1\n",
        "environment.yml": "dependencies: [\n",
    }
    files = {"default.nix": SHELL, "r.ipynb": R_NOTEBOOK, "code.py": "import requests\n", **others}
    plan = plan_of(tmp_path, files)

    assert {ignored.file for ignored in plan.ignored} == set(others)
    assert [language.name for language in plan.languages] == ["Nix"]
    assert plan.python is not None
    assert plan.python.provider == "base"
    assert {layer.buildpack for layer in plan.layers} == {"image", "nix"}
    assert not any("requests" in str(layer.variables) for layer in plan.layers)


def test_packages_of_apt_and_scripts_apply_with_nix(tmp_path: Path) -> None:
    files = {
        "default.nix": SHELL,
        "apt.txt": "tree\n",
        "postBuild": "#!/bin/bash\njupyter lab build\n",
        "start": '#!/bin/bash\nexec "$@"\n',
    }
    plan = plan_of(tmp_path, files)
    [script] = [layer for layer in plan.layers if layer.template == "post_build"]
    final = plan.layers[-1]

    assert {"apt", "post_build", "start", "nix"} < {layer.buildpack for layer in plan.layers}
    assert script.variables["entered"] == final.variables["activation"] == "/usr/local/bin/nix-entered"
    assert final.variables["start"] == "/home/jovyan/start"
    # A script that works on the server does not make it another one: it may be that of the environment.
    assert plan.jupyter is not None
    assert plan.jupyter.mode == "split"


@pytest.mark.parametrize("name", ["shell.nix", "flake.nix"])
@pytest.mark.parametrize(
    "other",
    ["requirements.txt", "environment.yml", "pyproject.toml", "install.R", "Project.toml", "runtime.txt"],
)
def test_what_binder_reads_comes_before_what_it_does_not(tmp_path: Path, name: str, other: str) -> None:
    texts = {
        "environment.yml": "dependencies: [numpy]\n",
        "pyproject.toml": '[project]\nname = "here"\nversion = "1"\n',
        "Project.toml": '[deps]\nExample = "7876af07-990d-54b4-ab0e-23690620f79a"\n',
        "runtime.txt": "python-3.13\n",
    }
    files = {name: SHELL, "pinned.nix": PINNED, other: texts.get(other, "numpy\n")}
    plan = plan_of(tmp_path, files)

    assert not any(layer.buildpack == "nix" for layer in plan.layers)
    assert name in {ignored.file for ignored in plan.ignored}


def test_julia_comes_before_a_default_nix_as_on_binder(tmp_path: Path) -> None:
    plan = plan_of(
        tmp_path,
        {"default.nix": SHELL, "Project.toml": '[deps]\nExample = "7876af07-990d-54b4-ab0e-23690620f79a"\n'},
    )

    assert [language.name for language in plan.languages] == ["Julia"]
    assert [(one.file, one.reason) for one in plan.ignored] == [
        ("default.nix", "`Project.toml` comes first, as on Binder")
    ]


def test_a_package_for_a_collection_of_packages_is_no_environment(tmp_path: Path) -> None:
    text = "{ lib, buildPythonPackage, numpy ? null, ... }@args: buildPythonPackage { }\n"
    plan = plan_of(tmp_path, {"default.nix": text, "shell.nix": SHELL})

    assert built(plan).variables["arguments"] == ("shell.nix",)
    assert [(one.file, one.reason) for one in plan.ignored] == [
        ("default.nix", "its argument `lib` has no default, so `nix-shell` cannot call it")
    ]
    assert any(message.startswith("Binder runs `nix-shell`") for message in said(plan))


def test_the_layer_sees_what_the_file_imports_and_reads(tmp_path: Path) -> None:
    files = {
        "default.nix": '# ./no.txt\n{ x ? import ./nix }: "./no.txt ${./yes.txt}" + import ./pinned.nix + ./data\n',
        "data/a.csv": "1",
        "data/deep/b.csv": "2",
        "pinned.nix": "builtins.fromJSON (builtins.readFile ./deep/sources.json)\n",
        "nix/default.nix": "{ ... }: ../requirements.txt\n",
        "requirements.txt": "numpy\n",
        "deep/sources.json": "{}\n",
        "yes.txt": "",
        "no.txt": "",
        "a.ipynb": R_NOTEBOOK,
    }
    plan = plan_of(tmp_path, files)

    assert built(plan).stage is Stage.DEPENDENCIES
    assert nix_files(plan) == {
        "default.nix",
        "pinned.nix",
        "nix/default.nix",
        "requirements.txt",
        "deep/sources.json",
        "yes.txt",
        "data/a.csv",
        "data/deep/b.csv",
    }


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("default.nix", "mkDerivation { src = ./.; }", "`./.` is a whole directory"),
        ("default.nix", "{ x = ./data/${name}; }", "`./data/` has a part that only evaluation tells"),
        ("default.nix", "{ x = ./${name}; }", "`./` has a part that only evaluation tells"),
        ("default.nix", "{ x = ./programs; }", "`./programs` is a whole directory"),
        ("default.nix", "{ x = ./pictures; }", "`./pictures` is a whole directory"),
        ("binder/default.nix", "{ x = ../.; }", "`../.` is a whole directory"),
        ("default.nix", "{ x = ./picture.png; }", "`picture.png` is read, and is no text"),
        ("flake.nix", "{ outputs = { self }: { src = self; }; }", "`self` is the whole directory"),
        ("flake.nix", '{ outputs = { self }: "${self}/x"; }', "`self` is the whole directory"),
    ],
)
def test_where_nobody_knows_what_is_read_the_files_of_the_repository_come_first(
    tmp_path: Path, name: str, text: str, why: str
) -> None:
    write(tmp_path, {"programs/x": "1"})
    (tmp_path / "programs/x").chmod(0o755)
    image = b"\x89PNG\xff"
    plan = plan_of(tmp_path, {name: text, "data/x": "1", "picture.png": image, "pictures/a.png": image})

    assert built(plan).stage is Stage.PACKAGE
    assert not nix_files(plan)
    assert [message for message in said(plan) if message.startswith(f"{why}: ")]


def test_a_flake_that_only_names_itself_is_read_alone(tmp_path: Path) -> None:
    text = "{ outputs = { self, nixpkgs }: { devShells = self.packages; }; }\n"
    shim = "(import (fetchTarball flake-compat) { src = ./.; }).shellNix\n"
    plan = plan_of(
        tmp_path, {"shell.nix": shim, "flake.nix": text, "flake.lock": "{}", "a.ipynb": R_NOTEBOOK}
    )

    assert built(plan).variables["arguments"] == ("shell.nix",)
    assert nix_files(plan) == {"shell.nix", "flake.nix", "flake.lock"}


def test_a_file_of_niv_needs_no_channel_where_it_has_nixpkgs(tmp_path: Path) -> None:
    sources = "# This file has been generated by Niv.\nif <nixpkgs> == ./. then ./sources.json else import <nixpkgs> { }\n"
    files = {"default.nix": "import ./nix/sources.nix", "nix/sources.nix": sources}
    without = plan_of(tmp_path, {**files, "nix/sources.json": "{}"})
    having = plan_of(tmp_path, {**files, "nix/sources.json": '{"nixpkgs": {}}'})

    arguments = [built(plan).variables["arguments"] for plan in (without, having)]
    assert arguments[1] == ("default.nix",) != arguments[0]
    assert nix_files(having) == {"default.nix", "nix/sources.nix", "nix/sources.json"}


def test_a_channel_is_pinned_as_the_nix_of_the_image_can_read_it(tmp_path: Path) -> None:
    files = {"default.nix": "with import <nixpkgs/lib> { }; import <unstable> { jupyter }\n"}
    new, old = (
        plan_of(tmp_path, files, Options(base_image=f"docker.io/library/debian:{release}-slim"))
        for release in ("trixie", "bullseye")
    )

    assert "nixos-25.11" in " ".join(said(new))
    assert "nixos-24.05" in " ".join(said(old))
    for plan, version in ((new, "2.26.3"), (old, "2.3.7")):
        pinned = nixpkgs_for(version)
        assert built(plan).variables["arguments"] == ("default.nix", pinned.url, pinned.sha256)
        assert "`<unstable>` is not in the image, which has only `<nixpkgs>`" in said(plan)


@pytest.mark.parametrize("release", ["bullseye", "bookworm", "trixie", "jammy", "noble"])
def test_the_pins_are_complete_and_fit_every_release(release: str) -> None:
    version = nix_of(base_image(f"x:{release}"))
    pinned = nixpkgs_for(version)

    assert version
    assert has_flakes(version) == (release != "bullseye")
    assert pinned.url == f"https://github.com/NixOS/nixpkgs/archive/{pinned.revision}.tar.gz"
    assert (len(pinned.revision), len(pinned.sha256)) == (40, 52)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (
            {"flake.nix": '{ inputs.nixpkgs.url = "nixpkgs"; outputs = { jupyter }: 1; }'},
            ["No `flake.lock` pins the inputs: they are those of the day of the build"],
        ),
        ({"flake.nix": '{ inputs.x.url = "x"; outputs = { jupyter }: 1; }', "flake.lock": "{}"}, []),
        (
            {"shell.nix": "mkShell { packages = [ jupyter ]; shellHook = ''\n  jupyter lab a.ipynb\n''; }"},
            ["`jupyter lab` in `shellHook` runs whenever the image starts, in place of its command"],
        ),
        (
            {"shell.nix": 'mkShell { packages = [ jupyter ]; shellHook = "jupyter-lab"; }'},
            ["`jupyter-lab` in `shellHook` runs whenever the image starts, in place of its command"],
        ),
        ({"shell.nix": "mkShell { shellHook = ''echo \"type: jupyter lab\"\njupyter lab build''; }"}, []),
        (
            {"shell.nix": "mkShell { packages = [ python312 ]; }"},
            [NO_KERNEL],
        ),
        (
            {"shell.nix": "mkShell { packages = [ (python3.withPackages (p: [ p.ipykernel ])) ]; }"},
            ["No Nix file names `jupyter`: the server of r2i runs in the environment"],
        ),
    ],
)
def test_what_may_surprise_is_said(tmp_path: Path, files: Mapping[str, Content], words: list[str]) -> None:
    assert said(plan_of(tmp_path, files)) == words


def test_a_date_has_no_effect_on_nix(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, {"default.nix": SHELL}, Options(as_of="2024-01-01T00:00:00Z"))

    assert "`--as-of` has no effect on Nix packages: pin nixpkgs in the file" in said(plan)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("{ a, b ? { c = 1; }, d ? [ a ], e }: a", ("a", "e")),
        ("args@{ a ? 1, ... }: a", ()),
        ("{ a }@args: a", ("a",)),
        ("{ a = 1; }", ()),
        ("{ inherit a; }", ()),
        ("let x = { a }: a; in x", ()),
        ("{", ()),
    ],
)
def test_the_arguments_that_nobody_gives(text: str, names: tuple[str, ...]) -> None:
    assert required_arguments(code_of(text)) == names


def test_only_code_names_paths() -> None:
    text = "''\n  ./no ''${./no} ${./a} $${./no}\n'' + \"\\${./no} ${\"${./b}\"} ./no\" + http://x.org/no /* ./no */ // ./c # ./no"

    assert [(path.path, path.line) for path in paths(code_of(text))] == [("./a", 2), ("./b", 3), ("./c", 3)]


@pytest.mark.timeout(10)
@pytest.mark.parametrize(
    "part", ["a", "{", "inherit ", "<a>", "shellHook = ''$", "a/", "${", "/*", "{ a,", "./a ", '"', "self "]
)
def test_no_text_takes_long(tmp_path: Path, part: str) -> None:
    text = f"{{ {part * (900_000 // len(part))}"

    assert built(plan_of(tmp_path, {"flake.nix": text, "a": ""})).variables["alone"] is False


@pytest.mark.timeout(10)
def test_a_directory_without_end_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "again").symlink_to(".")

    assert built(plan_of(tmp_path, {"shell.nix": "./data"})).variables["alone"] is False


@given(st.text(alphabet="{}$\"'\\./<>#*@:,; \na~?", max_size=200))
def test_any_text_is_read(text: str) -> None:
    code = code_of(text)

    assert len(code) == len(text)
    assert code.count("\n") == text.count("\n")
    assert all(path.line <= text.count("\n") + 1 for path in paths(code))


@given(st.binary(max_size=200), st.sampled_from(["default.nix", "shell.nix", "flake.nix"]))
def test_any_bytes_give_a_plan_or_an_error(content: bytes, name: str) -> None:
    with TemporaryDirectory() as top:
        checkout = write(Path(top), {name: content, "flake.lock": content})
        try:
            make_plan(checkout, Options())
        except InvalidRepositoryError as error:
            found = error.file
        else:
            found = name

    assert found in (name, "flake.lock")
