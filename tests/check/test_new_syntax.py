"""Which Python a piece of code needs; the answers are the same on every Python that r2i runs on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r2i.check.code.new_syntax import newer_syntax


@pytest.mark.parametrize(
    ("source", "minor", "line"),
    [
        ("if (n := 3):\n    pass", "3.8", 1),
        ("def f(a, /):\n    pass", "3.8", 1),
        ("f = lambda a, /: a", "3.8", 1),
        ("x = 1\nmatch x:\n    case 1:\n        pass", "3.10", 2),
        ("try:\n    pass\nexcept* ValueError:\n    pass", "3.11", 1),
        ("x = 1\n\ntype A = int | str", "3.12", 3),
        ("def f[T](a: T): pass", "3.12", 1),
        ("x = 1\nclass A[T]:\n    pass", "3.12", 2),
        ('x = 1\nprint(f"{x["a"]}")', "3.12", 2),
        ("f'{d['k']}: {e['v']}'", "3.12", 1),
        ("x(\n  1,\n  f\"{'\\n'.join(y)}\")", "3.12", 3),
        ("(n := 1)\ntype A = int", "3.12", 2),
    ],
)
def test_what_needs_a_newer_python_is_found(source: str, minor: str, line: int) -> None:
    found = newer_syntax(source, than="3.7")

    assert found is not None
    assert (found.minor, found.line) == (minor, line)
    assert newer_syntax(source, than=minor) is None


@pytest.mark.parametrize(
    "source",
    [
        "match = 1\nmatch[1] = 2\ntype = 5\ntype(x) == 1",
        "f\"{d['a']}\" f'{b}' \"}\"",
        'f"{{}} {{{x}}} {x:{w}} {x!r:>{w}}\\n"',
        'rf"\\frac{{a}}{{{b}}} {x}\\d{{2}}"',
        'f"{x:%Y\\n}" "{" \'{"\'',
        "f'''{d['a']}'''",
        '# f"{d["a"]}"\ns = """\ntype A = int\n"""',
        'print \'x\'\nx = f"{d["a"]}"',
        "x = 5 / 2",
    ],
)
def test_what_every_python_3_has_is_not(source: str) -> None:
    assert newer_syntax(source, than="3.7") is None


@given(st.text("f'\"{}\\\n #rtype=[]:/ ", max_size=60))
def test_any_text_gives_an_answer(source: str) -> None:
    newer_syntax(source, than="3.7")
