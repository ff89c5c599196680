"""The commands by name, loaded when they are called, and what becomes of their errors."""

from __future__ import annotations

import importlib
import re
import shlex
import signal
import sys
import traceback
from collections.abc import Container, Iterator, Sequence
from contextvars import ContextVar
from types import FrameType

import click

from r2i import __version__
from r2i.cli import INTERRUPTED
from r2i.cli.output import for_programs, guard, of_others
from r2i.errors import R2iError
from r2i.model import Json
from r2i.quoting import printable

#: In the order of `--help`: the module `r2i.cli.<name>` has a command of that name.
COMMANDS = {
    "run": "Build an image if needed and open Jupyter in it.",
    "build": "Build an image.",
    "check": "Check whether a repository is ready for Binder, and fix it.",
    "init": "Write the files that make a repository ready for Binder.",
    "badge": "Print a badge that opens a repository on Binder.",
    "report": "Print what a CI job built and checked, for a pull request.",
    "plan": "Show what r2i would build, and why.",
    "dockerfile": "Print the Dockerfile, or export a build directory.",
    "setup": "Prepare this machine for building images.",
    "doctor": "Diagnose problems with the container engine.",
    "images": "List the images that r2i made.",
    "prune": "Remove images that r2i made, by age or size.",
    "cache": "List or remove what r2i keeps between builds.",
    "repo2docker": "Build and run with the command line of repo2docker.",
}

#: The arguments of this call, for commands that name one like it.
typed: ContextVar[tuple[str, ...]] = ContextVar("typed", default=())

BUG = 70


class Commands(click.Group):
    """A group that imports a command's module only when that command is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = getattr(importlib.import_module(f"r2i.cli.{cmd_name}"), cmd_name)
        assert isinstance(command, click.Command)  # noqa: S101 - the module's contract
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS:
            from difflib import get_close_matches

            near = get_close_matches(args[0], COMMANDS, n=1)
            hint = f"Did you mean `r2i {near[0]}`?" if near else "Run `r2i --help` to list the commands."
            raise click.UsageError(f"There is no command `{args[0]}`. {hint}", ctx)
        return super().resolve_command(ctx, args)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="r2i %(version)s")
@click.option("--debug", is_flag=True, help="Show the traceback if an error occurs.")
def cli(*, debug: bool) -> None:
    """Turn any research repository into a running Jupyter image.

    \b
      r2i run https://github.com/owner/name     open a repository in Jupyter
      r2i plan .                                show what r2i would build, and why
    """
    del debug  # read by `run`, which sees the errors


def run(arguments: Sequence[str]) -> int:  # noqa: PLR0911 - one exit code for each way to end
    """Run one command and give the exit code, whatever happens in it."""
    signal.signal(signal.SIGTERM, _interrupt)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # `nohup` wants it to go on
        signal.signal(signal.SIGHUP, _interrupt)
    guard()
    typed.set(tuple(arguments))
    debug = "--debug" in arguments[:1]
    try:
        result = cli.main(list(arguments), prog_name="r2i", standalone_mode=False)
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.ClickException as error:
        error.show(sys.stderr)
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        print("Interrupted", file=sys.stderr)
        return INTERRUPTED
    except R2iError as error:
        if debug:
            traceback.print_exc()
        show(error, arguments)
        return error.exit_code
    except SystemExit:
        # So click ends where whoever read our output has enough of it (`r2i plan | head`).
        return 1
    except Exception as error:  # noqa: BLE001 - whatever it is, the user gets words
        return _bug(error, arguments, debug=debug)
    return result if isinstance(result, int) else 0


def show(error: R2iError, arguments: Sequence[str] = ()) -> None:
    """Print an error for people: what, where, what to do."""
    from r2i.cli.common import note

    where = f"{printable(error.where)}: " if error.where else ""
    if error.log:
        with of_others(sys.stderr):
            for line in error.log:
                note(f"  {line}")
    hint = _hint(error, arguments)
    fields: dict[str, Json] = {"hint": hint} if hint else {}
    if error.diagnosis:
        fields |= _diagnosis_fields(error, arguments)
    note(
        f"{click.style('Error:', fg='red', bold=True)} {where}{_safe(error.message)}",
        phase="failed",
        **fields,
    )
    if hint and not for_programs.get():
        note(f"{click.style('Hint:', fg='yellow', bold=True)} {hint}")


def _hint(error: R2iError, arguments: Sequence[str]) -> str | None:
    """The error's own, and the command that may do better."""
    hint = _safe(error.hint) if error.hint else None
    if error.diagnosis is None or not error.diagnosis.changes:
        return hint
    command = command_with(error.diagnosis.changes[0].arguments, arguments)
    return f"{hint}, or try `{command}`" if hint else f"Try `{command}`"


def _diagnosis_fields(error: R2iError, arguments: Sequence[str]) -> dict[str, Json]:
    """What `--progress json` says of a failed step besides the message; docs/progress.schema.json has the fields."""
    found = error.diagnosis
    assert found is not None  # noqa: S101 - for mypy
    fields: dict[str, Json] = {"cause": found.cause, "evidence": printable(found.evidence)}
    if error.file is not None:
        fields |= {"file": printable(error.file), "line": error.line}
    if found.changes:
        fields["changes"] = [{"option": f"--{c.option}", "value": c.value} for c in found.changes]
        fields["command"] = command_with(found.changes[0].arguments, arguments)
    return fields


#: Options of which the last one counts.
ONCE = ("--python", "--as-of", "--installer")


def command_with(words: Sequence[str], arguments: Sequence[str]) -> str:
    """The command that was typed with further options, as one can type it again: no secrets are in it."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    said = {word for word in words if word in ONCE}
    typed = map(_without_secrets, _without(said, arguments[:end]))
    after = map(_without_secrets, arguments[end:])
    return printable(shlex.join(["r2i", *typed, *words, *after]))


def _without(options: Container[str], arguments: Sequence[str]) -> Iterator[str]:
    """What was typed without these options and their values."""
    words = iter(arguments)
    for word in words:
        if word in options:
            next(words, None)
        elif word.partition("=")[0] not in options:
            yield word


def _safe(text: str) -> str:
    """Words of ours around words of the repository, on as many lines as we wrote."""
    return "\n".join(printable(line) for line in text.split("\n"))


def _interrupt(_signum: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _bug(error: Exception, arguments: Sequence[str], *, debug: bool) -> int:
    click.echo(bug_report(error, arguments, debug=debug), err=True)
    return BUG


def bug_report(error: Exception, arguments: Sequence[str], *, debug: bool) -> str:
    """What to say of an error that nobody foresaw."""
    import platform

    text = "".join(traceback.format_exception(error)) if debug else ""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return (
        f"{text}{click.style('Error:', fg='red', bold=True)} this is a bug in r2i. Please report it with these lines:\n\n"
        f"    r2i {__version__}, Python {platform.python_version()}, {platform.platform()}\n"
        f"    r2i {shlex.join(_without_secrets(argument) for argument in arguments)}\n"
        f"    {type(error).__name__}: {printable(_without_secrets(str(error)))}\n"
        f"    in {last.name}, {last.filename.rpartition('/')[2]}:{last.lineno}\n\n"
        "Hint: Run the command again as `r2i --debug …` to see the full traceback"
    )


def _without_secrets(text: str) -> str:
    """For a report that others read: no credentials of a URL, no values of `--env NAME=VALUE`, `--Class.trait=VALUE` and their like."""
    text = re.sub(r"//[^/\s]+@", "//…@", text)
    text = re.sub(r"^(--\w+\.\w+)=.*", r"\1=…", text, flags=re.DOTALL)
    return re.sub(r"^(--[a-z-]+=|-[a-z])?([A-Za-z_][\w.-]*)=.*", r"\1\2=…", text, flags=re.DOTALL)
