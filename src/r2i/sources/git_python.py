"""GitPython for the repositories of this machine: its commands, each of which runs under the guard of `git_program`.

`r2i plan` and `r2i check` ask `GitProgram` directly, since loading GitPython takes longer than all that they ask; so does
`history`, which asks fetched repositories and local ones the same questions.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from git import Git, GitCommandError

from r2i.sources.git_program import GitProgram


class GuardedGit(Git):
    """Git's commands as methods, in one directory: `git.rev_parse("HEAD")` is what git says, without the last line end.

    They raise `git.GitCommandError` where git fails, with its status and what it said.

    What of GitPython opens files of a repository itself is not used, since anybody may have written them (promises 1 and 2
    of `docs/security.md`): `Repo(…)` and `repo.remotes` read `.git/config` and what it includes, wherever that leads, and
    wait for ever where it is a pipe; `repo.index` does not know version 4, `repo.refs` no reftables.
    """

    def __init__(self, program: GitProgram, directory: Path) -> None:
        super().__init__(directory)
        self._program, self._directory = program, directory

    def execute(self, command: Any, *_: Any, **options: Any) -> Any:
        """Run a command that GitPython has put together, where and as `GitProgram` does."""
        if options:  # processes and streams of GitPython's own would run outside of the guard
            raise NotImplementedError(f"`{command}` with {options}")
        done = self._program.ask(*command[1:], cwd=self._directory)
        if done.returncode:
            raise GitCommandError(command, done.returncode, done.stderr, done.stdout)
        return done.stdout.removesuffix("\n")
