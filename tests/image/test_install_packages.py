"""What `install_packages.py` and its other half make of what uv and pip really said (`recorded/`, by `tools/record_installers.py`)."""

from __future__ import annotations

import io
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import build_as_user
import environment
import install_packages
import installer_call
import words
from installer_call import Outcome
from r2i.diagnosis import NEAR, WHEELS
from r2i.diagnosis.rules import words as words_of_diagnosis
from r2i.process import run

RECORDED = Path(__file__).parent / "recorded"
NAMES = sorted(path.stem for path in RECORDED.iterdir())
FAILED = [name for name in NAMES if not name.endswith("-installed") and "no-such-version" not in name]


def said(name: str) -> str:
    return (RECORDED / f"{name}.txt").read_text(encoding="utf-8")


def failure(name: str) -> str:
    return installer_call.error_apart(said(name).splitlines(keepends=True))


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith("-installed")])
def test_what_works_is_shown_as_it_is(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert failure(name) == ""
    assert capsys.readouterr().out == said(name)


@pytest.mark.parametrize("name", FAILED)
def test_an_error_is_kept_back(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    kept, shown = failure(name), capsys.readouterr().out

    assert kept
    assert shown + kept == said(name)
    assert "hint:" not in shown
    assert "Traceback" not in shown


# --- Wheels, by the fetcher.


def tries(*outcomes: Outcome) -> tuple[Callable[[Sequence[str]], Outcome], list[list[str]]]:
    """An installation that ends so, one time after the other, and what each time is left out."""
    asked: list[list[str]] = []
    rest: Iterator[Outcome] = iter(outcomes)

    def install_without(left_out: Sequence[str]) -> Outcome:
        asked.append([*left_out])
        return next(rest)

    return install_without, asked


def test_all_wheels_are_installed_at_once() -> None:
    install_without, asked = tries((0, ""))

    assert install_packages.fetch_wheels(install_without, lambda: True)
    assert asked == [[]]


def test_what_has_no_wheel_is_left_out_and_left_to_the_user() -> None:
    no_wheel, of_dependency = (
        failure("uv-no-wheel"),
        failure("uv-no-wheel-of-a-dependency").replace("docopt", "hdfs"),
    )
    install_without, asked = tries((1, no_wheel), (1, of_dependency), (0, ""))

    assert not install_packages.fetch_wheels(install_without, lambda: True)
    assert asked == [[], ["docopt"], ["docopt", "hdfs"]]


@pytest.mark.parametrize("name", ["uv-no-wheel-of-a-directory", "uv-no-such-version", "uv-unknown"])
def test_other_failures_are_left_to_the_user_at_once(name: str) -> None:
    install_without, asked = tries((1, failure(name)))

    assert not install_packages.fetch_wheels(install_without, lambda: True)
    assert asked == [[]]


def test_the_same_answer_again_is_the_last_one() -> None:
    install_without, asked = tries((1, failure("uv-no-wheel")), (1, failure("uv-no-wheel")))

    assert not install_packages.fetch_wheels(install_without, lambda: True)
    assert asked == [[], ["docopt"]]


def test_there_is_an_end_to_leaving_out() -> None:
    outcomes = [(1, failure("uv-no-wheel").replace("docopt", f"p{number}")) for number in range(40)]
    install_without, asked = tries(*outcomes)

    assert not install_packages.fetch_wheels(install_without, lambda: True)
    assert len(asked) == install_packages.MOST_WITHOUT_WHEELS + 2


def test_words_that_a_wheel_puts_into_an_error_start_nothing_again() -> None:
    """uv quotes the entry points of a wheel, when others are installed: a second uv would run these as the fetcher."""
    hostile = failure("uv-hostile-entry-point")
    assert words.says(hostile, "no-wheel")
    install_without, asked = tries((2, hostile), (0, ""))

    assert not install_packages.fetch_wheels(install_without, lambda: False)
    assert asked == [[]]


def test_uv_still_says_what_it_was_recorded_to_say(tmp_path: Path) -> None:
    """The one sentence on which it depends whether the fetcher goes on."""
    uv = str(Path(sys.executable).with_name("uv"))
    (tmp_path / "sdist-1.0.tar.gz").touch()
    words_of_uv = ["--no-index", "--find-links", str(tmp_path), "--only-binary=:all:", "sdist"]
    run([uv, "venv", "-q", "--no-config", "--offline", "--python", sys.executable, str(tmp_path / "env")])
    command = [uv, "pip", "install", "--no-config", "--cache-dir", str(tmp_path / "cache")]
    done = run([*command, "--python", str(tmp_path / "env/bin/python"), *words_of_uv])

    assert done.returncode == 1
    assert [one["package"] for one in words.all_that_say(done.stdout + done.stderr, "no-wheel")] == ["sdist"]


def test_settings_for_the_fetcher_come_before_those_of_the_repository(tmp_path: Path) -> None:
    (tmp_path / "uv.toml").write_text('[[index]]\nname = "own"\nurl = "https://index.example/"\n')
    arguments = ["six", f"--config-file={tmp_path / 'uv.toml'}"]
    more = {"exclude-dependencies": ["docopt"], "https-proxy": 'http://a:"b"@proxy.example'}

    text = install_packages.settings_text(more, arguments)

    assert tomllib.loads(text) == {
        **more,
        "index": [{"name": "own", "url": "https://index.example/"}],
    }
    assert installer_call.without_settings(arguments) == ["six"]


# --- Builds, by the user.


@pytest.mark.parametrize(
    ("name", "there", "status"),
    [
        ("uv-no-compiler", [], 90),
        ("uv-no-compiler", ["gcc"], 0),
        ("uv-no-rust", [], 91),
        ("uv-no-rust", ["gcc"], 91),
        ("uv-no-rust", ["gcc", "cargo"], 0),
        ("uv-no-name", [], 90),
        ("pip-no-compiler", [], 90),
        ("pip-old-no-compiler", [], 90),
        ("uv-unknown", [], 0),
        ("uv-no-such-version", [], 0),
        ("uv-invalid-metadata", [], 0),
        ("pip-no-such-version", [], 0),
        ("pip-old-no-such-version", [], 0),
    ],
)
def test_a_compiler_is_asked_for_where_it_may_help(name: str, there: Sequence[str], status: int) -> None:
    assert build_as_user.compilers_wanted(said(name), there) == status


def test_what_could_not_be_downloaded_without_a_network_is_tried_with_one() -> None:
    assert words.says(failure("uv-offline"), "offline")
    assert not words.says(failure("uv-no-compiler"), "offline")


def test_a_version_that_git_would_tell_is_assumed() -> None:
    assert [name for name in NAMES if words.says(said(name), "no-version")] == ["uv-no-version"]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("uv-2to3", ("demjson", "setuptools<58")),
        ("uv-ez-setup", ("here", "setuptools<58")),
        ("uv-pkg-resources", ("old", "setuptools<81")),
        ("uv-old-version", ("old", "setuptools<66")),
        ("uv-old-cython", ("pyyaml", "Cython<3")),
        ("uv-undeclared", ("old", "numpy")),
        ("uv-undeclared-by-module", ("old", "pyyaml")),
        ("uv-part-of-a-module", None),
        ("uv-itself", None),
        ("uv-no-compiler", None),
        ("uv-no-name", None),
        ("uv-unknown", None),
    ],
)
def test_what_a_distribution_is_built_with_is_told(name: str, found: tuple[str, str] | None) -> None:
    assert build_as_user.unsaid_by(failure(name), ["six"]) == found


def test_numpy_is_built_with_in_the_version_that_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("six\nnumpy==1.26.4\n")
    arguments = ["-r", str(tmp_path / "requirements.txt")]

    assert build_as_user.unsaid_by(failure("uv-undeclared"), arguments) == ("old", "numpy==1.26.4")


def test_what_is_told_is_a_table_of_uv(tmp_path: Path) -> None:
    (tmp_path / "uv.toml").write_text('[extra-build-dependencies]\nother = ["six"]\n')
    unsaid = {"old": ["numpy", "Cython<3"]}

    alone = build_as_user.settings_with(unsaid, [])
    beside = build_as_user.settings_with(unsaid, [f"--config-file={tmp_path / 'uv.toml'}"])

    assert tomllib.loads(alone) == {"extra-build-dependencies": unsaid}
    assert tomllib.loads(beside) == {"extra-build-dependencies": {**unsaid, "other": ["six"]}}


def test_a_directory_that_uv_does_not_name_gets_its_name(tmp_path: Path) -> None:
    (tmp_path / "setup.py").write_text("from setuptools import setup\nsetup(name='old-one')\n")
    here = str(tmp_path)

    assert words.says(failure("uv-no-name"), "not-built-without-name")
    assert build_as_user.with_names(["-e", f"{here}[all]"]) == ["-e", f"old-one[all] @ file://{here}"]
    assert build_as_user.with_names(["--no-deps", "six"]) == ["--no-deps", "six"]


def index(*answers: tuple[str, str]) -> Callable[..., str | None]:
    """What resolves a requirement with options, in one text, from what an index has."""
    return lambda *asked: dict(answers).get(" ".join(asked))


def test_the_pythons_that_have_a_wheel_are_told_and_understood() -> None:
    has = index(
        *((f"pyyaml==5.4.1 --no-build --python-version {minor}", "pyyaml") for minor in ("3.9", "3.6"))
    )

    lines = [*build_as_user.what_the_index_has(failure("uv-old-cython"), has)]

    assert lines == ["`pyyaml==5.4.1` has wheels for Python 3.9, 3.6"]
    found = WHEELS.search(f"r2i: {lines[0]}")
    assert found
    assert found["wheels"] == "3.9, 3.6"


def test_the_nearest_versions_are_told_and_understood() -> None:
    has = index(("six<1.99", "six==1.17.0"), ("six>1.99 --resolution lowest", "six==2.0"))

    lines = [*build_as_user.what_the_index_has(failure("uv-no-such-version"), has)]

    assert lines == ["nearest to `six==1.99`: `six==1.17.0` and `six==2.0`"]
    found = NEAR.search(f"r2i: {lines[0]}")
    assert found
    assert found["near"] == "`six==1.17.0` and `six==2.0`"


@pytest.mark.parametrize(
    ("name", "pin"),
    [
        ("uv-2to3", "demjson==2.2.4"),
        ("uv-invalid-metadata", "invalid==1.0"),
        ("uv-no-compiler", None),
        ("uv-unknown", None),
    ],
)
def test_only_releases_of_an_index_are_looked_for(name: str, pin: str | None) -> None:
    assert build_as_user.not_installable(failure(name)) == pin


# --- pip, where uv cannot be used.


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the standard library of the environment lies."""
    for module in (environment, installer_call):
        monkeypatch.setattr(module, "ENVIRONMENT", tmp_path / "env")
    (tmp_path / "env/lib").mkdir(parents=True)
    return tmp_path / "env/lib"


def test_uv_gets_what_it_is_given(library: Path, tmp_path: Path) -> None:
    (library / "python3.11").mkdir()
    command = installer_call.installer(["--prerelease=allow", "six"], tmp_path)

    assert command[:3] == ["/usr/local/bin/uv", "pip", "install"]
    assert command[-2:] == ["--prerelease=allow", "six"]


def test_pip_is_asked_in_its_own_words(library: Path, tmp_path: Path) -> None:
    (library / "python3.11").mkdir()
    given = ["--installer=pip", "--allow-insecure-host=index.example", "--prerelease=allow", "--offline"]
    command = installer_call.installer([*given, "ipywidgets", "six"], tmp_path)

    assert command[3:5] == ["-m", "pip"]
    assert command[-4:] == ["--trusted-host=index.example", "--pre", "ipywidgets", "six"]


def test_pip_of_an_old_python_takes_nothing_of_today(library: Path, tmp_path: Path) -> None:
    (library / "python2.7").mkdir()
    command = installer_call.installer(["ipywidgets", "six"], tmp_path)

    assert "--prefer-binary" in command
    assert command[-1] == "six"
    assert "ipywidgets" not in command
    assert (tmp_path / "pip-constraints.txt").read_text().split() == list(installer_call.LAST_OF_OLD)


# --- The table.


def test_diagnosis_knows_the_same_words() -> None:
    programs = {name: [one.pattern for one in patterns] for name, patterns in words.WORDS.items()}

    assert programs == {
        name: [one.pattern for one in patterns] for name, patterns in words_of_diagnosis().items()
    }


@given(st.text(alphabet="`'\"= ×erocif:\n", max_size=400))
def test_any_text_is_read(text: str) -> None:
    for name in words.WORDS:
        words.says(text, name)
    assert build_as_user.compilers_wanted(text, []) in (0, 90, 91)


# --- What the user builds.


def test_only_what_has_no_wheel_is_built(capsys: pytest.CaptureFixture[str]) -> None:
    of_dependency = failure("uv-no-wheel-of-a-dependency").replace("docopt", "hdfs")
    install_with, asked = tries((1, failure("uv-no-wheel")), (1, of_dependency), (0, ""))

    assert build_as_user.build_only_what_must_be(install_with) == (0, "")
    only = "--only-binary=:all:"
    assert asked == [
        [only],
        [only, "--no-binary=docopt"],
        [only, "--no-binary=docopt", "--no-binary=hdfs"],
    ]
    assert "built `docopt`, `hdfs`; of all other packages, the newest release with a wheel" in (
        capsys.readouterr().out
    )


def test_a_build_that_fails_is_the_failure() -> None:
    broken = (1, failure("uv-no-compiler"))
    install_with, asked = tries((1, failure("uv-no-wheel")), broken)

    assert build_as_user.build_only_what_must_be(install_with) == broken
    assert len(asked) == 2


@pytest.mark.parametrize("name", ["uv-no-such-version", "uv-unknown"])
def test_where_wheels_do_not_satisfy_everybody_more_is_built(name: str) -> None:
    assert build_as_user.build_only_what_must_be(tries((1, failure(name)))[0]) is None
    assert (
        build_as_user.build_only_what_must_be(tries((1, failure("uv-no-wheel")), (1, failure(name)))[0])
        is None
    )


@pytest.mark.parametrize(
    ("arguments", "text", "restricted"),
    [
        (["pip", "ipykernel"], "six\n", True),
        (["--installer=pip", "ipykernel"], "six\n", False),
        (["--no-deps", "./pkg"], "six\n", False),
        (["--no-binary=six", "ipykernel"], "six\n", False),
        (["ipykernel"], "--only-binary :all:\nsix\n", False),
    ],
)
def test_what_somebody_chose_is_not_chosen_again(
    tmp_path: Path, arguments: list[str], text: str, *, restricted: bool
) -> None:
    file = tmp_path / "requirements.txt"
    file.write_text(text)

    assert build_as_user.takes_wheels_first([*arguments, "-r", str(file)]) == restricted


BACKEND = """
import os, zipfile

def get_requires_for_build_wheel(config_settings=None):
    return []

def build_wheel(directory, config_settings=None, metadata_directory=None):
    if "{name}" == "heavy":
        raise SystemExit("it takes ten minutes")
    file = "{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(directory, file), "w") as wheel:
        info = "{name}-{version}.dist-info"
        wheel.writestr(info + "/METADATA", open("PKG-INFO").read())
        wheel.writestr(info + "/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(info + "/RECORD", "")
    return file
"""


def test_uv_builds_one_package_and_takes_wheels_of_what_it_needs(tmp_path: Path) -> None:
    """`tool` has only sources and needs `heavy`, whose newest release has only sources, too."""
    links = tmp_path / "links"
    links.mkdir()
    for name, version, needs in (("tool", "1", "heavy"), ("heavy", "2", "")):
        metadata = f"Metadata-Version: 2.2\nName: {name}\nVersion: {version}\n"
        metadata += f"Requires-Dist: {needs}\n" if needs else ""
        project = "[build-system]\nrequires = []\nbuild-backend = 'backend'\nbackend-path = ['.']\n"
        project += (
            f"[project]\nname = '{name}'\nversion = '{version}'\ndependencies = {[needs] if needs else []}\n"
        )
        texts = {
            "PKG-INFO": metadata,
            "pyproject.toml": project,
            "backend.py": BACKEND.replace("{name}", name).replace("{version}", version),
        }
        with tarfile.open(links / f"{name}-{version}.tar.gz", "w:gz") as sources:
            for file, text in texts.items():
                member = tarfile.TarInfo(f"{name}-{version}/{file}")
                member.size = len(text.encode())
                sources.addfile(member, io.BytesIO(text.encode()))
    with zipfile.ZipFile(links / "heavy-1-py3-none-any.whl", "w") as wheel:
        wheel.writestr("heavy-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: heavy\nVersion: 1\n")
        wheel.writestr(
            "heavy-1.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr("heavy-1.dist-info/RECORD", "")
    uv = str(Path(sys.executable).with_name("uv"))
    prefix = tmp_path / "env"
    run([uv, "venv", "-q", "--python", sys.executable, str(prefix)])

    def install_with(more: Sequence[str]) -> Outcome:
        command = [uv, "pip", "install", "--no-config", "--no-index"]
        where = ["--python", str(prefix / "bin/python"), f"--find-links={links}", "--no-cache"]
        done = run([*command, *where, *more, "tool"])
        return done.returncode, done.stderr

    plain = install_with([])
    assert plain[0] != 0
    assert "heavy" in plain[1]
    outcome = build_as_user.build_only_what_must_be(install_with)
    assert outcome is not None
    assert outcome[0] == 0
    installed = run([uv, "pip", "freeze", "--python", str(prefix / "bin/python")]).stdout.split()
    assert installed == ["heavy==1", "tool==1"]
