"""Shell scripts are taken apart into the commands that they run, whatever stands in them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r2i.check.code.shell_script import commands, is_shell, without_sudo


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("pip install a; pip install b", [("pip", "install", "a"), ("pip", "install", "b")]),
        ("if ! sudo true; then A=1 B=2 env; fi", [("sudo", "true"), ("env",), ("fi",)]),
        ("x=$(sudo id)", [("sudo", "id")]),
        ("echo 'sudo id' \"sudo id\"  # sudo id", [("echo", "sudo id", "sudo id")]),
        ("cat <<EOF > a\nsudo id\nEOF\nid", [("cat",), ("id",)]),
        ("cat <<-'EOF'\n\tsudo id\n\tEOF\nid", [("cat",), ("id",)]),
        ("echo $((1<<x))\nid", [("echo", "$"), ("1",), ("id",)]),
        ("echo 'two\nlines'\nid", [("echo", "two\nlines"), ("id",)]),
        ("echo it's\nid", [("id",)]),
        ("apt install \\\n  a \\\n  b > log 2>&1", [("apt", "install", "a", "b")]),
    ],
)
def test_commands_are_found_where_a_shell_would_run_them(text: str, found: list[tuple[str, ...]]) -> None:
    assert [command for line in commands(text) for command in line.commands] == found


def test_a_line_is_known_by_its_first_and_last_number() -> None:
    (first, second) = commands("# of two\na \\\n  b\nc\n")

    assert (first.first, first.last, second.first, second.last) == (2, 3, 4, 4)


@pytest.mark.parametrize(
    ("command", "run"),
    [
        (["sudo", "-H", "pip"], ["pip"]),
        (["sudo", "-u", "root", "id"], ["id"]),
        (["id"], ["id"]),
        (["sudo"], []),
    ],
)
def test_sudo_has_options_of_its_own(command: list[str], run: list[str]) -> None:
    assert list(without_sudo(command)) == run


@pytest.mark.parametrize(
    ("text", "shell"),
    [
        ("#!/bin/bash -l\n", True),
        ("#!/usr/bin/env bash\n", True),
        ("#! /bin/sh\n", True),
        ("echo\n", True),
        ("#!/usr/bin/env python3\n", False),
        ("#!/usr/bin/perl\n", False),
    ],
)
def test_a_script_is_a_shells_unless_it_says_otherwise(text: str, *, shell: bool) -> None:
    assert is_shell(text) is shell


@given(st.text(alphabet="ab \\\n'\"#$(){};&|<>EOF=!", max_size=200) | st.text())
def test_any_text_has_commands_in_the_order_of_its_lines(text: str) -> None:
    lines = list(commands(text))
    numbers = [number for line in lines for number in (line.first, line.last)]

    assert numbers == sorted(numbers)
    assert all(0 < number <= text.count("\n") + 1 for number in numbers)
    assert all(command for line in lines for command in line.commands)
