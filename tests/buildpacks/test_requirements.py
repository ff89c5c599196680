"""`requirements.txt`: what is read early, what late, what is rewritten, and what is refused with words."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from packaging.requirements import Requirement
from tests.writing import Files, write

from r2i import process
from r2i.buildpacks.requirements import Requirements
from r2i.checkout import Checkout
from r2i.errors import InvalidRepositoryError, R2iError
from r2i.facts.server_parts import is_server_part
from r2i.formats.requirements.lines import quoted
from r2i.formats.requirements.specifiers import SIMPLE
from r2i.model import Detection, Options, PythonEnvironment
from r2i.planning.compose import make_plan

HASH = "sha256:8abb2f1d86890a2dfb989f9a77cfcfd3e47c2a354b01111771326f8aa26e0254"

Detect = Callable[[Files], Detection]


def detect_in(checkout: Checkout) -> Detection:
    found = Requirements().detect(checkout, Options())
    assert found is not None
    return found


@pytest.fixture
def detect(tmp_path: Path) -> Detect:
    return lambda files: detect_in(write(tmp_path, files))


@pytest.fixture
def read(detect: Detect) -> Callable[..., PythonEnvironment]:
    """Read a `requirements.txt` of this text, beside other files."""

    def environment(text: str, files: Files | None = None) -> PythonEnvironment:
        found = detect({"requirements.txt": text, **(files or {})}).environment
        assert found is not None
        return found

    return environment


Read = Callable[..., PythonEnvironment]


def test_a_repository_without_the_file_is_not_detected(tmp_path: Path) -> None:
    checkout = write(tmp_path, {"a.ipynb": "{}"})

    assert Requirements().detect(checkout, Options()) is None


def test_the_binder_directory_hides_the_file_of_the_root(tmp_path: Path) -> None:
    checkout = write(tmp_path, {"requirements.txt": "six\n", "binder/apt.txt": ""})

    assert Requirements().detect(checkout, Options()) is None


def test_the_file_in_a_binder_directory_is_the_entry(detect: Detect) -> None:
    environment = detect({"binder/requirements.txt": "six\n"}).environment

    assert environment is not None
    assert environment.defined_by == environment.install.entry == "binder/requirements.txt"
    assert environment.install.support == {"binder/requirements.txt": "six\n"}


def test_names_are_normalised_and_know_their_line(read: Read) -> None:
    names = read("# first\n\nScikit_Learn >= 1.0\nzope.interface\nscikit-learn<2\n").names

    assert {name: (found.file, found.line) for name, found in names.items()} == {
        "scikit-learn": ("requirements.txt", 3),
        "zope-interface": ("requirements.txt", 4),
    }


@pytest.mark.parametrize(
    "edited",
    [
        "six==1.16.0\nidna>=3\n",
        "# why\nsix==1.16.0 # pinned\n\n\n\tidna>=3   ",
        "six==1.16.0\r\nidna>=3\r\n",
        b"\xef\xbb\xbfsix==1.16.0\nidna>=3",
        "six==1.16.0\nidna>=3\n".encode("utf-16"),
        "six\\\n==1.16.0\n# a comment with a backslash \\\nidna>=3",
        "six==1.16.0\f\nidna>=3",
    ],
    ids=["plain", "comments", "crlf", "bom", "utf-16", "continued", "form-feed"],
)
def test_comments_blanks_line_ends_and_encodings_change_no_byte(detect: Detect, edited: str | bytes) -> None:
    environment = detect({"requirements.txt": edited}).environment

    assert environment is not None
    assert environment.install.support == {"requirements.txt": "six==1.16.0\nidna>=3\n"}


@pytest.mark.parametrize(
    "head",
    [
        b"# -*- coding: latin-1 -*-\n",
        b"# Liste \xe9crite\n# vim: set fileencoding=iso-8859-15:\r\n",
        b"six==1.16.0\n# coding=cp1252\n",
    ],
)
def test_the_first_lines_may_name_the_encoding_as_in_pip(detect: Detect, head: bytes) -> None:
    files = {"requirements.txt": b"-r more.txt\n", "more.txt": head + b"idna>=3  # \xe9t\xe9\n"}

    environment = detect(files).environment

    assert environment is not None
    assert environment.install.support["more.txt"].endswith("idna>=3\n")


@pytest.mark.parametrize("name", [b"latin-1", b"punycode", b"hex", b"none", b"utf-8", b"\xff"])
def test_an_encoding_further_down_or_that_is_no_text_means_nothing(detect: Detect, name: bytes) -> None:
    head = b"six\n\n" if name == b"latin-1" else b""

    with pytest.raises(InvalidRepositoryError, match="is not UTF-8 text"):
        detect({"requirements.txt": head + b"# coding: " + name + b"\n# \xe9\n"})


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing yet\n", "\\\n", b"\xef\xbb\xbf"])
def test_an_empty_file_asks_for_nothing(detect: Detect, text: str | bytes) -> None:
    environment = detect({"requirements.txt": text}).environment

    assert environment is not None
    assert environment.install.entry is None
    assert not environment.install.support


@pytest.mark.parametrize(
    "line",
    [
        "numpy",
        "numpy[a,b]==1.26.4",
        "numpy>=1.26,<2,!=1.26.1",
        "numpy==1.*",
        "numpy===1.26.4",
        "numpy (>=1.26)",
        "numpy~=1.26",
        "torch==2.1.0+cpu",
        'tomli;python_version<"3.11"',
        "pywin32 ; sys_platform == 'win32' and python_version >= '3'",
        "numpy==1.0.dev1",
        "six @ https://example.org/six-1.16.0.tar.gz",
        "foo[bar] @ git+https://example.org/foo.git@v1#subdirectory=python",
        "https://example.org/foo-1.0-py3-none-any.whl",
        "git+https://example.org/foo.git@main",
        f"six==1.16.0 --hash={HASH}",
    ],
)
def test_what_is_valid_today_stays_as_it_is(read: Read, line: str) -> None:
    assert read(line).install.support == {"requirements.txt": f"{line}\n"}


@pytest.mark.parametrize(
    ("line", "becomes"),
    [
        ("numpy>=1.16.*", "numpy>=1.16"),
        ("numpy >1.16.*,< 2.*", "numpy >=1.16,<2"),
        ('numpy<=1.16.* ; python_version<"3"', 'numpy<1.16 ; python_version<"3"'),
        ("-e git+https://example.org/foo.git#egg=foo", "git+https://example.org/foo.git"),
        (
            "-e git+https://example.org/f#egg=foo[x]&subdirectory=y",
            "foo[x] @ git+https://example.org/f#subdirectory=y",
        ),
        ("git+git://example.org/foo.git", "git+https://example.org/foo.git"),
        ("git+ssh://git@github.com/a/b.git@v1", "git+https://github.com/a/b.git@v1"),
        ("git+git@gitlab.com:a/b.git", "git+https://gitlab.com/a/b.git"),
        ("https://github.com/a/b/tarball/main#egg=b", "https://github.com/a/b/archive/main.tar.gz"),
        ("https://example.org/foo-1.0.zip#egg=foo&sha256=ab", "https://example.org/foo-1.0.zip#sha256=ab"),
        (f"six==1.16.0 \\\n  --hash {HASH}", f"six==1.16.0 --hash={HASH}"),
        ("--requirement=more.txt", "-r more.txt"),
        ("-rmore.txt", "-r more.txt"),
    ],
)
def test_what_uv_would_refuse_is_rewritten(read: Read, line: str, becomes: str) -> None:
    assert read(line, {"more.txt": "six"}).install.support["requirements.txt"] == f"{becomes}\n"


@pytest.mark.parametrize(
    ("line", "arguments"),
    [
        ("-e .", ("-e", ".")),
        ("-e.", ("-e", ".")),
        ("--editable=./pkg", ("-e", "./pkg")),
        ("-e '.[test, docs]'", ("-e", ".[test,docs]")),
        ("-e pkg#egg=other[x]", ("-e", "./pkg[x]")),
        (".", (".",)),
        (".[test]", (".[test]",)),
        ("./pkg/", ("./pkg",)),
        ("pkg/", ("./pkg",)),
        ("pkg/../pkg", ("./pkg",)),
        ("file:./pkg", ("./pkg",)),
        ("name[x] @ file:pkg", ("./pkg[x]",)),
        ("name @ ./pkg", ("./pkg",)),
        ("dist/foo-1.0-py3-none-any.whl", ("./dist/foo-1.0-py3-none-any.whl",)),
        ('./pkg ; python_version > "3"', ('./pkg ; python_version > "3"',)),
        (f"./pkg --hash={HASH}", ("./pkg",)),
    ],
)
def test_what_lies_in_the_repository_is_installed_late(
    read: Read, line: str, arguments: tuple[str, ...]
) -> None:
    files = {"setup.py": "", "pkg/pyproject.toml": "", "dist/foo-1.0-py3-none-any.whl": ""}
    environment = read(f"six\n{line}\n", files)

    assert environment.install.local == arguments
    assert environment.install.support == {"requirements.txt": "six\n"}


def test_only_local_lines_leave_nothing_to_install_early(read: Read) -> None:
    environment = read("-e .\n", {"setup.py": ""})

    assert environment.install.entry is None
    assert environment.install.support == {}


def test_paths_are_relative_to_the_root_and_else_to_the_file(detect: Detect) -> None:
    found = detect(
        {"binder/requirements.txt": "-e .\n./pkg\n-e ..\n", "setup.py": "", "binder/pkg/setup.py": ""}
    )

    assert found.environment is not None
    assert found.environment.install.local == ("-e", ".", "./binder/pkg")
    assert [(notice.level, notice.line) for notice in found.notices] == [("info", 2), ("info", 3)]


def test_includes_keep_their_places(detect: Detect) -> None:
    files = {
        "binder/requirements.txt": "-r ../requirements/all.txt\nsix\n-c limits.txt\n",
        "requirements/all.txt": "idna\n-r base/a b.txt\n-r 'base/a b.txt' --constraint=../binder/limits.txt\n",
        "requirements/base/a b.txt": "attrs # x\n",
        "requirements/base/a": "certifi",
        "binder/limits.txt": "# limits\nsix<2\nnumpy<3\n",
    }
    environment = detect(files).environment

    assert environment is not None
    assert environment.install.entry == "binder/requirements.txt"
    assert environment.install.support == {
        "binder/requirements.txt": "-r ../requirements/all.txt\nsix\n",
        "requirements/all.txt": "idna\n-r base/a\n-r base/a_b.txt\n-c ../binder/limits.txt\n",
        "requirements/base/a": "certifi\n",
        "requirements/base/a_b.txt": "attrs\n",
        "binder/limits.txt": "six<2\nnumpy<3\n",
    }
    assert [*environment.names] == ["idna", "certifi", "attrs", "six"]


def test_a_file_may_both_require_and_constrain(read: Read) -> None:
    support = read("-r a.txt\n-c a.txt\n", {"a.txt": "six==1.16.0\n"}).install.support

    assert support == {
        "requirements.txt": "-r a.txt\n-c a.txt.constraint\n",
        "a.txt": "six==1.16.0\n",
        "a.txt.constraint": "six==1.16.0\n",
    }


def test_an_include_without_content_is_left_out(read: Read) -> None:
    assert read("-r a.txt\nsix\n", {"a.txt": "# later\n"}).install.support == {"requirements.txt": "six\n"}


def test_a_remote_include_stays_and_is_told(detect: Detect) -> None:
    found = detect({"requirements.txt": "-r https://example.org/r.txt\n"})

    assert found.environment is not None
    assert found.environment.install.support == {"requirements.txt": "-r https://example.org/r.txt\n"}
    assert [notice.level for notice in found.notices] == ["warning"]


def test_index_options_of_all_files_stand_in_the_first(read: Read) -> None:
    text = "six\n-i https://one.example/simple\n-r a.txt\n--extra-index-url=https://three.example/simple\n"
    included = "--index-url https://two.example/simple\n-f https://example.org/links.html\nidna\n"
    environment = read(text, {"a.txt": included})

    assert environment.install.support["requirements.txt"].splitlines()[:3] == [
        "--index-url https://two.example/simple",
        "--extra-index-url https://three.example/simple",
        "--find-links https://example.org/links.html",
    ]
    assert environment.install.support["a.txt"] == "idna\n"
    assert environment.install.options == ("--index-strategy=unsafe-best-match",)


def test_options_that_uv_takes_only_as_arguments(read: Read) -> None:
    text = "--pre\n--pre\n--trusted-host https://a.example/ --trusted-host b.example:8443\nsix -C a=b\n"

    assert read(text).install.options == (
        "--prerelease=allow",
        "--allow-insecure-host=a.example",
        "--allow-insecure-host=b.example:8443",
        "--config-settings-package=six:a=b",
    )


@pytest.mark.parametrize(
    ("lines", "head"),
    [
        ("--no-binary a,B_b", "--no-binary a\n--no-binary b-b\n"),
        ("--no-binary a\n--no-binary :none:", ""),
        ("--no-binary a\n--only-binary :all:\n--no-binary=b", "--no-binary b\n--only-binary :all:\n"),
        ("--no-binary a\n--only-binary a", "--only-binary a\n"),
    ],
)
def test_binary_options_as_pip_counts_them(read: Read, lines: str, head: str) -> None:
    assert read(f"{lines}\nsix\n").install.support == {"requirements.txt": f"{head}six\n"}


@pytest.mark.parametrize(
    "option", ["--require-hashes", "--prefer-binary", "--use-feature=x", "--process-dependency-links"]
)
def test_options_without_a_counterpart_are_left_out_and_told(detect: Detect, option: str) -> None:
    found = detect({"requirements.txt": f"six\n{option}\n"})

    assert found.environment is not None
    assert found.environment.install.support == {"requirements.txt": "six\n"}
    assert [(option[:8] in notice.message, notice.line) for notice in found.notices] == [(True, 2)]


def test_what_a_local_links_directory_holds_is_installed_late(read: Read) -> None:
    files = {"wheels/My_Tool-1.0-py3-none-any.whl": "", "other/six-1.0.tar.gz": ""}
    environment = read(f"-f wheels\nmy.tool==1.0 --hash={HASH}\nsix\n", files)

    assert environment.install.local == ("--find-links", "./wheels", "my.tool==1.0")
    assert environment.install.support == {"requirements.txt": "six\n"}


def test_without_an_index_everything_comes_from_the_local_links(read: Read) -> None:
    environment = read("--no-index\n--find-links=./wheels\nfoo\n", {"wheels/foo-1.0-py3-none-any.whl": ""})

    assert environment.install.local == ("--find-links", "./wheels", "--no-index", "foo")
    assert environment.install.entry is None


@pytest.mark.parametrize(
    "line",
    [
        "-i https://user:s3cret@example.org/simple",
        "foo @ https://s3cret@example.org/foo-1.0.zip",
        "git+https://oauth2:s3cret@example.org/foo.git",
        "-r https://s3cret@example.org/r.txt",
    ],
)
def test_a_password_is_told_and_not_shown(detect: Detect, line: str) -> None:
    found = detect({"requirements.txt": line})

    assert any("password" in notice.message and notice.level == "warning" for notice in found.notices)
    assert not any("s3cret" in notice.message for notice in found.notices)
    assert found.environment is not None
    assert not any(
        "s3cret" in word for word in (*found.environment.install.options, *found.environment.install.local)
    )


def test_an_error_shows_no_password() -> None:
    assert quoted("-x https://user:s3cret@example.org") == "`-x https://…@example.org`"
    assert quoted("-x https://user:s3@cret@example.org") == "`-x https://…@example.org`"


def test_server_parts_are_evidence(detect: Detect) -> None:
    found = detect({"requirements.txt": "six\nipywidgets\njupyterlab-git\nNbGitPuller\njupyter_client\n"})

    assert [(evidence.why, evidence.line) for evidence in found.server] == [
        ("`jupyterlab-git` is part of the Jupyter server", 3),
        ("`nbgitpuller` is part of the Jupyter server", 4),
    ]


@pytest.mark.parametrize(
    "name",
    [
        "jupyter",
        "jupyterlab",
        "notebook",
        "jupyterhub",
        "voila",
        "jupytext",
        "jupyter-server-proxy",
        "trame-jupyter-extension",
        "marimo-jupyter-extension",
    ],
)
def test_server_parts(name: str) -> None:
    assert is_server_part(name)


@pytest.mark.parametrize(
    "name",
    [
        "jupyter-core",
        "jupyterlab-widgets",
        "jupyter-book",
        "jupyterlite-core",
        "ipykernel",
        "nbconvert",
        "numpy",
        "widgetsnbextension",
    ],
)
def test_not_server_parts(name: str) -> None:
    assert not is_server_part(name)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("six\n-r nope.txt", 2, "does not exist"),
        ("-r ../../etc/passwd", 1, "leads out of the repository"),
        ("-r /etc/passwd", 1, "leads out of the repository"),
        ("-c requirements.txt", 1, "include itself"),
        ("six\n\nnumpy=1.2=py38_0", 3, "conda notation"),
        ("numpy@1.20", 1, "`@`"),
        ("numpy==1,==2", 1, "several versions"),
        ("numpy==1.0,>=0.1,==1.1", 1, "several versions"),
        ("numpy = 1.2", 1, "single `=`"),
        ("Package    Version\n---------- -------", 1, "table"),
        ("numpy   1.26.4", 1, "table"),
        ("----- ----", 1, "table"),
        ("pip install numpy", 1, "command"),
        ("!python3 -m pip install --upgrade pip", 1, "command"),
        ("numpy=>1.26", 1, "operator"),
        ("pytz==2004d", 1, "version"),
        ("numpy pandas", 1, "several"),
        ('numpy ; python_version < "3', 1, "marker"),
        ("./pkg ; nonsense", 1, "marker"),
        ("<!DOCTYPE html>", 1, "not a valid requirement"),
        ("python>=3.8", 1, "`python`"),
        ("numpy @ file:///C:/ci/numpy_1/work", 1, "machine"),
        ("numpy @ file:///tmp/build/80754af9/numpy_1/work", 1, "machine"),
        ("-e c:\\users\\me\\pkg", 1, "machine"),
        ("-e /home/me/pkg", 1, "machine"),
        ("-e ./nope", 1, "does not exist"),
        ("-e .", 1, "neither a `pyproject.toml`"),
        ("-e ../other", 1, "not inside the repository"),
        ("./pkg/$(id)", 1, "special characters"),
        ("foo.whl", 1, "does not exist"),
        ("-e pkg.py", 1, "not a directory"),
        ("--upgrade\nsix", 1, "not an option"),
        ("six -U", 1, "not an option"),
        ("-r", 1, "no value"),
        ("--pre=yes", 1, "takes no value"),
        ("six --hash=sha256:abc", 1, "not a valid hash"),
        ("six --hash=md5:d41d8cd98f00b204e9800998ecf8427e", 1, "not a valid hash"),
        ("-i ${INDEX}", 1, "`${INDEX}`"),
        ("-i ./simple", 1, "package index"),
        ("-i 'https://[x'", 1, "package index"),
        ("--trusted-host '; id'", 1, "host name"),
        ("--no-binary=-x", 1, "package name"),
        ("six -C '-x'", 1, "cannot be used"),
        ("-e '", 1, "unfinished quotation"),
        ("hg+https://example.org/foo", 1, "not a Git repository"),
        ("git+file:///srv/foo", 1, "cannot be reached"),
        ("https://github.com/a/b", 1, "archive"),
        ("https://example.org/a b.zip", 1, "not a valid URL"),
        ("https://example.org/é.zip", 1, "not a valid URL"),
        ("six" * 40_000, 1, "characters"),
        ("six\n" * 10_001, 10_001, "lines"),
    ],
)
def test_a_wrong_line_is_named_with_a_way_out(read: Read, text: str, line: int, words: str) -> None:
    with pytest.raises(InvalidRepositoryError) as failure:
        read(text, {"pkg/setup.py": "", "pkg.py": ""})

    assert words in failure.value.message
    assert (failure.value.file, failure.value.line) == ("requirements.txt", line)
    assert failure.value.hint


def test_a_long_chain_of_includes_is_refused(read: Read) -> None:
    files = {f"{n}.txt": f"-r {n + 1}.txt\n" for n in range(200)}

    with pytest.raises(InvalidRepositoryError, match="100 included files"):
        read("-r 0.txt", files)


def test_including_everything_twice_reads_it_once(read: Read) -> None:
    files = {f"{n}.txt": f"-r {n + 1}.txt\n-r {n + 1}.txt\n" for n in range(60)}

    assert read("-r 0.txt", {**files, "60.txt": "six\n"}).install.support["60.txt"] == "six\n"


def test_an_include_through_a_link_out_of_the_repository_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("six\n")
    checkout = write(tmp_path / "repo", {"requirements.txt": "-r link.txt\n"})
    (tmp_path / "repo" / "link.txt").symlink_to("../secret.txt")

    with pytest.raises(InvalidRepositoryError, match="leads out of the repository"):
        Requirements().detect(checkout, Options())


WORDS = st.sampled_from(
    [
        *"-#;@[],'\"\\ \n\t/.=<>:",
        *"é\f\u2028$",
        " ; ",
        "==1",
        ">=1.*",
        "six",
        "numpy ",
        "\n-r ",
        "\n-c ",
        "\n-e ",
        "more.txt",
        "requirements.txt",
        "pkg",
        "./pkg",
        "..",
        "git+https://example.org/a",
        "https://example.org/a-1.0.zip",
        "#egg=a[b]",
        "git@github.com:",
        "file:",
        " --hash=" + HASH,
        "\n-f ",
        "\n-i ",
        "\n--no-index ",
        "\n--no-binary ",
        " -C a=b",
        "\n--trusted-host ",
        'python_version > "3"',
    ]
)
ARGUMENT = re.compile(r"-e|--find-links|--no-index|\.|[A-Za-z0-9.][^\n\0]*")


@given(st.lists(WORDS, max_size=12).map("".join) | st.text(max_size=60) | st.binary(max_size=60))
@example("./pkg[a]#egg=b[c] ; x")
@example("-e '#egg=[x]'")
@example("file:")
@example("git@github.com:")
def test_any_content_gives_safe_values_or_an_error(content: str | bytes) -> None:
    with TemporaryDirectory() as top:
        data = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
        checkout = write(Path(top), {"requirements.txt": data, "more.txt": "idna\n", "pkg/setup.py": ""})
        try:
            environment = detect_in(checkout).environment
        except R2iError:
            return

    assert environment is not None
    assert all(ARGUMENT.fullmatch(word) for word in environment.install.local)
    assert all(re.fullmatch(r"--[a-z-]+=[^\n\0]+", word) for word in environment.install.options)
    assert all(
        re.fullmatch(r"[A-Za-z0-9._/-]+", path) and ".." not in path for path in environment.install.support
    )
    for text in environment.install.support.values():
        assert text.endswith("\n")
        assert all(line.strip() == line != "" for line in text.removesuffix("\n").split("\n"))
    assert (environment.install.entry is None) == (not environment.install.support)


@given(st.lists(WORDS, max_size=8).map("".join))
def test_reading_the_result_again_changes_nothing(content: str) -> None:
    with TemporaryDirectory() as top:
        checkout = write(Path(top), {"requirements.txt": content, "more.txt": "idna\n", "pkg/setup.py": ""})
        try:
            first = detect_in(checkout).environment
        except R2iError:
            return
    assert first is not None
    if first.install.entry is None:
        return
    with TemporaryDirectory() as top:
        second = detect_in(write(Path(top), first.install.support)).environment

    assert second is not None
    assert second.install.support == first.install.support


PARTS = st.sampled_from(
    [
        *"aB09.-_[],<>=!~* ;+\"'()",
        *("post", "dev", "rc", "and", "or", "==", ">=", "1.0", ".*", "+cpu"),
        *(" ; python_version", "sys_platform", '"3.9"', "'linux'", " and "),
    ]
)


@given(st.lists(PARTS, max_size=14).map("".join))
@example("a==1.0.post1.dev2")
@example("a==1.0+cpu")
@example("a~=1.0,!=2.0+x")
@example("a [b , c] >= 1 , < 2")
@example("a==1.*,!=2.*")
@example("a; python_version<'3' and sys_platform == \"linux\" or os_name != 'nt'")
@example("a ;python_full_version<='3.8.*'")
def test_the_short_way_takes_nothing_that_is_not_valid(text: str) -> None:
    if found := SIMPLE.fullmatch(text):
        assert Requirement(text).name == found[1]


@given(st.from_regex(SIMPLE, fullmatch=True))
def test_everything_on_the_short_way_is_valid(text: str) -> None:
    assert Requirement(text).name


@pytest.mark.engine
def test_uv_installs_what_we_write(tmp_path: Path) -> None:
    text = f"""\
--pre
--prefer-binary
--only-binary :all:
six==1.16.0 --hash={HASH}
idna >= 3.*   # old
-r more/a b.txt
-c more/limits.txt
tomli; python_version < "3"
"""
    files = {
        "requirements.txt": text,
        "more/a": "attrs\n",
        "more/limits.txt": "idna<3.8\n",
    }
    environment = detect_in(write(tmp_path / "repo", files)).environment
    assert environment is not None
    assert environment.install.entry is not None
    write(tmp_path / "requirements", environment.install.support)
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    assert uv is not None
    entry = str(tmp_path / "requirements" / environment.install.entry)
    done = process.run(
        (
            *(uv, "pip", "install", "--dry-run", f"--target={tmp_path}", f"--python={sys.executable}"),
            *("ipykernel", "-r", entry, *environment.install.options),
        )
    )

    assert done.returncode == 0, done.stderr
    assert "six==1.16.0" in done.stderr
    assert "idna==3.7" in done.stderr
    assert "attrs==" in done.stderr
    assert "tomli" not in done.stderr


@pytest.mark.parametrize(
    ("text", "what", "hint"),
    [
        ("numpy >=1.20 <2", "no comma", "Write `numpy>=1.20,<2`"),
        ("numpy[a, b]>=1 <2", "no comma", "Write `numpy[a, b]>=1,<2`"),
        ("numpy (>=1.20 <2)", "no comma", "Write `numpy>=1.20,<2`"),
        ("numpy>=1.20, <2 !=1.25", "no comma", "Write `numpy>=1.20,<2,!=1.25`"),
        ("numpy>=1.20 and <2", "no comma", "Write `numpy>=1.20,<2`"),
        ("numpy>=1.20;<2", "no comma", "Write `numpy>=1.20,<2`"),
        ("numpy==1.20.x", "an `x`", "Write `numpy==1.20.*`"),
        ("numpy~=1.X.x", "an `x`", "Write `numpy==1.*`"),
        ("numpy=1.x", "single `=`", "Write `numpy==1.*`"),
        ("numpy = 1.2", "single `=`", "Write `numpy==1.2`"),
        ('numpy = "*"', "no version", "Write `numpy`"),
        ("numpy==latest", "no version", "Write `numpy`"),
        ('numpy = ">=1.2,<3"', "TOML", "Write `numpy>=1.2,<3`"),
        ("numpy @ 1.20", "`@`", "Write `numpy==1.20`"),
        ("numpy: 1.20", "`:`", "Write `numpy==1.20`"),
        ("numpy^1.2", "Poetry", "Write `numpy>=1.2,<2`"),
        ("numpy^0.2.3", "Poetry", "Write `numpy>=0.2.3,<0.3`"),
        ("numpy^0.0.3", "Poetry", "Write `numpy>=0.0.3,<0.0.4`"),
        ("numpy~1.2.3", "Poetry", "Write `numpy>=1.2.3,<1.3`"),
        ("numpy~1", "Poetry", "Write `numpy>=1,<2`"),
        ("numpy =>1.2", "operator", "Write `numpy>=1.2`"),
        ("numpy>=1.20||<1", "alternatives", "Write one range of versions, such as `>=1.20,<2`"),
    ],
)
def test_what_was_meant_is_proposed(read: Read, text: str, what: str, hint: str) -> None:
    with pytest.raises(InvalidRepositoryError) as raised:
        read(f"six\n{text}\n")

    assert what in raised.value.message
    assert raised.value.hint == hint
    assert raised.value.line == 2


@pytest.mark.parametrize("text", ["numpy==1.0,==1.0.0", "numpy==1.0,==1.*", "numpy==1.*,!=1.2,==1.3"])
def test_versions_that_one_release_can_have_are_no_contradiction(read: Read, text: str) -> None:
    assert [pin.name for pin in read(text).pins] == ["numpy"]


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("requirements-dev.txt", "Write `-r requirements-dev.txt`"),
        ("requirements.in", "Write `-r requirements.in`"),
        ("./more.txt", "Write `-r ./more.txt`"),
        ("../docs/requirements.txt", "Write `-r ../docs/requirements.txt`"),
        ("docs/requirements.txt ; python_version > '3'", "Write `-r docs/requirements.txt`"),
        ("-e requirements.txt", "Write `-r requirements.txt`"),
        ("setup.py", "Write `-e .` to install the project"),
        ("pkg/pyproject.toml", "Write `-e pkg` to install the project"),
        ("environment.yml", "Remove the line: only one file defines the environment"),
        ("Pipfile.lock", "Remove the line: only one file defines the environment"),
    ],
)
@pytest.mark.parametrize("there", [False, True])
def test_the_name_of_a_file_is_no_package(tmp_path: Path, text: str, hint: str, *, there: bool) -> None:
    files = {"requirements.txt": f"six\n{text}\n"}
    name = text.removeprefix("-e ").partition(" ;")[0]
    if there and name.endswith((".txt", ".in")) and ".." not in name:
        files.setdefault(name.removeprefix("./"), "attrs\n")
    with pytest.raises(InvalidRepositoryError) as caught:
        make_plan(write(tmp_path, files), Options())

    assert caught.value.where == "requirements.txt:2"
    assert caught.value.message.endswith("` is the name of a file, not of a package")
    assert caught.value.hint == hint


@pytest.mark.parametrize("text", ["python-in", "zope.interface", "backports.zoneinfo", "txt", "ruamel.yaml"])
def test_names_with_dots_are_packages(tmp_path: Path, text: str) -> None:
    make_plan(write(tmp_path, {"requirements.txt": f"{text}\n"}), Options())


@pytest.mark.parametrize(
    ("file", "content", "hint"),
    [
        (
            "environment.yml",
            "dependencies:\n- requirements.txt\n",
            "Write `-r requirements.txt` into the `pip:` list",
        ),
        ("environment.yml", "dependencies:\n- pip:\n  - requirements.txt\n", "Write `-r requirements.txt`"),
        (
            "pyproject.toml",
            '[project]\nname = "a"\nversion = "1"\ndependencies = ["requirements.txt"]\n',
            "List the requirements of the file here",
        ),
    ],
)
def test_the_name_of_a_file_is_no_package_in_other_files(
    tmp_path: Path, file: str, content: str, hint: str
) -> None:
    with pytest.raises(InvalidRepositoryError) as caught:
        make_plan(write(tmp_path, {file: content}), Options())

    assert caught.value.message == "`requirements.txt` is the name of a file, not of a package"
    assert caught.value.hint == hint
