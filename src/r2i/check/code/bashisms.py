"""What bash understands and `sh` does not, which is dash in Debian and Ubuntu: https://mywiki.wooledge.org/Bashism"""

from __future__ import annotations

import re
from collections.abc import Iterable

from r2i.check.code.shell_script import CommandLine

#: Where a command may begin.
COMMAND = r"(?:^|[;&|(]|\b(?:then|do|else|if|while|until)\b)[ \t]*(?:![ \t]+)?"

BASHISM = re.compile(
    rf"{COMMAND}(?P<command>\[\[|\(\(|(?:source|declare|typeset|pushd|popd|shopt|select|let|mapfile|readarray|function)(?=[ \t]))"
    rf"|{COMMAND}(?P<option>set[ \t]+-[a-z]*o[ \t]+pipefail|read[ \t]+-[a-z]*[aepn])\b"
    r"|(?P<array>\b[A-Za-z_]\w*\+?=\((?!\()|\$\{\w+\[[^]\n]*\])"
    r"|(?P<expansion>\$\{\w+(?:/|\^|,|:\d|:[ ]+-\d)[^}\n]*\}|\{\d+\.\.\d+\}|\{\w+(?:,[\w./-]+)+\})"
    rf"|{COMMAND}\[[ \t][^]\n;]*[ \t](?P<test>==)[ \t]"
    r"|(?P<redirection><\(|>\(|<<<|&>|\|&)",
    re.MULTILINE,
)

#: Quoted text, in which only what begins with `${` counts, and comments.
SINGLE = re.compile(r"'[^']*'")
DOUBLE = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
COMMENT = re.compile(r"(?:^|(?<=\s))#[^\n]*")
IN_QUOTES = re.compile(r"\$\{\w+(?:/|\^|,|:\d|:[ ]+-\d|\[)[^}\n]*\}")


def bashism(lines: Iterable[str], commands: Iterable[CommandLine]) -> tuple[int, str] | None:
    """The line, counted from 1, and the words of the first; None where a script has none. `commands` are those of the lines."""
    every = [*lines]
    for command in commands:
        text = SINGLE.sub("''", "\n".join(every[command.first - 1 : command.last]))
        bare = COMMENT.sub("", DOUBLE.sub('""', text))
        if found := BASHISM.search(bare) or IN_QUOTES.search(text):
            return command.first, (found[found.lastgroup] if found.lastgroup else found[0]).strip()
    return None
