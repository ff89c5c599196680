"""`r2i repo2docker`: the command line of repo2docker, for platforms that call it. docs/repo2docker.md has every option.

The distribution `r2i-repo2docker` installs it under the names `jupyter-repo2docker` and `repo2docker`.
"""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections.abc import Sequence
from contextlib import ExitStack, redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING, TextIO

import click

from r2i.errors import R2iError

if TYPE_CHECKING:
    from r2i.cli.repo2docker.invocation import Invocation
    from r2i.cli.repo2docker.log import JsonLog

OK, FAILED, MISUSED, INTERRUPTED = 0, 1, 2, 130


@click.command(
    add_help_option=False,
    epilog="r2i repo2docker --no-run --image-name name:tag .\nr2i repo2docker . python --version",
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def repo2docker(arguments: tuple[str, ...]) -> int:
    """Build and run as repo2docker does, with its options: `r2i repo2docker --help` lists them."""
    return run(arguments)


def main() -> None:
    """The programs `repo2docker` and `jupyter-repo2docker`."""
    sys.argv.insert(1, "repo2docker")
    from r2i.cli import main as r2i

    r2i()


def run(arguments: Sequence[str]) -> int:
    """Do what a command line of repo2docker says; give its exit status, whatever happens."""
    from r2i.cli.repo2docker.arguments import HelpAsked, asks_for_json, read

    stream, product = sys.stderr, sys.stdout
    debug = False
    with ExitStack() as stack:
        log = _opened(stream, stack) if asks_for_json(arguments) else None
        try:
            wanted = read(arguments)
            debug = wanted.debug
            if wanted.json_logs and log is None:
                log = _opened(stream, stack)
            return _performed(wanted, log, product)
        except HelpAsked as text:
            click.echo(str(text), nl=False, file=product)
            return OK
        except R2iError as error:
            if debug:
                traceback.print_exc()
            return _failed(error, log)
        except KeyboardInterrupt:
            _say("Interrupted", log)
            return INTERRUPTED
        except BrokenPipeError:  # nobody reads what we say
            return FAILED
        except Exception as error:  # noqa: BLE001 - whatever it is, the user gets words
            from r2i.cli.app import bug_report

            _say(bug_report(error, sys.argv[1:], debug=debug), log)
            return FAILED


def _opened(stream: TextIO, stack: ExitStack) -> JsonLog:
    """A log for a program, with a heartbeat and nothing but JSON until the stack ends."""
    from r2i.cli.repo2docker.log import JsonLog, Wrapped

    log = JsonLog(stream)
    stack.enter_context(log.alive())
    stack.enter_context(redirect_stdout(Wrapped(log)))
    stack.enter_context(redirect_stderr(Wrapped(log)))
    return log


def _performed(wanted: Invocation, log: JsonLog | None, product: TextIO) -> int:
    from r2i.building.listener import Listener
    from r2i.cli.repo2docker.job import Job
    from r2i.cli.repo2docker.work import at_home, environment, perform

    told: Listener
    if log is not None:
        from r2i.cli.repo2docker.told import ToldByLines

        told = ToldByLines(log=log)
    else:
        from r2i.cli.repo2docker.told import ToldToPeople

        told = ToldToPeople(kind="auto", started=time.monotonic())
    with at_home():
        environ = environment(os.environ, wanted)
        return perform(Job(wanted=wanted, environ=environ, listener=told, log=log, product=product))


def _failed(error: R2iError, log: JsonLog | None) -> int:
    """Tell why it failed, and give the exit status."""
    from r2i.cli.repo2docker.arguments import REMOVED, MisusedError, RemovedError

    if log is not None:
        from r2i.cli.repo2docker.told import reason

        log.say(reason(error), phase="failed")
    else:
        from r2i.cli.app import show
        from r2i.cli.repo2docker.wording import reworded

        error.message = reworded(error.message)
        error.hint = error.hint and reworded(error.hint)
        error.diagnosis = None  # what it proposes was tried
        if isinstance(error, MisusedError):
            click.echo(error.usage, nl=False, err=True)
        show(error)
    return (
        MISUSED if isinstance(error, MisusedError) else REMOVED if isinstance(error, RemovedError) else FAILED
    )


def _say(message: str, log: JsonLog | None) -> None:
    """Tell a failure that is none of the repository."""
    if log is None:
        click.echo(message, err=True)
    else:
        log.say(message, phase="failed")
