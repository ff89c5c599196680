"""What click collected, as values with names: a misspelt option is an error of types."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from functools import wraps
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])


def collected(kind: type[Any], name: str, options: tuple[Callable[[Any], Any], ...]) -> Callable[[Any], Any]:
    """A decorator that adds options, the last first, and passes their values as the argument `name`, made of `kind`."""
    names = [field.name for field in fields(kind)]

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def call(**given: Any) -> Any:
            chosen = kind(**{each: given.pop(each) for each in names})
            return function(**given, **{name: chosen})

        for option in options:
            call = option(call)
        return call

    return decorate
