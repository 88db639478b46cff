"""What is spoken, where it is written and what proves it: `python -m tests.rfcs` makes docs/rfc.md.

A row is a feature with its section and its file. Its tests are those marked with that section, or
one below it; a row that none proves is an error.
"""

from __future__ import annotations

import ast
from functools import cache

from tests.machines import ROOT
from tests.rfc_media import MEDIA
from tests.rfc_row import Row
from tests.rfc_sip import SIP

PAGE = ROOT / "docs" / "rfc.md"
SHOWN = 3
"""Tests named in a row; the others are counted."""


ROOMS = {"siptg/sip": SIP, "siptg/rtp": MEDIA}


@cache
def marked() -> list[tuple[int, str, str]]:
    """(rfc, section, test) of every mark in tests/."""
    found: list[tuple[int, str, str]] = []
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        tree = ast.parse(path.read_text())
        name = path.relative_to(ROOT / "tests").as_posix()
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                test = f"{name}::{node.name}"
                for rfc, section in _marks(node, tree):
                    found.append((rfc, section, test))
    return found


def _marks(node: ast.FunctionDef | ast.AsyncFunctionDef, tree: ast.Module) -> set[tuple[int, str]]:
    """Of a test's decorators, also inside of lists that they name."""
    roots: list[ast.AST] = list(node.decorator_list)
    names = {n.id for d in node.decorator_list for n in ast.walk(d) if isinstance(n, ast.Name)}
    for statement in tree.body:
        if isinstance(statement, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id in names for target in statement.targets
        ):
            roots.append(statement.value)
    marks: set[tuple[int, str]] = set()
    for root in roots:
        for call in ast.walk(root):
            if (
                isinstance(call, ast.Call)
                and isinstance(call.func, ast.Attribute)
                and call.func.attr == "rfc"
                and len(call.args) == 2
                and isinstance(call.args[0], ast.Constant)
            ):
                section = call.args[1]
                text = str(section.value) if isinstance(section, ast.Constant) else ""
                marks.add((int(str(call.args[0].value)), text))
    return marks


def tests_of(row: Row) -> list[str]:
    found = [
        test
        for rfc, section, test in marked()
        if rfc == row.rfc
        and (not section or section == row.section or section.startswith(row.section + "."))
    ]
    for name in row.more:
        tree = ast.parse((ROOT / "tests" / name).read_text())
        found += [
            f"{name}::{node.name}"
            for node in tree.body
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            and node.name.startswith("test_")
        ]
    return list(dict.fromkeys(found))


def _path(room: str, code: str) -> str:
    return code if code.startswith("siptg/") else f"{room}/{code}"


def page() -> str:
    """LookupError where a row has no test, or its file is gone."""
    lines = [
        "# What is spoken",
        "",
        "Made by `make pictures` from the rows in `tests/rfc_sip.py` and `tests/rfc_media.py` "
        "and the marks of the tests.",
    ]
    groups = [(room, group, rows) for room, table in ROOMS.items() for group, rows in table.items()]
    for room, group, rows in groups:
        lines += [
            "",
            f"## {group}",
            "",
            "| RFC | § | what | code | tests |",
            "|---|---|---|---|---|",
        ]
        for row in rows:
            code, tests = _path(room, row.code), tests_of(row)
            if not tests or not (ROOT / code).is_file():
                raise LookupError(f"{row.what}: no test, or no {code}")
            names = ", ".join(
                f"`{test.partition('::')[2].removeprefix('test_')}`" for test in tests[:SHOWN]
            )
            rest = f" and {len(tests) - SHOWN} more" if len(tests) > SHOWN else ""
            rfc = f"{row.rfc}" if row.rfc else "—"
            lines.append(
                f"| {rfc} | {row.section or '—'} | {row.what} | `{code}` | {names}{rest} |"
            )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
