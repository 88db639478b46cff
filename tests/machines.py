"""Every state machine of the house: found by its `TABLE`, drawn by `python -m tests.machines`.

The docstring of a table's state enum names its drawing ("docs/states/invite_client.md"), and the
machine starts in the enum's first member.
"""

from __future__ import annotations

import enum
import importlib
import re
from pathlib import Path

import attrs

from siptg.machine import Table, picture

ROOT = Path(__file__).parent.parent
PICTURES = ROOT / "docs" / "states"


@attrs.frozen
class Machine:
    """One table, the file it is written in, and where it starts."""

    file: Path
    table: Table
    start: enum.Enum

    @property
    def name(self) -> str:
        """What the drawing is called; LookupError where the state enum does not say."""
        said = re.search(r"docs/states/(\w+)\.md", type(self.start).__doc__ or "")
        if said is None:
            raise LookupError(f"{self.file}: the docstring of its states names no drawing")
        return said[1]

    def page(self) -> str:
        """The drawing as docs/states holds it."""
        drawn = picture(self.table, self.start)
        return (
            f"# {self.name.replace('_', ' ')}\n\n"
            f"Drawn by `make pictures` from the table in `{self.file.as_posix()}`.\n\n"
            f"```mermaid\n{drawn}```\n"
        )


def machines() -> dict[str, Machine]:
    """All of them by name."""
    found: dict[str, Machine] = {}
    for path in sorted((ROOT / "siptg").rglob("*.py")):
        if re.search(r"^TABLE: Table\b", path.read_text(), re.M):
            file = path.relative_to(ROOT)
            table = importlib.import_module(".".join(file.with_suffix("").parts)).TABLE
            states: type[enum.Enum] = type(next(iter(table))[0])
            machine = Machine(file, table, next(iter(states)))
            if machine.name in found:
                raise LookupError(f"{file} and {found[machine.name].file} share a drawing")
            found[machine.name] = machine
    return found


def draw() -> None:
    """Write docs/states anew."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    for old in PICTURES.glob("*.md"):
        old.unlink()
    for name, machine in machines().items():
        (PICTURES / f"{name}.md").write_text(machine.page())


if __name__ == "__main__":
    draw()
