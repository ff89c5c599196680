"""`r2i report`: what a job built and found, as Markdown, and the one comment on a pull request."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from r2i.process import Completed, run
from r2i.ready.report import MOST
from tests.ready.forges import ADA, BOT, EVE, TOKEN, Forge
from tests.ready.runners import SHA, clean_environment
from tests.sources.web_servers import Web, web_servers

R2I = str(Path(sys.executable).with_name("r2i"))
DIGEST = f"sha256:{'ab' * 32}"
MARKER = "<!-- r2i report . -->"

METADATA: dict[str, Any] = {
    "schema": 1,
    "image": {
        "references": ["ghcr.io:443/octavia/data:1.0", "ghcr.io:443/octavia/data:latest"],
        "digest": DIGEST,
        "size": 561_000_000,
    },
    "plan": f"sha256:{'cd' * 32}",
    "seconds": 61.4,
    "layers": [
        {"title": "System packages on debian:trixie-slim", "cached": True, "seconds": 0.0},
        {"title": "`scripts|x` of @ada", "cached": False, "seconds": 12.34},
    ],
}
PULL: dict[str, Any] = {
    "pull_request": {
        "number": 12,
        "head": {
            "sha": "1" * 40,
            "repo": {"html_url": "https://github.com/ada/data", "private": False},
        },
    },
    "repository": {"html_url": "https://github.com/octavia/data", "private": False},
}


@contextmanager
def forge(tmp_path: Path, served: Forge) -> Iterator[Web]:
    with web_servers({"127.0.0.1": served}, tmp_path) as web:
        yield web


def report(directory: Path, *arguments: str, **variables: str) -> Completed:
    environment = {**clean_environment(), "NO_COLOR": "1", **variables}
    return run([R2I, "report", *arguments], cwd=directory, env=environment)


def of_github(directory: Path, event: dict[str, Any] | None = None, **more: str) -> dict[str, str]:
    (directory / "event.json").write_text(json.dumps(PULL if event is None else event))
    return {
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_PATH": str(directory / "event.json"),
        "GITHUB_REPOSITORY": "octavia/data",
        "GITHUB_SHA": SHA,
        **more,
    }


def of_gitlab(**more: str) -> dict[str, str]:
    return {
        "GITLAB_CI": "true",
        "CI_COMMIT_SHA": SHA,
        "CI_MERGE_REQUEST_IID": "12",
        "CI_MERGE_REQUEST_PROJECT_ID": "34",
        "CI_PROJECT_ID": "56",
        "CI_PROJECT_PATH": "ada/data",
        "CI_PROJECT_URL": "https://gitlab.com/ada/data",
        "CI_PROJECT_VISIBILITY": "public",
        **more,
    }


def written(directory: Path, metadata: object = METADATA) -> list[str]:
    (directory / "build.json").write_text(json.dumps(metadata))
    (directory / "check.md").write_text("**1 warning**\n")
    return ["--metadata-file", "build.json", "--check-file", "check.md"]


def test_a_report_on_a_pull_request_of_a_fork(tmp_path: Path) -> None:
    done = report(tmp_path, *written(tmp_path), **of_github(tmp_path))

    assert done.stderr == ""
    assert done.stdout == (
        f"{MARKER}\n"
        "### r2i: `octavia/data@111111111111`\n"
        "\n"
        "[![Binder](https://mybinder.org/badge_logo.svg)](https://mybinder.org/v2/gh/ada/data/"
        + "1"
        * 40
        + ")\n"
        "\n"
        "| | |\n"
        "|---|---|\n"
        "| Image | `ghcr.io:443/octavia/data:1.0`<br>`ghcr.io:443/octavia/data:latest` |\n"
        f"| Digest | `{DIGEST}` |\n"
        "| Size | 560 MB |\n"
        "| Build | 61 s, 1 of 2 layers from the cache |\n"
        "\n"
        "To open it on your machine:\n"
        "\n"
        f"    docker run --rm --publish 127.0.0.1:8888:8888 ghcr.io:443/octavia/data@{DIGEST}\n"
        "\n"
        "<details><summary>Layers</summary>\n"
        "\n"
        "- Cached: System packages on debian:trixie-slim\n"
        "- 12.3 s: `scripts|x` of \\@&#8203;ada\n"
        "\n"
        "</details>\n"
        "\n"
        "#### Check\n"
        "\n"
        "**1 warning**\n"
    )


def test_a_report_outside_of_ci(tmp_path: Path) -> None:
    metadata = METADATA | {"seconds": None, "layers": None, "image": METADATA["image"] | {"digest": None}}
    done = report(tmp_path, *written(tmp_path, metadata), "--directory", "./a/../course 1/")

    assert done.stdout.startswith("<!-- r2i report course%201 -->\n### r2i in `course 1`\n\n| | |\n")
    assert "| Digest | not pushed |\n" in done.stdout
    assert "| Build | found, not built again |\n" in done.stdout
    assert "docker run" not in done.stdout


def test_steps_that_did_not_come_so_far(tmp_path: Path) -> None:
    done = report(tmp_path, "--metadata-file", "build.json", "--check-file", "check.md")

    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{MARKER}\n### r2i\n\nNo image was built.\n"


@pytest.mark.parametrize(
    ("variables", "badge"),
    [
        (of_gitlab(), f"/v2/gl/ada%2Fdata/{SHA})"),
        (of_gitlab(CI_MERGE_REQUEST_SOURCE_BRANCH_SHA="2" * 40), f"/v2/gl/ada%2Fdata/{'2' * 40})"),
        (of_gitlab(CI_PROJECT_VISIBILITY="private"), None),
        (of_gitlab(CI_PROJECT_URL="https://gitlab.internal/ada/data"), None),
    ],
)
def test_a_badge_opens_what_everybody_can_clone(
    tmp_path: Path, variables: dict[str, str], badge: str | None
) -> None:
    said = report(tmp_path, **variables).stdout

    assert badge in said if badge else "mybinder" not in said


def test_no_badge_for_private_forks_forks_that_are_gone_and_parts(tmp_path: Path) -> None:
    private = {"pull_request": {"number": 12, "head": {"sha": SHA, "repo": {"private": True}}}}
    gone = {"pull_request": {"number": 12, "head": {"sha": SHA, "repo": None}}}

    assert "mybinder" not in report(tmp_path, **of_github(tmp_path, private)).stdout
    assert "mybinder" not in report(tmp_path, **of_github(tmp_path, gone)).stdout
    assert "mybinder" not in report(tmp_path, "--directory", "a", **of_github(tmp_path)).stdout
    assert (
        f"/v2/gh/octavia/data/{SHA})"
        in report(tmp_path, **of_github(tmp_path, {"repository": PULL["repository"]})).stdout
    )


@pytest.mark.parametrize("owner", [BOT, ADA])
def test_one_comment_is_written_and_then_changed(tmp_path: Path, owner: dict[str, Any]) -> None:
    """Behind a hundred comments of others, one of which begins like ours."""
    served = Forge(owner=owner)
    served.add(f"{MARKER}\nSend me money", EVE)
    for number in range(120):
        served.add(f"Comment {number}", ADA)
    with forge(tmp_path, served) as web:
        variables = of_github(tmp_path, GITHUB_API_URL=web.url, GITHUB_TOKEN=TOKEN)
        first = report(tmp_path, *written(tmp_path), "--comment", **variables)
        second = report(tmp_path, "--comment", **variables)

    assert served.changes == ["POST", "PATCH"], first.stderr
    assert served.comments[-1]["body"] == second.stdout
    assert served.comments[0]["body"].endswith("money")
    assert first.stderr == second.stderr
    assert first.stderr == "Comment: https://github.com/octavia/data/pull/12#issuecomment-221\n"


def test_directories_have_comments_of_their_own(tmp_path: Path) -> None:
    served = Forge()
    with forge(tmp_path, served) as web:
        variables = of_github(tmp_path, GITHUB_API_URL=web.url, GITHUB_TOKEN=TOKEN)
        for directory in ("a", "b", "a"):
            report(tmp_path, "--directory", directory, "--comment", **variables)

    assert served.changes == ["POST", "POST", "PATCH"]


def test_a_comment_on_a_merge_request(tmp_path: Path) -> None:
    served = Forge(service="gitlab", owner=ADA)
    served.add(f"{MARKER}\nSend me money", EVE)
    with forge(tmp_path, served) as web:
        variables = of_gitlab(CI_API_V4_URL=f"{web.url}/api/v4", GITLAB_TOKEN=TOKEN)
        done = [report(tmp_path, "--comment", **variables) for _ in range(2)]

    assert served.changes == ["POST", "PUT"], done[0].stderr
    assert len(served.comments) == 2
    assert done[0].stderr == "The comment was written\n"


@pytest.mark.parametrize(
    ("served", "more", "said"),
    [
        (
            Forge(readonly=True),
            {"GITHUB_TOKEN": TOKEN},
            "(HTTP 403)\nHint: On GitHub, the job needs `permissions:",
        ),
        (Forge(), {"GITHUB_TOKEN": "wrong"}, "with the token of `GITHUB_TOKEN` (HTTP 401)\nHint: On GitHub,"),
        (Forge(), {}, "`GITHUB_TOKEN` is not set\n"),
        (Forge(), {"GITHUB_REPOSITORY": "other/data", "GITHUB_TOKEN": TOKEN}, "does not exist (HTTP 404)"),
    ],
)
def test_a_job_does_not_fail_for_its_comment(
    tmp_path: Path, served: Forge, more: dict[str, str], said: str
) -> None:
    with forge(tmp_path, served) as web:
        done = report(tmp_path, "--comment", **of_github(tmp_path, GITHUB_API_URL=web.url) | more)

    assert done.returncode == 0
    assert done.stderr.startswith("Warning: No comment was written: ")
    assert said in done.stderr
    assert TOKEN not in done.stderr
    assert served.changes == []


def test_no_comment_without_a_pull_request(tmp_path: Path) -> None:
    done = report(tmp_path, "--comment", **of_github(tmp_path, {}, GITHUB_TOKEN=TOKEN))

    assert done.stderr == "No comment was written: this is no job of a pull request\n"


def test_a_comment_is_as_long_as_github_takes(tmp_path: Path) -> None:
    (tmp_path / "check.md").write_text("- A finding with many words\n" * 5_000)
    done = report(tmp_path, "--check-file", "check.md")

    assert MOST - 100 < len(done.stdout) < 65_536
    assert done.stdout.endswith("- A finding with many words\n\nThe rest is in the log of the job.\n")


def test_a_comment_does_not_end_folded_away(tmp_path: Path) -> None:
    (tmp_path / "check.md").write_text(
        "\n<details><summary>Log</summary>\n\n" + "    line\n" * 10_000 + "\n</details>\n"
    )
    done = report(tmp_path, "--check-file", "check.md")

    assert done.stdout.endswith("    line\n\n</details>\n\nThe rest is in the log of the job.\n")


def test_a_comment_that_was_written_without_an_answer_is_not_written_again(tmp_path: Path) -> None:
    served = Forge(mute=1)
    with forge(tmp_path, served) as web:
        done = report(
            tmp_path, "--comment", **of_github(tmp_path, GITHUB_API_URL=web.url, GITHUB_TOKEN=TOKEN)
        )

    assert served.changes == ["POST", "PATCH"], done.stderr
    assert len(served.comments) == 1
    assert done.stderr.splitlines()[-1].startswith("Comment: https://")


def test_variables_for_later_steps_are_appended(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("other=1\n")
    report(tmp_path, *written(tmp_path), "--variables", "out")

    assert (tmp_path / "out").read_text().splitlines() == [
        "other=1",
        f"R2I_IMAGE=ghcr.io:443/octavia/data@{DIGEST}",
        f"R2I_DIGEST={DIGEST}",
        f"R2I_PLAN={METADATA['plan']}",
    ]


@pytest.mark.parametrize("spoil", [lambda _: [], lambda m: m | {"schema": 2}, lambda m: m | {"image": None}])
def test_a_file_that_is_no_metadata(tmp_path: Path, spoil: Callable[[Any], object]) -> None:
    done = report(tmp_path, *written(tmp_path, spoil(METADATA)))

    assert done.returncode == 2
    assert done.stderr.startswith("Error: `build.json` is ")
