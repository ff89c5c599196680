"""Repositories whose files are made to take the time and memory of whatever reads them, by name."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from r2i.checkout import MAX_CONFIG_BYTES
from tests.writing import deep

#: About the largest file of configuration that is read at all, in characters: what the benchmark measures. Tests want an end, and less will do.
MOST = int(os.environ.get("R2I_HOSTILE_SIZE", MAX_CONFIG_BYTES - 1000))

Files = Mapping[str, str]
Inputs = Iterator[tuple[str, Files]]


def filled(unit: str, size: int = MOST) -> str:
    """As many of a text as fit."""
    return unit * (size // len(unit.encode()))


def numbered(unit: str, size: int = MOST) -> str:
    """As many of a text with a `%d` in it as fit, each with its own number."""
    return "".join(unit % number for number in range(size // (len(unit) + 5)))


def notebook(source: object, outputs: object = ()) -> str:
    code = {"cell_type": "code", "metadata": {}, "execution_count": 1}
    cells = [{**code, "source": source, "outputs": list(outputs)}]  # type: ignore[call-overload]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


def of_toml() -> Mapping[str, str]:
    """Texts for any file of TOML."""
    return {
        "long-key": f"{'.'.join('a' * 30_000)}=1\n",
        "long-header": f"[{'.'.join('a' * 30_000)}]\n",
        "many-long-keys": "".join(f"{'.'.join('a' * 400)}.b{n}=1\n" for n in range(4_000)),
        "many-tables": numbered("[a%d]\n"),
        "many-arrays-of-tables": filled("[[a]]\n"),
        "deep-arrays": f"a={'[' * 1_000_000}\n",
        "deep-tables": f"a={'{a=' * 1_000_000}\n",
        "many-keys": numbered("a%d=1\n"),
        "long-array": f"a=[{filled('1,')}]\n",
        "long-number": f"a={filled('1')}\n",
        "long-string": f'a="{filled("b")}"\n',
        "open-string": f'a="""{filled("b")}\n',
        "escapes": f'a="{filled(chr(92) + "n")}"\n',
        "open-quotes": filled('"'),
        "blanks": f"a{filled(' ')}\n",
        "dates": f"a=[{filled('2020-01-01T00:00:00.000000Z,')}]\n",
        "inline-tables": f"a=[{filled('{a.b.c.d=1},')}]\n",
    }


def of_yaml() -> Mapping[str, str]:
    laughs = "".join(f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 30))
    return {
        "laughs": f"a0: &a0 [lol]\n{laughs}dependencies: *a29\n",
        "merges": "a0: &a0 {x: y}\n"
        + "".join(f"a{n}: &a{n} {{<<: [{','.join([f'*a{n - 1}'] * 9)}]}}\n" for n in range(1, 30)),
        "deep-flow": f"a: {'[' * 1_000_000}\n",
        "deep-maps": f"a: {'{a: ' * 500_000}\n",
        "deep-dashes": f"{'- ' * 1_000_000}\n",
        "deep-indents": "\n".join(f"{' ' * n}a:" for n in range(2_500)),
        "keys": f"{'? ' * 1_000_000}\n",
        "many-keys": numbered("a%d: 1\n", 110_000),
        "many-items": "a:\n" + filled("- b\n", 110_000),
        "many-keys-far": numbered("a%d: 1\n"),
        "tags": filled("- !!a b\n"),
        "documents": filled("---\n"),
        "open-quote": "a: '" + filled("b\n"),
        "long-scalar": f"a: {filled('b')}\n",
        "colons": f"a: {filled('b:')}\n",
        "anchors": numbered("- &a%d b\n"),
        "blanks": f"a:{filled(' ')}b\n",
        "hashes": filled("#\n"),
        "tabs": f"a:{filled(chr(9))}b\n",
    }


def of_json() -> Mapping[str, str]:
    return {
        "deep-arrays": "[" * 1_000_000,
        "deep-objects": '{"a":' * 700_000,
        "long-number": f'{{"a":{filled("1")}}}',
        "long-float": f'{{"a":{filled("1")}.5e{"9" * 1000}}}',
        "many-values": f"[{filled('1,')}1]",
        "many-lists": f'{{"a":[{filled("[],")}[]]}}',
        "many-keys": '{%s"z":1}' % numbered('"a%d":1,'),  # noqa: UP031 - braces
        "open-string": '{"' + filled("a"),
        "blanks": filled(" "),
    }


def of_requirements() -> Mapping[str, str]:
    return {
        "many": numbered("a%d\n"),
        "same": filled("a\n"),
        "one-line": filled("a "),
        "continued": filled("a\\\n"),
        "comments": filled("#\n"),
        "hash-signs": filled("a#"),
        "brackets": f"a{filled('[')}\n",
        "extras": f"a[{filled('b,')}b]\n",
        "extras-below": f"a[{filled('b,', 90_000)}b]\n",
        "specifiers": f"a{filled('>=1,', 90_000)}>=1\n",
        "markers": f"a; {filled('(', 90_000)}\n",
        "markers-or": "a; " + filled("os_name=='x' or ", 90_000) + "os_name=='y'\n",
        "markers-parenthesised": f"a; {'(' * 20_000}os_name=='y'{')' * 20_000}\n",
        "quotes": f"a; {filled(chr(39), 90_000)}\n",
        "options": filled("--hash=sha256:a ", 90_000),
        "urls": filled("https://a@", 90_000),
        "at": f"a @ {filled('@', 90_000)}\n",
        "dots": f"a=={filled('1.', 90_000)}1\n",
        "zeros": f"a=={filled('0', 90_000)}x\n",
        "digits": f"a=={filled('1', 90_000)}\n",
        "dashes": f"{filled('-', 90_000)}x!\n",
        "names": f"{filled('a-', 90_000)}!\n",
        "variables": f"{filled('${A', 90_000)}\n",
        "long-lines": filled(f"a; {'(' * 5_000}\n"),
        "long-specifiers": filled(f"a{'>=1,' * 5_000}>=1\n"),
        "long-versions": filled(f"a=={'1.' * 20_000}x\n"),
        "blanks": f"a{filled(' ', 90_000)}b\n",
        "line-ends": filled("\n"),
        "form-feeds": filled("\f"),
        "paths": filled("./a/", 90_000),
        "ups": f"-e {filled('../', 90_000)}\n",
        "itself": filled("-r requirements.txt\n"),
        "constraints": filled("-c requirements.txt\n"),
        "editables": filled("-e .\n"),
        "git": f"git+https://a/b@{filled('@', 90_000)}\n",
        "backslashes": f"a{filled(chr(92), 90_000)}b\n",
    }


def of_shell() -> Mapping[str, str]:
    return {
        "heredocs": filled("cat <<E\n"),
        "heredocs-short": filled("<<E\n"),
        "heredocs-own": numbered("cat <<E%d\n"),
        "heredocs-one-line": f"cat {filled('<<E ')}\n",
        "substitutions": filled("$("),
        "backquotes": filled("`"),
        "installs": filled("pip install "),
        "installs-lines": filled("pip install a\n"),
        "installs-many": f"pip install {filled('a ')}\n",
        "installs-semicolons": filled("pip install a;"),
        "installs-and": filled("pip install a&&"),
        "conda-installs": filled("conda install -y a;"),
        "apt-installs": filled("apt-get install "),
        "quotes": filled("'"),
        "double-quotes": filled('"'),
        "mixed-quotes": filled("'\""),
        "open-quote": f"echo '{filled('a')}\n",
        "open-quote-lines": "echo '" + filled("a\n") + "\n",
        "quotes-lines": filled("'\na "),
        "continued": filled("a\\\n"),
        "backslashes": filled("\\"),
        "parentheses": filled("("),
        "braces": filled("${"),
        "assignments": filled("A=1 "),
        "assignments-lines": numbered("A%d=1\n"),
        "exports": filled("export A=1\n"),
        "ifs": filled("if true; then\n"),
        "pipes": filled("a|"),
        "curl": filled("curl https://"),
        "curl-pipes": filled("curl https://a |"),
        "wget": filled("wget -O a "),
        "words": filled("a "),
        "blanks": f"a{filled(' ')}b\n",
        "dots": f"a{filled('.')}\n",
        "slashes": filled("/"),
        "cd": filled("cd a\n"),
        "git-clone": filled("git clone https://a/b\n"),
        "jupyter": filled("jupyter labextension install a "),
        "jupyter-lines": filled("jupyter labextension install a\n"),
        "sudo": filled("sudo "),
        "python-m": filled("python -m "),
        "python-c": filled("python -c 'import a'\n"),
        "crs": filled("a\r\n"),
        "read": filled("read "),
        "dashes": filled("-"),
        "equals": filled("="),
        "users": filled("/home/a/"),
        "users-quoted": filled("'/Users/a/b' "),
        "secrets": filled("AKIA"),
        "tokens": filled("ghp_"),
        "token-words": filled("token="),
        "password-words": filled("password: "),
        "urls": filled("https://a:"),
    }


def of_python() -> Mapping[str, str]:
    return {
        "deep-parentheses": "(" * 1_000_000,
        "deep-operators": f"a = {'-' * 200_000}1\n",
        "deep-not": f"a = {'not ' * 200_000}1\n",
        "deep-attributes": f"a{'.b' * 200_000}\n",
        "deep-calls": f"a{'()' * 200_000}\n",
        "deep-subscripts": f"a{'[0]' * 200_000}\n",
        "deep-sum": f"a = {'1+' * 300_000}1\n",
        "deep-power": f"a = {'9**' * 300_000}9\n",
        "power": "a = 9**9**9**9\nb = 'a' * 10**12\nsetup(name='a' * 10**10)\n",
        "deep-lambda": f"a = {'lambda: ' * 100_000}1\n",
        "deep-if": f"a = {'1 if 1 else ' * 100_000}1\n",
        "deep-elif": "if a:\n pass\n" + filled("elif a:\n pass\n", 600_000),
        "deep-indents": "".join(f"{' ' * n}if a:\n" for n in range(99)),
        "deep-strings": f"a = {'f' + chr(39)}{'{' * 100_000}\n",
        "deep-ternary-lists": f"a = {'[' * 150}{'1,' * 200_000}{']' * 150}\n",
        "long-number": f"a = {'9' * 900_000}\n",
        "long-hexadecimal": f"a = 0x{'9' * 900_000}\n",
        "long-list": f"a = [{'1,' * 1_900_000}]\n",
        "many-statements": filled("a=1\n"),
        "many-calls": filled("a()\n"),
        "many-setups": filled("setup()\n"),
        "many-setups-with": filled("setup(name='a')\n"),
        "many-setups-below": "if 1:\n" + filled(" setup(name=a)\n"),
        "setup-with-many": f"setup(install_requires=[{filled(repr('a') + ',')}])\n",
        "setup-with-own": f"setup(install_requires=[{numbered(repr('a%d') + ',')}])\n",
        "doubling": "a = ['x']\n" + "a = a + a\n" * 100 + "setup(install_requires=a)\n",
        "nesting": "a = ['x']\n" + "a = [a, a, a, a]\n" * 60 + "setup(install_requires=a)\n",
        "nesting-maps": "a = ['x']\n" + "a = {'a': a, 'b': a}\n" * 60 + "setup(extras_require=a)\n",
        "adding-texts": "a = ''\n" + filled("a += 'b'\n") + "setup(name=a)\n",
        "adding-lists": "a = []\n" + filled("a += ['b']\n") + "setup(install_requires=a)\n",
        "joining-lists": "a = ['b'] * 1\n" + filled("a = a + ['b']\n"),
        "same-lists": f"a = [{repr('b') + ','}]\n" + filled("c = a + a\n"),
        "long-copies": f"a = [{(repr('b') + ',') * 9_000}]\n" + filled("c = a + [a]\n"),
        "text-copies": f"a = '{'b' * 9_999}'\n"
        + filled("c = a + a[0]\n")
        + filled("d = a.strip()\n", 2_000_000),
        "paths": filled("a = os.path.join(__file__, 'a')\n"),
        "open-files": filled("a = open('setup.py').read()\n"),
        "open-files-setup": "setup(install_requires=[" + filled("open('setup.py').read(),") + "])",
        "comprehensions": filled("a = [b for b in open('setup.py')]\n"),
        "imports": numbered("import a%d\n"),
        "same-imports": filled("import a\n"),
        "from-imports": f"from a import {filled('b,')}b\n",
        "from-own-imports": f"from a import {numbered('b%d,')}b\n",
        "reads": numbered("pd.read_csv('a%d')\n"),
        "same-reads": filled("pd.read_csv('a')\n"),
        "magics": filled("%matplotlib inline\n"),
        "bangs": filled("!pip install a\n"),
        "many-strings": filled("'/home/a/b'\n"),
        "joined-strings": f"a = {filled(chr(39) * 2)}\n",
        "open-string": "'''" + filled("a\n"),
        "semicolons": filled("a;"),
        "backslashes": filled("\\\n"),
        "functions": numbered("def f%d(): pass\n"),
        "decorators": filled("@a\n"),
        "globals": f"global {filled('a,')}a\n",
        "tries": filled("try: import a\nexcept: pass\n"),
        "nested-functions": "".join(f"{' ' * n}def f():\n" for n in range(95))
        + f"{' ' * 95}{filled('import a;')}a\n",
        "open-brackets": filled("[\n"),
        "null": "\0" * 1000,
        "encoding": f"# coding: {'x' * 100_000}\n",
        "attributes": numbered("a.b%d\n"),
        "with": filled("with a as b:\n pass\n"),
        "with-inner": "".join(f"{' ' * n}with a as b:\n" for n in range(95)) + f"{' ' * 95}pass\n",
        "same-names": filled("a = a\n"),
        "star-star": f"setup({filled('**a,')})\n",
    }


def of_settings() -> Mapping[str, str]:
    """For `setup.cfg`, and what else has sections."""
    return {
        "sections": numbered("[a%d]\n"),
        "keys": "[a]\n" + numbered("a%d=1\n"),
        "continued": "[a]\na=\n" + filled(" b\n"),
        "blank-continued": "[a]\na=\n" + filled("\n") + " b\n",
        "requirements": "[options]\ninstall_requires =\n" + numbered(" a%d\n"),
        "requirements-same": "[options]\ninstall_requires =\n" + filled(" a\n"),
        "extras": "[options.extras_require]\n" + numbered("a%d=b\n"),
        "brackets": filled("["),
        "equals": f"[a]\n{filled('=')}\n",
        "blanks": f"[a]\na{filled(' ')}b\n",
        "no-header": filled("a\n"),
        "comments": filled("[a]\n#\n"),
        "percents": f"[a]\na={filled('%(a)s')}\n",
        "files": f"[options]\ninstall_requires = file: {filled('setup.cfg,')}\n",
        "attrs": f"[metadata]\nname = attr: {filled('a.')}b\n",
        "long": f"[options]\ninstall_requires = {filled('a ')}\n",
    }


def of_dockerfile() -> Mapping[str, str]:
    top = "FROM debian:trixie-slim\n"
    return {
        "instructions": top + filled("RUN a\n"),
        "stages": numbered("FROM debian AS a%d\n"),
        "continued": top + "RUN " + filled("a \\\n"),
        "comments-continued": top + "RUN a \\\n" + filled("#\n"),
        "heredocs": top + filled("RUN <<E\n"),
        "heredocs-one-line": top + "RUN " + filled("<<E ") + "\n",
        "heredocs-own": top + numbered("RUN <<E%d\n"),
        "arguments": numbered("ARG A%d=1\n") + top,
        "variables": "ARG A=1\nFROM " + filled("$A") + "\n",
        "variables-doubling": "ARG A0=aaaaaaaaaa\n"
        + "".join(f"ARG A{n}=$A{n - 1}$A{n - 1}\n" for n in range(1, 60))
        + "FROM $A59\n",
        "braces": "FROM " + filled("${A:-") + "\n",
        "environment": top + "ENV " + filled("a=b ") + "\n",
        "labels": top + "LABEL " + filled("a=b ") + "\n",
        "quotes": top + "RUN " + filled("'\"") + "\n",
        "json": top + f'CMD ["{filled("a")}"]\n',
        "deep-json": top + f"CMD {'[' * 500_000}\n",
        "copies": top + filled("COPY a b\n"),
        "copies-many": top + "COPY " + filled("a ") + "\n",
        "flags": top + "RUN " + filled("--mount=type=cache ") + "\n",
        "users": top + filled("USER a\n"),
        "directives": filled("# syntax=a\n"),
        "apt": top + filled("RUN apt-get install a\n"),
        "installs": top + "RUN " + filled("pip install ") + "\n",
        "blanks": top + "RUN a" + filled(" ") + "\n",
        "backquote": "# escape=`\n" + top + "RUN " + filled("a `\n"),
        "one-word": filled("a"),
    }


def of_notebook() -> Mapping[str, str]:
    cell = '{"cell_type":"code","source":"%s","metadata":{},"outputs":[]}'
    rest = '"metadata":{},"nbformat":4,"nbformat_minor":5}'

    def with_cells(unit: str, count: int) -> str:
        return f'{{"cells":[{",".join([unit] * count)}],{rest}'

    return {
        "many-cells": with_cells(cell % "", 60_000),
        "many-cells-of-code": with_cells(cell % "import a", 4_900),
        "many-cells-of-installs": with_cells(cell % "!pip install a", 4_900),
        "many-cells-of-magics": with_cells(cell % "%%bash\\npip install a", 4_900),
        "many-tags": f'{{"cells":[],"metadata":{{"tags":[{",".join(["1"] * 900_000)}]}},"nbformat":4}}',
        "deep": f'{{"cells":{"[" * 1_000_000}',
        "deep-metadata": f'{{"metadata":{chr(123) + chr(34) + "a" + chr(34) + ":"}' * 300_000,
        "long-number": f'{{"cells":[],"nbformat":{"1" * 1_000_000}}}',
        "language": f'{{"cells":[],"metadata":{{"language_info":{"{" + chr(34) + "a" + chr(34) + ":"}'
        * 90_000,
        "languages": filled('"language_info":{', 3_900_000),
        "strings": filled('"%%cython '),
        "quotes": filled('"'),
        "blank-quotes": '"' + filled(" "),
        "huge-output": notebook("a", [{"output_type": "stream", "text": "b" * 60_000_000}]),
        "huge-lines": notebook("a", [{"output_type": "stream", "text": ["b\n"] * 600_000}]),
        "huge-picture": notebook(
            "a", [{"output_type": "display_data", "data": {"image/png": "A" * 50_000_000}}]
        ),
        "huge-tokens": notebook(
            "a", [{"output_type": "stream", "text": filled("token=ghp_AKIA", 20_000_000)}]
        ),
        "many-outputs": notebook("a", [{"output_type": "stream", "text": "b"}] * 200_000),
        "tracebacks": notebook("a", [{"output_type": "error", "traceback": ["\x1b[31m" * 400_000]}]),
    }


def of_ignore() -> Mapping[str, str]:
    return {
        "patterns": numbered("a%d\n"),
        "stars": f"{'*a' * 500}b\n{'*' * 90_000}a\n",
        "double-stars": f"{'**/' * 500}b\n",
        "double-stars-lines": filled("**/a/**/b\n"),
        "brackets": filled("["),
        "classes": filled("[a-"),
        "questions": filled("?*"),
        "exceptions": filled("!a\n"),
        "own-exceptions": numbered("!a%d\n"),
        "backslashes": filled("\\"),
        "ups": filled("../"),
        "blanks": filled(" "),
        "slashes": filled("/"),
    }


def of_text() -> Mapping[str, str]:
    """For a README and other prose, and for files of one word a line."""
    return {
        "brackets": filled("["),
        "images": filled("![a]("),
        "badges": filled("[![a](https://mybinder.org/badge_logo.svg)]("),
        "badges-whole": filled(
            "[![a](https://mybinder.org/badge_logo.svg)](https://mybinder.org/v2/gh/a/b/c)\n"
        ),
        "binder": filled("https://mybinder.org/v2/gh/"),
        "links": filled("[a](b)"),
        "fences": filled("```\n"),
        "comments": filled("<!--"),
        "headings": filled("#"),
        "words": filled("a "),
        "lines": filled("a\n"),
        "own-lines": numbered("a%d\n"),
        "blanks": f"a{filled(' ')}b\n",
        "line-ends": filled("\n"),
        "markup": filled("<a href="),
        "dashes": filled("-"),
        "digits": filled("1"),
        "dots": filled("1."),
        "python": f"python-{filled('3.')}\n",
    }


def prefixed(prefix: str, file: str, texts: Mapping[str, str], more: Files | None = None) -> Inputs:
    for name, text in texts.items():
        yield f"{prefix}-{name}", {**(more or {}), file: text}


def as_cells(texts: Mapping[str, str]) -> dict[str, str]:
    """The same texts as one cell of a notebook each, and where they have lines as a list of them."""
    return {name: notebook(text.splitlines(keepends=True)) for name, text in texts.items()}


PROJECT = '[project]\nname = "a"\nversion = "1"\ndependencies = [%s]\n'
BARE = PROJECT % ""
NOTEBOOK = {"a.ipynb": notebook("a"), "requirements.txt": "six\n"}


def some(texts: Mapping[str, str], *names: str) -> dict[str, str]:
    return {name: texts[name] for name in names}


def begun(start: str, texts: Mapping[str, str]) -> dict[str, str]:
    return {name: f"{start}{text}" for name, text in texts.items()}


def pyprojects() -> Inputs:
    yield from prefixed("pyproject", "pyproject.toml", of_toml())
    yield from prefixed(
        "pyproject",
        "pyproject.toml",
        {
            "dependencies": PROJECT % filled('"a",'),
            "own-dependencies": PROJECT % numbered('"a%d",'),
            "few-dependencies": PROJECT % numbered('"a%d",\n', 100_000),
            "markers": PROJECT % f'"a; {"(" * 100_000}"',
            "specifiers": PROJECT % f'"a{">=1," * 20_000}>=1"',
            "python": f'{BARE}requires-python = "{">=3," * 20_000}>=3"\n',
            "extras": f"{BARE}[project.optional-dependencies]\n" + numbered('a%d=["b"]\n'),
            "sources": f"{BARE}[tool.uv.sources]\n" + numbered("a%d={path='b'}\n"),
            "indexes": BARE + numbered('[[tool.uv.index]]\nurl="https://a/%d"\n'),
            "members": f"{BARE}[tool.uv.workspace]\nmembers=[" + numbered("'a%d/*',") + "]\n",
            "packages": f"{BARE}[tool.setuptools]\npackages=[" + numbered("'a%d',") + "]\n",
            "check": f"{BARE}[tool.r2i.check]\nignore=[" + filled("'A',") + "]\n",
            "groups": f"{BARE}[dependency-groups]\na0=['b']\n"
            + "".join(
                f"a{n}=[{{include-group='a{n - 1}'}},{{include-group='a{n - 1}'}}]\n" for n in range(1, 5_000)
            ),
            "own-extras": (PROJECT % '"a[a4999]"')
            + "[project.optional-dependencies]\na0=['b']\n"
            + "".join(f"a{n}=['a[a{n - 1}]','a[a{n - 1}]']\n" for n in range(1, 5_000)),
            "poetry": "[tool.poetry]\nname='a'\n[tool.poetry.dependencies]\n" + numbered("a%d='^1'\n"),
            "poetry-versions": "[tool.poetry]\nname='a'\n[tool.poetry.dependencies]\n"
            f"a='{filled('^1,', 2_000_000)}'\npython='{filled('^3|', 1_000_000)}'\n",
        },
    )
    dynamic = "[project]\nname='a'\ndynamic=['dependencies']\n[tool.setuptools.dynamic]\n"
    files = f"{dynamic}dependencies={{file=[{filled(chr(39) + 'r' + chr(39) + ',')}]}}\n"
    yield "pyproject-dynamic", {"pyproject.toml": files, "r": filled("a\n")}


def locks() -> Inputs:
    toml, project = of_toml(), {"pyproject.toml": BARE}
    for name in ("uv.lock", "poetry.lock", "pdm.lock"):
        yield from prefixed(name, name, some(toml, "long-key", "many-tables", "deep-arrays"), project)
        texts = {"packages": numbered('[[package]]\nname="a%d"\nversion="1"\n')}
        yield from prefixed(name, name, texts, {"pyproject.toml": PROJECT % '"b"'})
    python = f'version=1\nrequires-python="{">=3," * 20_000}>=3"\n'
    own = '[[package]]\nname="a"\nversion="1"\nsource={editable="."}\n'
    yield "uv.lock-versions", {"uv.lock": f"{python}{own}", **project}
    yield "uv.lock-editables", {"uv.lock": f"version=1\n{filled(own)}", **project}
    yield "pylock-packages", {"pylock.toml": 'lock-version="1.0"\n' + numbered('[[packages]]\nname="a%d"\n')}
    yield "pipfile-packages", {"Pipfile": "[packages]\n" + numbered("a%d='*'\n")}
    yield "pipfile-versions", {"Pipfile": f"[packages]\na='{filled('>=1,', 90_000)}>=1'\n"}
    yield "pipfile-key", {"Pipfile": toml["long-key"]}
    yield from prefixed("pipfile.lock", "Pipfile.lock", of_json())
    packages = '{"default":{' + numbered('"a%d":{"version":"==1"},\n') + '"z":{}}}'
    yield "pipfile.lock-packages", {"Pipfile.lock": packages}


def environments() -> Inputs:
    yaml = of_yaml()
    yield from prefixed("environment", "environment.yml", yaml)
    below = 110_000
    texts = {
        "dependencies": f"dependencies:\n{filled('- a' + chr(10))}",
        "dependencies-flow": f"dependencies: [{filled('a,', below)}]\n",
        "own-dependencies": "dependencies:\n" + numbered("- a%d\n", below),
        "channels": f"channels: [{filled('a,', below)}]\n",
        "own-channels": "channels:\n" + numbered("- a%d\n", below),
        "pip": "dependencies:\n- pip:\n" + numbered("  - a%d\n", below),
        "specs": f"dependencies:\n- a {filled('>=1,', below)}\n",
        "specs-or": f"dependencies:\n- python {filled('3.9|', below)}3.9\n",
        "brackets": f"dependencies:\n- 'a[{filled('b=c,', below)}]'\n",
        "comments": f"dependencies: [{'a,' * 9_000}] {filled('#[', 100_000)}\n",
        "builds": "dependencies:\n" + numbered("- a%d=1=py37h0_0\n", 200_000) + "prefix: C:\\a\n",
        "alias-of-many": f"a: &a [{filled('b,', 100_000)}c]\ndependencies:\n" + "- pip: *a\n" * 10_000,
    }
    yield from prefixed("environment", "environment.yml", texts)


def conda_locks() -> Inputs:
    yaml = some(
        of_yaml(), "laughs", "deep-flow", "many-items", "many-keys-far", "anchors", "documents", "tags"
    )
    pixi = {"pixi.toml": "[workspace]\nchannels=[]\nplatforms=['linux-64']\n"}
    yield from prefixed("pixi.lock", "pixi.lock", yaml, pixi)
    yield from prefixed("conda-lock", "conda-lock.yml", yaml)
    package = "- {name: a%d, version: '1', manager: conda, platform: linux-64}\n"
    head = "version: 1\nmetadata: {platforms: [linux-64]}\npackage:\n"
    yield "conda-lock-packages", {"conda-lock.yml": head + numbered(package)}
    head = "version: 6\nenvironments: {default: {channels: [], packages: {linux-64: []}}}\npackages:\n"
    yield "pixi.lock-packages", {"pixi.lock": head + numbered("- conda: https://a/%d-1-0.conda\n")}
    head = "[workspace]\nname='a'\nchannels=['conda-forge']\nplatforms=['linux-64']\n"
    yield "pixi-dependencies", {"pixi.toml": f"{head}[dependencies]\n" + numbered("a%d='*'\n")}
    yield "pixi-features", {"pixi.toml": head + numbered("[feature.a%d.dependencies]\nb='*'\n")}
    yield "explicit", {"conda-linux-64.lock": "@EXPLICIT\n" + numbered("https://a/linux-64/a%d-1-0.conda\n")}
    yield "explicit-long", {"conda-linux-64.lock": f"@EXPLICIT\nhttps://a/{filled('a-')}\n"}


def requirements() -> Inputs:
    yield from prefixed("requirements", "requirements.txt", of_requirements())
    first = {"requirements.txt": "-r r0.txt\n"}
    chain = {f"r{n}.txt": f"-r r{n + 1}.txt\n" for n in range(2_000)}
    yield "requirements-chain", {**first, **chain}
    fan = {f"r{n}.txt": f"-r r{n + 1}.txt\n-r ./r{n + 1}.txt\n-c r{n + 1}.txt\n" for n in range(90)}
    yield "requirements-fan", {**first, **fan, "r90.txt": "a\n"}
    large = {f"r{n}.txt": filled("#\n") for n in range(20)}
    yield "requirements-large", {"requirements.txt": "".join(f"-r {name}\n" for name in large), **large}


def setups() -> Inputs:
    yield from prefixed("setup.py", "setup.py", of_python())
    script = {"setup.py": "from setuptools import setup\nsetup()\n"}
    yield from prefixed("setup.cfg", "setup.cfg", of_settings(), script)


def code() -> Inputs:
    python, shell = of_python(), of_shell()
    module = {"a.ipynb": notebook("import a"), "requirements.txt": "six\n"}
    yield from prefixed("module", "a.py", {name: text[:999_999] for name, text in python.items()}, module)
    yield from prefixed("cell", "a.ipynb", as_cells(python), {"requirements.txt": "six\n"})
    some_shell = some(shell, "heredocs", "substitutions", "installs", "quotes-lines", "curl-pipes", "blanks")
    yield from prefixed("cell-bash", "a.ipynb", as_cells(begun("%%bash\n", some_shell)))
    yield from prefixed("cell-command", "a.ipynb", as_cells(begun("!", some_shell)))


def scripts() -> Inputs:
    yield from prefixed("post-build", "postBuild", begun("#!/bin/bash\n", of_shell()))
    yield from prefixed("start", "start", begun("#!/bin/bash\n", some(of_shell(), "heredocs", "quotes")))


def dockerfiles() -> Inputs:
    yield from prefixed("dockerfile", "Dockerfile", of_dockerfile())
    some_shell = some(of_shell(), "heredocs", "substitutions", "installs", "quotes-lines", "curl-pipes")
    yield from prefixed("dockerfile-run", "Dockerfile", begun("FROM debian:trixie-slim\nRUN ", some_shell))


def notebooks() -> Inputs:
    yield from prefixed("notebook", "a.ipynb", of_notebook())
    yield from prefixed("notebook-json", "a.ipynb", of_json())


def others() -> Inputs:
    yield from prefixed("ignore", ".dockerignore", of_ignore(), NOTEBOOK)
    yield from prefixed("readme", "README.md", of_text(), NOTEBOOK)
    yield from prefixed("renv.lock", "renv.lock", of_json())
    texts = some(of_text(), "words", "lines", "own-lines", "blanks", "line-ends", "digits", "dots", "python")
    for file in ("apt.txt", "runtime.txt", ".python-version", "install.R", "DESCRIPTION", "Project.toml"):
        yield from prefixed(file.strip("."), file, texts)


#: All but those of many files, by what is read.
KINDS: Mapping[str, Callable[[], Inputs]] = {
    made.__name__: made
    for made in (
        pyprojects,
        locks,
        environments,
        conda_locks,
        requirements,
        setups,
        code,
        scripts,
        dockerfiles,
        notebooks,
        others,
    )
}


def many_files(top: Path, count: int = 100_000) -> None:
    for directory in range(count // 1_000):
        (top / f"d{directory}").mkdir()
        for number in range(1_000):
            os.close(os.open(top / f"d{directory}" / f"a{number}.py", os.O_CREAT))


def many_directories(top: Path) -> None:
    for number in range(30_000):
        (top / f"d{number}").mkdir()


def many_notebooks(top: Path) -> None:
    for number in range(10_000):
        (top / f"a{number}.ipynb").write_text("{}")


def deep_directories(top: Path) -> None:
    deep(top, 3_000)


def loops(top: Path) -> None:
    for number in range(1_000):
        (top / f"a{number}.ipynb").symlink_to(f"a{(number + 1) % 1_000}.ipynb")
    (top / "up").symlink_to(".")
    (top / "requirements.txt").symlink_to("up/" * 500 + "a0.ipynb")


#: Those whose files are made one by one.
TREES: Mapping[str, Callable[[Path], None]] = {
    "many-files": many_files,
    "many-directories": many_directories,
    "many-notebooks": many_notebooks,
    "deep-directories": deep_directories,
    "loops": loops,
}
