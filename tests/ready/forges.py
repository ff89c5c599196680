"""The comments on one pull request, as the APIs of GitHub and GitLab have them.

https://docs.github.com/rest/issues/comments, https://docs.gitlab.com/api/notes/
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.sources.web_servers import Answer, Asked, json_answer

TOKEN = "ghs-of-the-tests"

#: Whose token it is: a job's, which GitHub does not tell who it is, or a person's.
BOT = {"id": 41898282, "login": "github-actions[bot]", "type": "Bot"}
ADA = {"id": 7, "login": "ada", "type": "User"}
EVE = {"id": 8, "login": "eve", "type": "User"}

ROUTES = {
    "github": r"/repos/octavia/data/issues/(?:12/comments|comments/(?P<id>\d+))",
    "gitlab": r"/api/v4/projects/34/merge_requests/12/notes(?:/(?P<id>\d+))?",
}

REFUSED = json_answer({"message": "Resource not accessible by integration"}, status=403)


@dataclass
class Forge:
    """A server for `web_servers`. `readonly` is the token of a pull request from a fork; `mute` is how many changes it makes
    and says of them that it is busy."""

    service: Literal["github", "gitlab"] = "github"
    owner: dict[str, Any] = field(default_factory=lambda: BOT)
    readonly: bool = False
    mute: int = 0
    comments: list[dict[str, Any]] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)

    def add(self, body: str, author: dict[str, Any]) -> dict[str, Any]:
        number = len(self.comments) + 100
        who = {"user" if self.service == "github" else "author": author}
        place = {"html_url": f"https://github.com/octavia/data/pull/12#issuecomment-{number}"}
        comment = {"id": number, "body": body, **who, **(place if self.service == "github" else {})}
        self.comments.append(comment)
        return comment

    def __call__(self, asked: Asked) -> Answer:
        if not self._knows(asked):
            return json_answer({"message": "Bad credentials"}, status=401)
        if asked.route.removeprefix("/api/v4") == "/user":
            return REFUSED if self.owner is BOT else json_answer(self.owner)
        found = re.fullmatch(ROUTES[self.service], asked.route)
        if found is None:
            return json_answer({"message": "Not Found"}, status=404)
        if asked.method == "GET":
            size, page = int(asked.query["per_page"]), int(asked.query["page"])
            return json_answer(self.comments[size * (page - 1) : size * page])
        answer = REFUSED if self.readonly else self._change(asked, found["id"])
        self.mute -= 1
        return json_answer({"message": "Server Error"}, status=502) if self.mute >= 0 else answer

    def _knows(self, asked: Asked) -> bool:
        if self.service == "gitlab":
            return asked.headers.get("private-token") == TOKEN
        return asked.headers.get("authorization") == f"Bearer {TOKEN}"

    def _change(self, asked: Asked, number: str | None) -> Answer:
        body = json.loads(asked.body)["body"]
        self.changes.append(asked.method)
        if number is None:
            assert asked.method == "POST"
            return json_answer(self.add(body, self.owner), status=201)
        assert asked.method == {"github": "PATCH", "gitlab": "PUT"}[self.service]
        comment = next(one for one in self.comments if one["id"] == int(number))
        comment["body"] = body
        return json_answer(comment)
