"""The rules on files: whatever stands in them is a finding or none, and near misses are told from other names."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from r2i.check.checking import check
from r2i.check.git_facts import GitFacts
from r2i.check.rules import (
    binder,
    commands,
    committed,
    config,
    hidden_files,
    names,
    own_dockerfile,
    runtime,
    scripts,
)
from r2i.check.subject import Subject
from r2i.checkout import Checkout
from r2i.edits.applying import combined, write
from tests.building import write as write_files

MODULES = (config, hidden_files, runtime, names, committed, scripts, commands, binder, own_dockerfile)
RULES = [rule for module in MODULES for rule in module.RULES]


def codes(subject: Subject) -> list[str]:
    return [one.rule.code for one in check(subject, RULES).findings]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("enviroment.yml", "environment.yml"),
        ("enviornment.yml", "environment.yml"),
        ("environments.yaml", "environment.yaml"),
        ("environment.yml.txt", "environment.yml"),
        ("Environment.yml", "environment.yml"),
        ("requirement.txt", "requirements.txt"),
        ("Requirements.txt", "requirements.txt"),
        ("requirements.txt.txt", "requirements.txt"),
        ("requirements", "requirements.txt"),
        ("runtimes.txt", "runtime.txt"),
        ("apt.txt.txt", "apt.txt"),
        ("post_build", "postBuild"),
        ("PostBuild", "postBuild"),
        ("postBuild.sh", "postBuild"),
        ("postbiuld", "postBuild"),
        ("PipFile", "Pipfile"),
        ("pipfile.lock", "Pipfile.lock"),
        ("install.r", "install.R"),
        ("DockerFile", "Dockerfile"),
    ],
)
def test_a_near_miss_is_known_for_what_is_meant(name: str, meant: str) -> None:
    assert names.meant_by(name) == meant


@pytest.mark.parametrize(
    "name",
    [
        *(
            "requirements-dev.txt",
            "requirements3.txt",
            "requirements-r.txt",
            "requirements.in",
            "environment-r.yml",
        ),
        *(
            "environment2.yml",
            "environment.json",
            "api.txt",
            "opt.txt",
            "install.m",
            "install.sh",
            "uninstall.R",
        ),
        *(
            "start.sh",
            "stat",
            "star",
            "postBuild.bak",
            "postBuild~",
            "Dockerfile.gpu",
            "Dockerfile2",
            "README.md",
        ),
        *(
            "Containerfile",
            "docker-compose.yml",
            "Pipfile2",
            "times.txt",
            "setup.cfg",
            "install.py",
            "startup",
        ),
    ],
)
def test_another_name_is_no_near_miss(name: str) -> None:
    assert names.meant_by(name) is None


def test_what_git_would_not_make_executable_is_found_by_its_index(tmp_path: Path) -> None:
    (tmp_path / "postBuild").write_text("#!/bin/bash\n")
    (tmp_path / "postBuild").chmod(0o755)
    checkout = Checkout.open(tmp_path)

    assert codes(Subject(checkout, git=GitFacts(modes={"postBuild": "100644"}))) == ["F301"]
    assert codes(Subject(checkout, git=GitFacts(modes={"postBuild": "100755"}))) == []


def test_all_that_is_wrong_with_a_script_is_mended_at_once(tmp_path: Path) -> None:
    lines = ["\ufeffset -eo pipefail", "sudo pip install .", "apt-get install -y graphviz"]
    (tmp_path / "postBuild").write_bytes("\r\n".join([*lines, ""]).encode())
    subject = Subject(Checkout.open(tmp_path))
    found = check(subject, RULES).findings
    fixes = [one.finding.fix for one in found if one.finding.fix]
    for _ in range(2):  # what two fixes would change waits for the second time
        write(subject.checkout, combined(subject.checkout, fixes))
        subject = Subject(Checkout.open(tmp_path))
        fixes = [one.finding.fix for one in check(subject, RULES).findings if one.finding.fix]

    assert {one.rule.code for one in found} == {"F301", "F302", "F304", "F305", "F311", "F312"}
    assert codes(subject) == []
    assert (tmp_path / "postBuild").read_bytes() == b"#!/bin/bash\nset -eo pipefail\npip install .\n"
    assert (tmp_path / "apt.txt").read_bytes() == b"graphviz\n"


INSTRUCTION = st.builds(
    "{} {}\n".format,
    st.sampled_from(["FROM", "from", "USER", "ENTRYPOINT", "COPY", "ADD", "ARG", "ENV", "RUN", "#", "CMD"]),
    st.sampled_from(
        ["a AS b", "b", "python", "$X", "X=$Y", "Y=${X}", '["a", 1]', '["sh", "-c"]', "--from=b . .", "<<EOF"]
    )
    | st.text(max_size=12),
)


def found_in_dockerfile(directory: Path, text: str) -> list[str]:
    (directory / "Dockerfile").write_text(text, encoding="utf-8", errors="replace")
    (directory / "a.ipynb").write_text("{}")
    return codes(Subject(Checkout.open(directory)))


@settings(max_examples=150)
@given(st.lists(INSTRUCTION, max_size=6).map("".join))
def test_any_dockerfile_can_be_looked_at(tmp_path: Path, text: str) -> None:
    assert set(found_in_dockerfile(tmp_path, text)) <= {rule.code for rule in RULES}


@pytest.mark.parametrize(
    ("entrypoint", "swallows"),
    [
        ("jupyter lab", True),
        ('["jupyter-lab"]', True),
        ('["python3", "-m", "http.server"]', True),
        ('["bash"]', True),
        ('["/bin/bash", "-l"]', True),
        ('["bash", "-lc", "jupyter lab"]', True),
        ('["bash", "-c", "source a && exec \\"$@\\"", "--"]', False),
        ("[]", False),
        ('["tini", "--"]', False),
        ('["conda", "run", "-n", "science"]', False),
        ('["/usr/local/bin/_entrypoint.sh"]', False),
        ('["bash", "/entry.sh"]', False),
    ],
)
def test_an_entrypoint_has_to_run_what_it_is_given(
    tmp_path: Path, entrypoint: str, *, swallows: bool
) -> None:
    text = f"FROM lab/science:1\nCOPY --chown=1000 . .\nENTRYPOINT {entrypoint}\n"

    assert found_in_dockerfile(tmp_path, text) == (["F415"] if swallows else [])


@pytest.mark.parametrize(
    ("base", "found"),
    [
        ("python", ["F411"]),
        ("docker.io/library/python:latest", ["F411"]),
        ("localhost:5000/python", ["F411"]),
        ("python:3.12", []),
        ("python@sha256:0", []),
        ("$UNKNOWN", []),
    ],
)
def test_a_base_image_has_a_release(tmp_path: Path, base: str, found: list[str]) -> None:
    text = f"FROM {base}\nRUN pip install jupyterlab\nCOPY --chown=1000 . .\nUSER 1000\n"

    assert found_in_dockerfile(tmp_path, text) == found


CONTENT = st.binary(max_size=80) | st.text(max_size=80).map(lambda text: text.encode(errors="replace"))


@settings(max_examples=60)
@given(
    st.dictionaries(
        st.sampled_from(
            [f"{place}{name}" for place in ("", "binder/", ".binder/") for name in hidden_files.FOR_BINDER]
            + ["Postbuild", "Dockerfile", "binder/Dockerfile", "uv.lock", "pyproject.toml"]
        ),
        CONTENT,
        max_size=4,
    )
)
def test_whatever_stands_in_the_files_there_are_only_findings(
    tmp_path: Path, files: dict[str, bytes]
) -> None:
    from tempfile import TemporaryDirectory

    with TemporaryDirectory(dir=tmp_path) as directory:
        for path, content in files.items():
            file = Path(directory) / path
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(content)
        checkout = Checkout.open(Path(directory))
        found = check(Subject(checkout), RULES).findings
        combined(checkout, [one.finding.fix for one in found if one.finding.fix])

        assert all(one.finding.message for one in found)


def test_beside_a_file_that_is_wrong_the_others_are_looked_at(tmp_path: Path) -> None:
    files = {
        "runtime.txt": "python_3.11\n",
        "apt.txt": "curl; rm\n",
        "environment.yml": "dependencies: [pandas]\n",
        "requirements.txt": "numpy\n",
    }
    write_files(tmp_path, files)
    rules = [*config.RULES, *hidden_files.RULES]
    found = check(Subject(Checkout.open(tmp_path)), rules).findings

    assert [(one.finding.file, one.rule.code) for one in found] == [
        ("apt.txt", "F101"),
        ("requirements.txt", "F105"),
        ("runtime.txt", "F101"),
    ]


@pytest.mark.parametrize(("name", "severity"), [("LICENSE", "info"), ("tides.py", "error")])
def test_a_repository_with_nothing_to_open_needs_no_file_that_binder_reads(
    name: str, severity: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_text("# nothing\n")
    findings = check(Subject(Checkout.open(tmp_path))).findings

    assert [one.severity for one in findings if one.rule.code == "F109"] == [severity]
