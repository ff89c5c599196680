"""Names and texts in expressions of Python."""

from __future__ import annotations

import ast


def leading(node: ast.AST) -> str:
    """The constant text at the beginning of an expression; empty where there is none."""
    while not isinstance(node, ast.Constant):
        match node:
            case ast.List(elts=[first, *_]) | ast.Tuple(elts=[first, *_]) | ast.JoinedStr(values=[first, *_]):
                node = first
            case ast.BinOp(left=left, op=ast.Add() | ast.Mod()):
                node = left
            case ast.Call(func=ast.Attribute(value=ast.Constant() as text, attr="format" | "split")):
                node = text
            case _:
                return ""
    return node.value if isinstance(node.value, str) else ""


def dotted(node: ast.AST) -> str:
    """`pd.read_csv` of the expression; what is not a name is left out (`().read`)."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if isinstance(node, ast.Name):
        parts.append(node.id)
    return ".".join(reversed(parts))


def root(node: ast.AST) -> str:
    parts: list[str] = []
    while isinstance(node, ast.Attribute | ast.Call | ast.Subscript):
        if isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        else:
            parts.clear()
            node = node.func if isinstance(node, ast.Call) else node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""
