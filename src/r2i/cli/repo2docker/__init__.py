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
    from r2i.cli.repo2docker.log import JsonLog
    from r2i.cli.repo2docker.wanted import Wanted

OK, FAILED, MISUSED, INTERRUPTED = 0, 1, 2, 130


@click.command(
    add_help_option=False,
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
    from r2i.cli.repo2docker.arguments import REMOVED, Asked, MisusedError, RemovedError, read
    from r2i.cli.repo2docker.log import JsonLog

    stream = sys.stderr
    # As argparse reads it, who shall be told even where the rest cannot be read.
    log = JsonLog(stream) if any(_is_json_logs(word) for word in arguments) else None
    try:
        wanted = read(arguments)
    except Asked as text:
        click.echo(str(text), nl=False)
        return OK
    except MisusedError as error:
        if log is None:
            click.echo(error.usage, nl=False, err=True)
        return _failed(error, log, MISUSED)
    except RemovedError as error:
        return _failed(error, log, REMOVED)
    except R2iError as error:
        return _failed(error, log)
    if wanted.json_logs and log is None:
        log = JsonLog(stream)
    return _told(wanted, log, product=sys.stdout)


def _told(wanted: Wanted, log: JsonLog | None, *, product: TextIO) -> int:
    """Do it, with a heartbeat and nothing but JSON where a program reads."""
    from r2i.cli.repo2docker.log import Wrapped

    with ExitStack() as stack:
        if log is not None:
            stack.enter_context(log.alive())
            stack.enter_context(redirect_stdout(Wrapped(log)))
            stack.enter_context(redirect_stderr(Wrapped(log)))
        try:
            return _performed(wanted, log, product)
        except R2iError as error:
            if wanted.debug:
                traceback.print_exc()
            return _failed(error, log)
        except KeyboardInterrupt:
            _say("Interrupted", log)
            return INTERRUPTED
        except BrokenPipeError:  # nobody reads what we say
            return FAILED
        except Exception as error:  # noqa: BLE001 - whatever it is, the user gets words
            from r2i.cli.app import bug_report

            _say(bug_report(error, sys.argv[1:], debug=wanted.debug), log)
            return FAILED


def _performed(wanted: Wanted, log: JsonLog | None, product: TextIO) -> int:
    from r2i.building.listener import Listener
    from r2i.cli.repo2docker.job import Job
    from r2i.cli.repo2docker.work import environment, perform

    told: Listener
    if log is not None:
        from r2i.cli.repo2docker.told import ToldByLines

        told = ToldByLines(log=log)
    else:
        from r2i.cli.rescue import Told

        told = Told(kind="auto", started=time.monotonic())
    environ = environment(os.environ, wanted.registry)
    return perform(Job(wanted=wanted, environ=environ, listener=told, log=log, product=product))


def _failed(error: R2iError, log: JsonLog | None, status: int = FAILED) -> int:
    """Tell why it failed, and give the exit status."""
    if log is None:
        from r2i.cli.app import show

        show(error)
    else:
        from r2i.cli.repo2docker.told import reason

        log.say(reason(error), phase="failed")
    return status


def _say(message: str, log: JsonLog | None) -> None:
    """Tell a failure that is none of the repository."""
    if log is None:
        click.echo(message, err=True)
    else:
        log.say(message, phase="failed")


def _is_json_logs(word: str) -> bool:
    return word.startswith("--j") and "--json-logs".startswith(word)
