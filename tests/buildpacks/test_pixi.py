"""pixi: what a lock holds, what a manifest asks for, and that the two agree."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.writing import Files, write

from r2i.buildpacks.pixi import Pixi
from r2i.errors import InvalidRepositoryError, R2iError
from r2i.model import Detection, Options, PythonEnvironment

FORGE = "https://conda.anaconda.org/conda-forge"
PYTHON = f"{FORGE}/linux-64/python-3.11.7-hab00c5b_1_cpython.conda"
SIX = f"{FORGE}/noarch/six-1.16.0-pyh6c4a22f_0.conda"
MD5, SHA256 = "0123456789abcdef" * 2, "0123456789abcdef" * 4
CLICK = f"https://files.example.org/packages/00/2e/{'ab' * 30}/click-8.1.7-py3-none-any.whl"
COMMIT = "0123456789" * 4
WORKSPACE = '[workspace]\nchannels = ["conda-forge"]\nplatforms = ["linux-64"]\n'
PROJECT = '[build-system]\nrequires = ["hatchling"]\n[project]\nname = "mine"\nversion = "1"\n'

Detect = Callable[..., Detection]
Environment = Callable[..., PythonEnvironment]


@pytest.fixture
def detect(tmp_path: Path) -> Detect:
    def detection(files: Files, options: Options | None = None) -> Detection:
        found = Pixi().detect(write(tmp_path, files), options or Options())
        assert found is not None
        return found

    return detection


@pytest.fixture
def environment(detect: Detect) -> Environment:
    def of(files: Files, options: Options | None = None) -> PythonEnvironment:
        found = detect(files, options).environment
        assert found is not None
        return found

    return of


def lock(*packages: str, version: int = 6, platform: str = "linux-64", head: str = "") -> str:
    """A lock of packages, each an item of both lists: `conda: …` or `pypi: …` with further lines."""
    selected = "".join(f"      - {package.splitlines()[0]}\n" for package in packages)
    listed = "".join("- " + package.replace("\n", "\n  ") + "\n" for package in packages)
    return (
        f"version: {version}\n{head}environments:\n  default:\n    channels:\n    - url: {FORGE}/\n"
        f"    packages:\n      {platform}:\n{selected}packages:\n{listed}"
    )


def conda(url: str) -> str:
    return f"conda: {url}\nsha256: {SHA256}\nmd5: {MD5}"


def pypi(name: str, url: str, version: str = "1.0", *more: str) -> str:
    return "\n".join([f"pypi: {url}", f"name: {name}", f"version: '{version}'", *more])


def requirements(found: PythonEnvironment) -> str:
    return found.template.files["lock/requirements.txt"]


def wishes(found: PythonEnvironment) -> dict[str, Any]:
    read = json.loads(found.template.files["conda/environment.json"])
    assert isinstance(read, dict)
    return read


def asked(found: PythonEnvironment) -> list[str]:
    assert found.install.entry is not None
    return found.install.support[found.install.entry].splitlines()


@pytest.mark.parametrize("version", [6, 7])
def test_a_lock_is_installed_exactly(environment: Environment, version: int) -> None:
    click = pypi("click", CLICK, "8.1.7", f"sha256: {SHA256}")

    found = environment({"pixi.lock": lock(conda(PYTHON), conda(SIX), click, version=version)})

    assert wishes(found)["packages"] == [
        {"platform": "linux-64", "url": PYTHON, "sha256": SHA256, "md5": MD5},
        {"platform": "linux-64", "url": SIX, "sha256": SHA256, "md5": MD5},
    ]
    assert requirements(found) == f"click==8.1.7 --hash=sha256:{SHA256}\n"
    assert found.brings is not None
    assert found.brings.version == "3.11.7"


@pytest.mark.parametrize("version", [4, 5])
def test_the_older_formats_name_kinds(environment: Environment, version: int) -> None:
    text = (
        f"version: {version}\nenvironments:\n  default:\n    channels: []\n    packages:\n      linux-64:\n"
        f"      - conda: {PYTHON}\n      - pypi: {CLICK}\n      - pypi: ./pkg\npackages:\n"
        f"- kind: conda\n  name: python\n  version: 3.11.7\n  url: {PYTHON}\n  sha256: {SHA256}\n"
        f"- kind: pypi\n  name: click\n  version: 8.1.7\n  url: {CLICK}\n  sha256: {SHA256}\n"
        "- kind: pypi\n  name: pkg\n  version: '1'\n  path: ./pkg\n  editable: true\n"
    )

    found = environment({"pixi.lock": text, "pkg/pyproject.toml": ""})

    assert requirements(found) == f"click==8.1.7 --hash=sha256:{SHA256}\n"
    assert (found.install.local, found.install.local_options) == (("-e", "./pkg"), ("--no-deps",))


def test_a_platform_may_have_a_name_of_its_own(environment: Environment) -> None:
    head = "platforms:\n- name: old-libc\n  subdir: linux-64\n  virtual-packages:\n  - __glibc=2.17\n"

    found = environment({"pixi.lock": lock(conda(PYTHON), version=7, platform="old-libc", head=head)})

    assert [package["platform"] for package in wishes(found)["packages"]] == ["linux-64"]


@pytest.mark.parametrize(
    ("url", "requirement"),
    [
        (
            f"git+https://github.com/psf/requests?rev=main#{COMMIT}",
            f"git+https://github.com/psf/requests@{COMMIT}",
        ),
        (
            f"git+https://github.com/a/b?subdirectory=python&tag=v1#{COMMIT}",
            f"git+https://github.com/a/b@{COMMIT}#subdirectory=python",
        ),
        (
            f"git+ssh://git@github.com/psf/requests?rev=main#{COMMIT}",
            f"git+https://github.com/psf/requests@{COMMIT}",
        ),
        (
            f"git+https://github.com/psf/requests.git@{COMMIT}",
            f"git+https://github.com/psf/requests.git@{COMMIT}",
        ),
        ("direct+https://example.org/pkg-1.0.zip", "https://example.org/pkg-1.0.zip"),
    ],
)
def test_distributions_from_elsewhere(environment: Environment, url: str, requirement: str) -> None:
    found = environment({"pixi.lock": lock(conda(PYTHON), pypi("pkg", url))})

    assert requirements(found) == f"pkg @ {requirement}\n"


def test_a_distribution_of_another_index_keeps_its_hash(environment: Environment) -> None:
    url = "https://wheels.example.org/torch-2.0-cp311-cp311-linux_x86_64.whl"

    found = environment({"pixi.lock": lock(conda(PYTHON), pypi("torch", url, "2.0", f"sha256: {SHA256}"))})

    assert requirements(found) == f"torch @ {url} --hash=sha256:{SHA256}\n"


def test_what_lies_in_the_repository_is_installed_late(environment: Environment) -> None:
    files = {
        "pixi.lock": lock(conda(PYTHON), pypi("mine", "./"), pypi("wheel", "./wheels/w-1-py3-none-any.whl")),
        "pyproject.toml": f'{PROJECT}[tool.pixi.workspace]\nchannels = ["conda-forge"]\n[tool.pixi.pypi-dependencies]\nmine = {{ path = ".", editable = true }}\n',
        "wheels/w-1-py3-none-any.whl": "",
    }

    found = environment(files)

    assert found.install.local == ("-e", ".", "./wheels/w-1-py3-none-any.whl")
    assert requirements(found) == ""


@pytest.mark.parametrize(
    ("package", "words"),
    [
        ("conda: child-package\nname: child-package", "to build from source"),
        ("conda_source: child[87dc0b8a] @ child\nversion: '1'", "to build from source"),
        (conda("https://ada:secret@example.org/c/noarch/x-1.0-0.conda"), "password"),
        (conda("./channel/noarch/x-1.0-0.conda"), "cannot be reached"),
        (f"conda: {SIX}\nsha256: nonsense", "not a hash"),
        (pypi("click", "https://ada:secret@example.org/click-1-py3-none-any.whl"), "password"),
        (pypi("click", "file:///home/ada/click-1-py3-none-any.whl"), "cannot be reached"),
        (pypi("click", "../elsewhere"), "not inside the repository"),
        (pypi("click", "./missing"), "does not exist"),
        (pypi("not a name", CLICK), "not a distribution"),
    ],
)
def test_packages_that_no_build_could_have_are_refused(detect: Detect, package: str, words: str) -> None:
    with pytest.raises(InvalidRepositoryError, match=words) as caught:
        detect({"pixi.lock": lock(conda(PYTHON), package)})

    assert caught.value.line == 9
    assert "secret" not in caught.value.message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("version: 3\n", "supports versions 4 to 7"),
        ("version: 8\n", "supports versions 4 to 7"),
        ("nothing: here\n", "format version none"),
        ("[]\n", "not a mapping"),
        ("version: 6\nenvironments:\n  test: {}\n", "no environment `default`"),
        ("version: 6\nenvironments: {default: {packages: [linux-64]}}\n", "not a mapping"),
        ("version: 6\nenvironments: {default: {packages: {}}}\n", "locks nothing for `linux-64`"),
        (
            f"version: 6\nenvironments: {{default: {{packages: {{linux-64: [conda: {PYTHON}]}}}}}}\n",
            "not in the package list",
        ),
        (lock(conda(SIX)), "locks no Python"),
        ("a: [", "not valid YAML"),
    ],
)
def test_a_lock_that_cannot_be_used_says_why(detect: Detect, text: str, words: str) -> None:
    with pytest.raises(InvalidRepositoryError, match=words) as caught:
        detect({"pixi.lock": text})

    assert caught.value.file == "pixi.lock"
    assert caught.value.hint


@pytest.mark.parametrize(
    ("lines", "where"),
    [
        ('[dependencies]\nsix = ">=2"', "pixi.toml:5"),
        ('[dependencies]\nsix = { version = "*", build = "py27*" }', "pixi.toml:5"),
        ('[dependencies]\npandas = "*"', "pixi.toml:5"),
        ('[target.linux.dependencies]\npandas = "*"', "pixi.toml:5"),
        ('[feature.x.dependencies]\npandas = "*"\n[environments]\ndefault = ["x"]', "pixi.toml:5"),
        ('[pypi-dependencies]\nclick = "<8"', "pixi.toml:5"),
        ('[pypi-dependencies]\nrequests = "*"', "pixi.toml:5"),
    ],
)
def test_a_lock_that_does_not_match_its_manifest_is_refused(detect: Detect, lines: str, where: str) -> None:
    click = pypi("click", CLICK, "8.1.7", f"sha256: {SHA256}")
    six = conda(SIX) + "\npurls:\n- pkg:pypi/six"

    with pytest.raises(InvalidRepositoryError, match="is required here") as caught:
        detect({"pixi.toml": f"{WORKSPACE}{lines}\n", "pixi.lock": lock(conda(PYTHON), six, click)})

    assert caught.value.where == where
    assert caught.value.hint == "Run `pixi lock`, and commit `pixi.lock`"


@pytest.mark.parametrize(
    "lines",
    [
        '[dependencies]\nsix = "1.16.*"\npython = ">=3.11,<3.12"',
        '[target.win-64.dependencies]\npywin32 = "*"',
        '[feature.test.dependencies]\npytest = "*"\n[environments]\ntest = ["test"]',
        '[pypi-dependencies]\nclick = ">=8"\nsix = "*"',
        '[pypi-dependencies]\ncolorama = { version = "*", env-markers = "sys_platform == \'win32\'" }',
        '[target.linux-64.dependencies]\nsix = "*"\n[dependencies]\nsix = ">=2"',
    ],
)
def test_a_lock_that_matches_its_manifest_is_taken(environment: Environment, lines: str) -> None:
    click = pypi("click", CLICK, "8.1.7", f"sha256: {SHA256}")
    six = conda(SIX) + "\npurls:\n- pkg:pypi/six?source=hash-mapping"

    found = environment({"pixi.toml": f"{WORKSPACE}{lines}\n", "pixi.lock": lock(conda(PYTHON), six, click)})

    assert [evidence.file for evidence in found.evidence] == ["pixi.lock", "pixi.toml"]


def test_without_a_lock_the_manifest_is_solved(environment: Environment) -> None:
    text = """[project]
channels = ["conda-forge", { channel = "pytorch", priority = 1 }, "https://prefix.dev/mine"]
exclude-newer = "2024-03-01"
[dependencies]
python = "3.11.*"
numpy = { version = ">=1.26,<2", channel = "conda-forge" }
blas = { version = "*", build = "*openblas" }
[system-requirements]
cuda = "12"
[target.linux-64.dependencies]
gcc = "*"
[target.osx-arm64.dependencies]
clang = "*"
"""

    assert wishes(environment({"pixi.toml": text})) == {
        "channels": ["pytorch", "conda-forge", "https://prefix.dev/mine"],
        "specs": ["python 3.11.*", "conda-forge::numpy >=1.26,<2", "blas * *openblas", "gcc"],
        "exclude_newer": "2024-03-01T23:59:59Z",
        "cuda": "12",
    }


def test_the_date_of_the_user_comes_before_that_of_the_manifest(environment: Environment) -> None:
    text = f'{WORKSPACE}exclude-newer = "2024-03-01"\n'
    options = Options(as_of="2023-01-01T00:00:00Z")

    assert wishes(environment({"pixi.toml": text}, options))["exclude_newer"] == "2023-01-01T00:00:00Z"


def test_features_of_the_default_environment_count(environment: Environment) -> None:
    text = f"""{WORKSPACE}
[dependencies]
six = "*"
[feature.extra]
channels = ["bioconda"]
[feature.extra.dependencies]
samtools = "*"
[environments]
default = {{ features = ["extra"], no-default-feature = true }}
"""

    found = wishes(environment({"pixi.toml": text}))

    assert found["specs"] == ["samtools"]
    assert found["channels"] == ["bioconda", "conda-forge"]


def test_distributions_in_all_their_forms(environment: Environment) -> None:
    text = f"""{WORKSPACE}
[pypi-dependencies]
plain = "*"
version = ">=1,<2"
extras = {{ version = "==1.0", extras = ["fast", "nice"] }}
marked = {{ version = "*", env-markers = "python_version >= '3.9'" }}
cloned = {{ git = "https://github.com/a/b", tag = "v1.0", subdirectory = "python", extras = ["x"] }}
fetched = {{ url = "https://example.org/fetched-1.0.zip" }}
[pypi-options]
index-url = "https://pypi.example.org/simple"
extra-index-urls = ["https://wheels.example.org/simple"]
no-binary = ["plain"]
no-build-isolation = ["marked"]
"""

    found = environment({"pixi.toml": text})

    assert asked(found) == [
        "--index-url https://pypi.example.org/simple",
        "--extra-index-url https://wheels.example.org/simple",
        "--no-binary plain",
        "plain",
        "version<2,>=1",
        "extras[fast,nice]==1.0",
        "marked ; python_version >= '3.9'",
        "cloned[x] @ git+https://github.com/a/b@v1.0#subdirectory=python",
        "fetched @ https://example.org/fetched-1.0.zip",
    ]
    assert "--no-build-isolation-package=marked" in found.install.options


def test_a_project_is_installed_with_what_it_depends_on(environment: Environment) -> None:
    text = f"""{PROJECT}requires-python = ">=3.10"
dependencies = ["click>=8"]
[dependency-groups]
test = ["pytest"]
[tool.pixi.workspace]
channels = ["conda-forge"]
[tool.pixi.pypi-dependencies]
mine = {{ path = ".", editable = true }}
[tool.pixi.environments]
default = ["test"]
"""

    found = environment({"pyproject.toml": text})

    assert found.install.local == ("-e", ".")
    assert asked(found) == ["click>=8", "pytest"]
    assert wishes(found)["specs"] == ["python >=3.10"]


def test_a_package_for_server_parts_joins_the_server(detect: Detect) -> None:
    found = detect({"pixi.toml": f'{WORKSPACE}[dependencies]\njupyterlab = ">=4"\n'})

    assert [(evidence.file, evidence.line) for evidence in found.server] == [("pixi.toml", 5)]


@pytest.mark.parametrize("text", ["[tool.ruff]\nline-length = 100\n", PROJECT, "", "[broken"])
def test_a_project_without_pixi_is_not_for_pixi(tmp_path: Path, text: str) -> None:
    assert Pixi().detect(write(tmp_path, {"pyproject.toml": text}), Options()) is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[workspace]\n", "lists no channels"),
        ('[workspace]\nchannels = ["/home/ada/channel"]\n', "machine where"),
        ('[workspace]\nchannels = ["https://ada:secret@example.org/c"]\n', "password"),
        ("[workspace]\nchannels = [1]\n", "must hold strings"),
        (f'{WORKSPACE}[dependencies]\nmine = {{ path = "." }}\n', "does not come from a channel"),
        (f"{WORKSPACE}[dependencies]\nmine = 1\n", "has no version"),
        (f'{WORKSPACE}[dependencies]\nnumpy = "=>1"\n', "operator that does not exist"),
        (f'{WORKSPACE}[environments]\ndefault = ["missing"]\n', "no feature `missing`"),
        (f"{WORKSPACE}[environments]\ndefault = 1\n", "not a list of features"),
        (f'{WORKSPACE}[pypi-dependencies]\nclick = "8.1"\n', "not a set of versions"),
        (f'{WORKSPACE}[pypi-dependencies]\nx = {{ path = "../elsewhere" }}\n', "not inside"),
        (
            f'{WORKSPACE}[pypi-dependencies]\nx = {{ git = "https://a.org/b", rev = "x y" }}\n',
            "not a revision",
        ),
        (f'{WORKSPACE}[pypi-dependencies]\n"x; rm" = "*"\n', "not the name"),
        (f'{WORKSPACE}[system-requirements]\ncuda = "x"\n', "not a version"),
        ("[workspace\n", "not valid TOML"),
    ],
)
def test_a_manifest_that_cannot_be_used_says_why(detect: Detect, text: str, words: str) -> None:
    with pytest.raises(InvalidRepositoryError, match=words) as caught:
        detect({"pixi.toml": text})

    assert caught.value.file == "pixi.toml"
    assert "secret" not in caught.value.message


KEYS = (
    *(
        "version",
        "environments",
        "default",
        "packages",
        "platforms",
        "linux-64",
        "conda",
        "pypi",
        "name",
        "url",
    ),
    *("kind", "path", "sha256", "md5", "purls", "subdir", "source", "conda_source", "editable"),
)
VALUES = st.sampled_from(["6", "4", PYTHON, SIX, CLICK, "./x", "conda", "pypi", SHA256, "~", ""]) | st.text()
YAML = st.recursive(
    VALUES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner),
    max_leaves=30,
)


@given(YAML, YAML)
def test_any_lock_is_a_value_or_an_error(first: object, second: object) -> None:
    inside = {
        "version": 6,
        "environments": {"default": {"packages": {"linux-64": first}}},
        "packages": second,
    }
    for content in (first, inside):
        with TemporaryDirectory() as top, suppress(R2iError):
            Pixi().detect(write(Path(top), {"pixi.lock": json.dumps(content)}), Options())


TABLES = (
    *(
        "workspace",
        "project",
        "tool",
        "pixi",
        "channels",
        "dependencies",
        "pypi-dependencies",
        "feature",
        "x",
    ),
    *(
        "target",
        "linux",
        "environments",
        "default",
        "features",
        "version",
        "build",
        "path",
        "git",
        "rev",
        "extras",
    ),
    *("system-requirements", "cuda", "pypi-options", "index-url", "find-links", "exclude-newer", "channel"),
)
TOML = st.recursive(
    st.sampled_from(["conda-forge", "*", ">=1", "x", ".", "https://example.org/a"])
    | st.text()
    | st.integers()
    | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(TABLES), inner, max_size=5),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(TABLES), TOML, max_size=6))
def test_any_manifest_is_a_value_or_an_error(content: dict[str, object]) -> None:
    import tomli_w

    for made, name in ((content, "pixi.toml"), ({"tool": {"pixi": content}}, "pyproject.toml")):
        with TemporaryDirectory() as top, suppress(R2iError):
            Pixi().detect(write(Path(top), {name: tomli_w.dumps(made).encode(errors="replace")}), Options())
