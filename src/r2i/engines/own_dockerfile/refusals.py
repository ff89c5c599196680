"""What an own Dockerfile is refused for."""

from __future__ import annotations

TRUST = "pass `--trust-repository` if you trust its authors as yourself"


class RefusedError(Exception):
    def __init__(self, line: int, message: str, advice: str) -> None:
        super().__init__(message)
        self.line = line
        self.message = message
        self.advice = advice
