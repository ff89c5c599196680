"""The comment of r2i on a pull request: written once, then changed in place.

https://docs.github.com/rest/issues/comments
https://docs.gitlab.com/api/notes/
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from r2i.errors import FetchError
from r2i.ready.ci_jobs import CiJob
from r2i.sources.typed import shown
from r2i.sources.web.client import HostToken, HttpClient
from r2i.sources.web.refusals import ServerAdvice

#: As many as both services give at once, and as many pages as are read.
PAGE, MOST_PAGES = 100, 30

#: The variable with the token of each service, and how it is sent.
VARIABLES = {"github": "GITHUB_TOKEN", "gitlab": "GITLAB_TOKEN"}

ADVICE = ServerAdvice(
    login="Set `GITHUB_TOKEN`, or `GITLAB_TOKEN`, for this command",
    wrong_login=(
        "On GitHub, the job needs `permissions: pull-requests: write`, which it never has for a pull request from a fork;"
        " on GitLab, the token needs the scope `api`"
    ),
    removed="Check that the pull request exists",
)


@dataclass(frozen=True, kw_only=True)
class Comments:
    """The comments of one pull request, for the owner of the token."""

    client: HttpClient
    job: CiJob
    token: HostToken

    def write(self, body: str, *, marker: str) -> str:
        """Put the body into the own comment that begins with the marker, else into a new one, and give its address.

        Raises `FetchError` where the token does not suffice, and `TemporaryError` as every request does.
        """
        own = self._own()

        def put() -> Mapping[str, Any]:
            """A server that answered with an error may have written a comment nevertheless: it is looked for each time."""
            mine = (one for one in self._all() if own(one) and str(one.get("body")).startswith(marker))
            found = next(mine, None)
            if found is None:
                return self._send("POST", self._place, body, once=True)
            change, place = ("PUT", self._place) if self.job.service == "gitlab" else ("PATCH", self._edited)
            return self._send(change, f"{place}/{found['id']}", body)

        written = self.client.patience.insisting(put, report=self.client.report)
        return str(written.get("html_url", ""))

    @property
    def _place(self) -> str:
        kind = "comments" if self.job.service == "github" else "notes"
        return f"{self.job.api}/{self.job.request}/{kind}"

    @property
    def _edited(self) -> str:
        return f"{self.job.api}/repos/{self.job.repository}/issues/comments"

    def _own(self) -> Callable[[Mapping[str, Any]], bool]:
        """Whether a comment is of the owner of the token: anybody can write one with the marker, and change it later.

        GitHub does not tell the token of a job who it is; its comments are those of a bot.
        """
        try:
            me = self.client.json(f"{self.job.api}/user", token=self.token)
        except FetchError:
            if self.job.service != "github":
                raise
            return lambda one: (one.get("user") or {}).get("type") == "Bot"
        return lambda one: (one.get("user") or one.get("author") or {}).get("id") == me.get("id")

    def _all(self) -> Iterator[Mapping[str, Any]]:
        for page in range(1, MOST_PAGES + 1):
            query = {"per_page": str(PAGE), "page": str(page)}
            found = self.client.json(self._place, query=query, token=self.token)
            if not isinstance(found, list):
                raise _other_api(self._place)
            yield from found
            if len(found) < PAGE:
                return

    def _send(self, method: str, url: str, body: str, *, once: bool = False) -> Mapping[str, Any]:
        written = self.client.sent(method, url, {"body": body}, token=self.token, once=once)
        if not isinstance(written, dict):
            raise _other_api(url)
        return written


def _other_api(url: str) -> FetchError:
    return FetchError(
        f"`{shown(url)}` does not answer as the API of GitHub or GitLab does", hint="Check the URL of the API"
    )


def token_for(job: CiJob, environ: Mapping[str, str]) -> HostToken | None:
    """The token for the API of a job; None where the environment has none."""
    variable = VARIABLES[job.service]
    value = environ.get(variable, "").strip()
    if not value:
        return None
    header, value = (
        ("PRIVATE-TOKEN", value) if job.service == "gitlab" else ("Authorization", f"Bearer {value}")
    )
    return HostToken(host=urlsplit(job.api).hostname or "", header=header, value=value, variable=variable)
