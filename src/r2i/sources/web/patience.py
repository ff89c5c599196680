"""How often a server is asked again, and how long r2i waits in between."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, TypeVar

from r2i.errors import TemporaryError

if TYPE_CHECKING:
    from tenacity import RetryCallState

_Result = TypeVar("_Result")


class BusyError(Exception):
    """What may be better in a moment; `after` is for how many seconds the server asks to be left alone.

    `unreached` is that there was no server at all, which is seldom better in a moment.
    """

    def __init__(
        self, message: str, *, hint: str | None = None, after: float | None = None, unreached: bool = False
    ) -> None:
        super().__init__(message)
        self.message, self.after, self.unreached = message, after, unreached
        self.hint = hint or "Try again later"


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long r2i waits, in seconds: for a connection, for the next byte, for a whole document, for a whole download.

    It asks `attempts` times at most without getting any further, and `knocks` times where nothing ever answered. `slowest` is in bytes a second, of each `window`. `pause` is the seam for tests,
    which do not wait.
    """

    attempts: int = 5
    knocks: int = 2
    first: float = 1.0
    longest: float = 120.0
    connect: float = 15.0
    silence: float = 30.0
    document: float = 90.0
    transfer: float = 3600.0
    slowest: float = 1000.0
    window: float = 60.0
    pause: Callable[[float], None] = time.sleep

    def insisting(
        self,
        ask: Callable[[], _Result],
        *,
        report: Callable[[str], None],
        further: Callable[[], bool] = lambda: False,
    ) -> _Result:
        """What `ask` gives, asked again as long as it raises `BusyError`; `TemporaryError` where it does not help.

        A server that asks for more time than `longest` is not asked again. `further` is whether the last attempt got further than
        the one before: then they count anew.
        """
        import tenacity

        attempts, answered = 0, False

        def is_passing(error: BaseException) -> bool:
            nonlocal attempts, answered
            answered = answered or not (isinstance(error, BusyError) and error.unreached)
            attempts = 1 if further() else attempts + 1
            return isinstance(error, BusyError) and (error.after or 0) <= self.longest

        def wait(state: RetryCallState) -> float:
            """What the server says, else twice as long each time; never all of us at the same moment."""
            usual = self.first * 2.0 ** (attempts - 1) * random.uniform(0.75, 1.25)  # noqa: S311 - no secret
            return min(self.longest, max(_busy(state).after or 0.0, usual))

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(is_passing),
            wait=wait,
            stop=lambda _: attempts >= (self.attempts if answered else min(self.attempts, self.knocks)),
            sleep=self.pause,
            before_sleep=lambda state: report(
                f"{_busy(state).message}: trying again in {state.upcoming_sleep:.0f} s"
            ),
            reraise=True,
        )
        try:
            return retrying(ask)
        except BusyError as error:
            raise TemporaryError(error.message, hint=error.hint) from error


def _busy(state: RetryCallState) -> BusyError:
    error = state.outcome.exception() if state.outcome else None
    return error if isinstance(error, BusyError) else BusyError("")


def retry_after(value: str | None, *, now: datetime | None = None) -> float | None:
    """The seconds of a `Retry-After` header, which has seconds or a date; None where it has neither."""
    text = (value or "").strip()
    if text.isascii() and text.isdecimal():
        return float(text[:12])
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())


def limit_reset(value: str | None, *, now: datetime | None = None) -> float | None:
    """The seconds until a server counts requests anew: `X-RateLimit-Reset` of GitHub, Software Heritage and others is a Unix time."""
    text = (value or "").strip()
    if not (text.isascii() and text.isdecimal()) or len(text) > 12:
        return None
    return max(0.0, int(text) - (now or datetime.now(UTC)).timestamp())
