"""What the check reads out of Python code and out of cells that only IPython understands."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r2i.check.code.ipython_code import IPythonCommand, as_python
from r2i.check.code.python_code import Call, Import, Literal, ShownFile, facts_of_cell, facts_of_module


def commands(source: str) -> list[tuple[str, str, int]]:
    return [(one.sign, one.text, one.line) for one in facts_of_cell(source).commands]


def modules(source: str) -> list[tuple[str, int]]:
    return [(one.module, one.line) for one in facts_of_cell(source).imports]


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("%matplotlib inline", ("%", "matplotlib inline", 1)),
        ("!ls -l data", ("!", "ls -l data", 1)),
        ("\n\n  !ls", ("!", "ls", 3)),
        ("!!ls", ("!", "ls", 1)),
        ("files = !ls *.csv", ("!", "ls *.csv", 1)),
        ("files = %sx ls", ("%", "sx ls", 1)),
        ("a, b = %magic 1", ("%", "magic 1", 1)),
        ('found["x"] = !ls', ("!", "ls", 1)),
        ("!pip install \\\n    numpy \\\n    scipy\nx = 1", ("!", "pip install  numpy  scipy", 1)),
        ("if missing:\n    !pip install numpy\nelse:\n    pass", ("!", "pip install numpy", 2)),
        ("%timeit -n 10 -r3 f(x)", ("%", "timeit -n 10 -r3 f(x)", 1)),
        ("x = (1 +\n     2)\n%who", ("%", "who", 3)),
        ('"""text\n%no magic\n"""\n!ls', ("!", "ls", 4)),
    ],
)
def test_what_ipython_gives_to_others(source: str, found: tuple[str, str, int]) -> None:
    facts = facts_of_cell(source)

    assert commands(source) == [found]
    assert not facts.broken


@pytest.mark.parametrize(
    "source",
    [
        'text = """\n%matplotlib inline\n!ls\n"""',
        "x = '''\n! no'''",
        "y = (a\n     % b)",
        "y = a \\\n  % b",
        "y = [a\n% 2,\n]",
        "x %= 3",
        "x != y",
        "a = b % c",
        "print('50%')",
        "x = 'why?'  # why?",
        "plot(x);",
        "f('\\'')",
        "# %pip install x\n# !ls",
        "d = {'a': '!ls', \"b\": '%x'}",
    ],
)
def test_python_that_looks_like_magics_stays_python(source: str) -> None:
    python, found, language = as_python(source)

    assert (python, found, language) == (source, (), "python")
    ast.parse(python)


@pytest.mark.parametrize(
    "source",
    [
        "numpy.array?",
        "numpy.array??",
        "?numpy.array",
        "??x",
        "df['a']?",
        "%who?",
        "/f 1 2",
        ",f a b",
        ";f a b",
        "    x = 1\n    y = 2",
        ">>> x = 1\n>>> for i in x:\n...     pass",
        "In [1]: x = 1",
        "await fetch()",
        "async with session() as s:\n    await s.get()",
        "[x async for x in values()]",
        "plt.plot(x);",
        "%time x = 1",
        "%time",
        "",
        "\n \n",
        "# only a comment",
    ],
)
def test_cells_that_ipython_runs_are_not_broken(source: str) -> None:
    assert not facts_of_cell(source).broken


@pytest.mark.parametrize("source", ["x = = 1", "if x:", "f(", "x\0y", "\ud800"])
def test_what_is_no_python_is_broken_and_says_nothing(source: str) -> None:
    facts = facts_of_cell(source)

    assert facts.broken is not None
    assert facts.broken.kind == "other"
    assert (facts.imports, facts.literals, facts.calls) == ((), (), ())


def test_lines_stay_where_they_are() -> None:
    source = "import a\n\n%load_ext x\n!pip install \\\n  y\nimport b\nnumpy?\nif c:\n    !ls\n    import d\n%time import e"

    assert modules(source) == [("a", 1), ("b", 6), ("d", 10), ("e", 11), ("x", 3)]


@pytest.mark.parametrize(
    ("source", "language"),
    [
        ("%%bash\nls", "bash"),
        ("\n\n%%R -i df\nlibrary(x)", "r"),
        ("%%writefile a.py\nimport x", "writefile"),
        ("%%html\n<p>", "html"),
        ("%%time\nimport x", "python"),
        ("%%capture out\n%%time\nimport x", "python"),
        ("x = 1\n%%bash", "python"),
    ],
)
def test_a_cell_magic_names_the_language_of_its_body(source: str, language: str) -> None:
    assert facts_of_cell(source).language == language


def test_the_body_of_a_timed_cell_is_python() -> None:
    facts = facts_of_cell("%%time --no-raise\n!ls\nimport x")

    assert facts.commands == (
        IPythonCommand(sign="%%", text="time --no-raise", line=1),
        IPythonCommand(sign="!", text="ls", line=2),
    )
    assert [(one.module, one.line) for one in facts.imports] == [("x", 3)]


def test_a_body_in_another_language_has_no_imports() -> None:
    facts = facts_of_cell("%%bash\nimport x\n!ls")

    assert facts.imports == ()
    assert facts.commands == (IPythonCommand(sign="%%", text="bash", line=1),)


def test_imports_with_what_they_are_called() -> None:
    found = facts_of_module(
        "import a.b\nimport a.b as c\nfrom d.e import f as g, h\nfrom . import i\n"
    ).imports

    assert found == (
        Import(module="a.b", line=1, bound=(("a", "a"),)),
        Import(module="a.b", line=2, bound=(("c", "a.b"),)),
        Import(module="d.e", line=3, names=("f", "h"), bound=(("g", "d.e.f"), ("h", "d.e.h"))),
        Import(module="", line=4, level=1, names=("i",), bound=(("i", ".i"),)),
    )


def test_what_is_in_a_try_or_an_if_is_optional_and_a_program_is_not() -> None:
    source = (
        "try:\n    import a\nexcept ImportError:\n    import b\nif x:\n    import c\n"
        "if __name__ == '__main__':\n    import d\nelse_ = 1\nimport e\n"
    )

    optional = {one.module: one.optional for one in facts_of_module(source).imports}

    assert optional == {"a": True, "b": True, "c": True, "d": False, "e": False}


def test_literals_know_the_call_that_they_are_given_to() -> None:
    found = facts_of_module(
        '"""doc"""\npd.read_csv("a.csv", sep=";")\nx = ["b"]\nf(g("c"), f"d{x}")\nif x:\n    open("e")\n'
    ).literals

    assert found == (
        Literal(value="doc", line=1, alone=True),
        Literal(value="a.csv", line=2, call="pd.read_csv", argument=0),
        Literal(value=";", line=2, call="pd.read_csv", argument="sep"),
        Literal(value="b", line=3),
        Literal(value="c", line=4, call="g", argument=0),
        Literal(value="d", line=4),
        Literal(value="e", line=6, call="open", argument=0, optional=True),
    )


def test_calls_have_their_leading_constants() -> None:
    found = facts_of_module('open("a", "w", encoding="utf-8")\nf(1, x, 2)\na.b().c("d")\n').calls

    constants = ((0, "a"), (1, "w"), ("encoding", "utf-8"))
    assert found[0] == Call(
        name="open",
        line=1,
        constants=constants,
        root="open",
        leading="a",
        given=("encoding",),
        positional=2,
    )
    assert (found[0].arguments, found[0].keywords) == (("a", "w"), (("encoding", "utf-8"),))
    assert (found[1].arguments, found[1].constants) == ((1,), ((0, 1), (2, 2)))
    assert {one.name for one in found} == {"open", "f", "c", "a.b"}


@pytest.mark.parametrize(
    "source",
    [
        "f('a', b)",
        "f(['a', b])",
        "f(f'a{b}')",
        "f('a' + b + c)",
        "f('a' % b)",
        "f('a'.format(b))",
        "f('a'.split())",
    ],
)
def test_a_call_has_the_text_that_it_begins_with(source: str) -> None:
    assert facts_of_module(source).calls[0].leading == "a"


@pytest.mark.parametrize("source", ["f(a)", "f()", "f(1)", "f(b'a')", "f([])", "f(a + 'a')", "f(f'{a}a')"])
def test_other_calls_begin_with_no_text(source: str) -> None:
    assert not facts_of_module(source).calls[0].leading


@pytest.mark.parametrize(
    ("source", "name", "root"),
    [
        ("f(x)", "f", "f"),
        ("a.b(x)", "a.b", "a.b"),
        ('pd.read_csv(x)["a"].plot()', "plot", "pd.read_csv"),
        ("df[df.a > 1].groupby(x).mean().plot.bar()", "plot.bar", "df"),
        ("(a + b).plot()", "plot", ""),
    ],
)
def test_a_call_has_the_beginning_of_its_chain(source: str, name: str, root: str) -> None:
    call = facts_of_module(source).calls[0]

    assert (call.name, call.root) == (name, root)


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("fig", ShownFile(name="fig", line=1, root="fig", is_name=True)),
        ("x = 1\nfig.a().b()", ShownFile(name="b", line=2, root="fig.a", is_name=False)),
        ("fig;", None),
        ("fig.a", None),
        ("x = fig", None),
        ("", None),
    ],
)
def test_a_cell_shows_the_value_of_its_last_expression(source: str, shown: ShownFile | None) -> None:
    assert facts_of_cell(source).shown == shown


def test_values_are_named_by_the_calls_that_make_them() -> None:
    source = "a = b.c(1).d()\nx, y = f()\nfor i in z: pass\nif (n := g()): pass\nk: int = h()\nu += 1"

    assert set(facts_of_module(source).made) == {
        ("a", "b.c"),
        ("x", ""),
        ("y", ""),
        ("i", ""),
        ("n", "g"),
        ("k", "h"),
        ("u", ""),
    }


HOSTILE = {
    "parentheses": "(" * 100_000,
    "brackets": "[" * 100_000 + "]" * 100_000,
    "minus": "-" * 100_000 + "1",
    "sum": "1" + "+1" * 100_000,
    "attributes": "a" + ".a" * 100_000,
    "not": "not " * 100_000 + "1",
    "lambda": "lambda:" * 50_000 + "1",
    "else": "1 if 1 else " * 50_000 + "1",
    "f-string": 'f"{' * 1000,
    "quotes": "!x\n" + "\"'" * 100_000,
    "escapes": "!x\n" + '"' + '\\"' * 100_000,
    "triple": "!x\n" + '"""' + '\\"' * 100_000,
    "backslashes": "!x\n" + "\\" * 100_000,
    "help": "?\n" * 50_000,
    "magics": "%a\n" * 50_000,
    "continued": "!a \\\n" * 50_000,
    "targets": "a" * 100_000 + " \n= !x",
    "equals": "a=" * 50_000 + "%",
    "spaces": " " * 100_000 + "!",
    "options": "%time " + "-n 1 " * 50_000,
    "digits": "x = " + "9" * 10_000,
    "cell magics": "%%time\n" * 100_000,
    "lines": "\n" * 200_000 + "%%x",
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_code_is_read_in_linear_time(name: str) -> None:
    facts = facts_of_cell(HOSTILE[name])

    assert facts.broken is None or facts.broken.kind


@given(st.text(alphabet=st.sampled_from(list("ab \n\t%!?=\\\"'()[]{}#;,/>.1:$")), max_size=80))
def test_any_cell_has_as_many_lines_as_before(source: str) -> None:
    python, found, _ = as_python(source)
    lines = source.count("\n") + 1

    assert python == "" or python.count("\n") == source.count("\n")
    assert all(1 <= one.line <= lines for one in found)
    assert facts_of_cell(source).imports == ()


@given(st.text())
def test_any_text_has_facts(source: str) -> None:
    for facts in (facts_of_cell(source), facts_of_module(source)):
        lines = [
            *(one.line for one in facts.imports),
            *(one.line for one in facts.literals),
            *(one.line for one in facts.calls),
        ]
        assert all(1 <= line <= len(source) + 1 for line in lines)
