"""What an output of a cell holds, whatever a container says that it does."""

from __future__ import annotations

from collections.abc import Mapping

from r2i.check.execution.runs import Output
from r2i.model import Json


def data_of(output: Output) -> Mapping[str, Json]:
    """By MIME type."""
    data = output.get("data")
    return data if isinstance(data, dict) else {}


def text_of(value: Json) -> str:
    """Notebooks have a text in one piece, or by lines."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "".join(part for part in value if isinstance(part, str))
    return "" if value is None else repr(value)


def raised(output: Output) -> str:
    return f"{text_of(output.get('ename'))}: {text_of(output.get('evalue'))}"
