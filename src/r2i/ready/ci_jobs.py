"""The job of GitHub Actions or GitLab CI in which r2i runs: what it is about, from the variables that these services set.

https://docs.github.com/actions/reference/workflows-and-actions/variables
https://docs.gitlab.com/ci/variables/predefined_variables/
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

Service: TypeAlias = Literal["github", "gitlab"]


@dataclass(frozen=True, kw_only=True)
class CiJob:
    """`repository` is as people write it, `commit` the one that was pushed, and `url` where everybody can clone it, empty for a private one.

    `api` is the address of the service's API, and `request` what it calls the pull request there; empty for another job.
    """

    service: Service
    repository: str
    commit: str
    url: str
    api: str
    request: str


def job_of(environ: Mapping[str, str], read: Callable[[str], str]) -> CiJob | None:
    """The job; None outside of these services. `read` gives the text of a file."""
    if environ.get("GITHUB_ACTIONS") == "true":
        return _of_github(environ, _event(environ.get("GITHUB_EVENT_PATH", ""), read))
    return _of_gitlab(environ) if environ.get("GITLAB_CI") == "true" else None


def _event(path: str, read: Callable[[str], str]) -> dict[str, Any]:
    event = json.loads(read(path)) if path else {}
    return event if isinstance(event, dict) else {}


def _of_github(environ: Mapping[str, str], event: Mapping[str, Any]) -> CiJob:
    """A pull request is built as if it were merged: what was pushed is the head, perhaps of a fork (null where that is gone)."""
    repository = environ.get("GITHUB_REPOSITORY", "")
    pull = event.get("pull_request") or {}
    head = pull.get("head") or {}
    origin = (head.get("repo") if pull else event.get("repository")) or {}
    number = pull.get("number")
    return CiJob(
        service="github",
        repository=repository,
        commit=head.get("sha") or environ.get("GITHUB_SHA", ""),
        url=origin.get("html_url", "") if origin.get("private") is False else "",
        api=environ.get("GITHUB_API_URL", "https://api.github.com"),
        request=f"repos/{repository}/issues/{number}" if number else "",
    )


def _of_gitlab(environ: Mapping[str, str]) -> CiJob:
    """A pipeline of a fork's merge request runs in the fork."""
    project = environ.get("CI_MERGE_REQUEST_PROJECT_ID") or environ.get("CI_PROJECT_ID", "")
    number = environ.get("CI_MERGE_REQUEST_IID")
    public = environ.get("CI_PROJECT_VISIBILITY") == "public"
    url = environ.get("CI_MERGE_REQUEST_SOURCE_PROJECT_URL") or environ.get("CI_PROJECT_URL", "")
    return CiJob(
        service="gitlab",
        repository=environ.get("CI_PROJECT_PATH", ""),
        commit=environ.get("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA") or environ.get("CI_COMMIT_SHA", ""),
        url=url if public else "",
        api=environ.get("CI_API_V4_URL", "https://gitlab.com/api/v4"),
        request=f"projects/{project}/merge_requests/{number}" if number else "",
    )
