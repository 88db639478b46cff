"""The rules of the house, as tests: short files, whole shop windows, pictures that are true."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

from tests.machines import PICTURES, ROOT, machines
from tests.rfcs import PAGE, page

ROOMS = ("siptg", "tests", "bench", "examples", "conformance")
FILES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
MACHINE_PATHS = re.compile(r"(?<![\w.])/(?:work|home|root|Users)/\w+")
"""Folders of somebody's own machine; /tmp and /usr are everybody's."""


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def tracked() -> list[Path]:
    """What the repository holds or is about to; all of it where git does not say."""
    asked = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        return FILES
    return [path for line in listed.stdout.splitlines() if (path := ROOT / line).is_file()]


def test_no_file_is_longer_than_400_lines() -> None:
    sizes = {name_of(path): len(path.read_text().splitlines()) for path in FILES}
    assert {name: size for name, size in sizes.items() if size > 400} == {}


def test_every_module_of_the_product_says_what_it_is() -> None:
    modules = [path for path in FILES if name_of(path).startswith(("siptg/", "conformance/"))]
    assert [name_of(p) for p in modules if not ast.get_docstring(ast.parse(p.read_text()))] == []


@pytest.mark.parametrize("window", [p for p in FILES if p.name == "__init__.py"], ids=name_of)
def test_a_shop_window_shows_all_that_it_imports(window: Path) -> None:
    tree = ast.parse(window.read_text())
    shown = [
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign)
        and any(isinstance(target, ast.Name) and target.id == "__all__" for target in node.targets)
    ]
    imported = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(ROOMS)
        for alias in node.names
    }
    assert imported == set(*shown), "__all__ and the imports differ"


def test_every_machine_is_drawn_as_it_is_written() -> None:
    written = {f"{name}.md": machine.page() for name, machine in machines().items()}
    drawn = {path.name: path.read_text() for path in PICTURES.glob("*.md")}
    assert drawn.keys() == written.keys(), "run: make pictures"
    assert [name for name in written if written[name] != drawn[name]] == [], "run: make pictures"


def test_every_feature_names_a_test_and_the_page_is_as_it_is_made() -> None:
    assert PAGE.read_text() == page(), "run: make pictures"


def test_no_tracked_file_names_a_folder_of_the_machine_it_was_written_on() -> None:
    found = []
    for path in tracked():
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        found += [f"{name_of(path)}: {hit}" for hit in MACHINE_PATHS.findall(text)]
    assert found == []
