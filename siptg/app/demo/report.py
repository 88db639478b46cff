"""What the demo found: one value a call, checks by name, JSON and a table."""

from __future__ import annotations

import json
from pathlib import Path

import attrs
from rich.console import Console
from rich.table import Table

USER_HZ, PBX_HZ = 440.0, 880.0
"""What the user says, and what the PBX says."""
TOLERANCE = 5.0


@attrs.define
class CallResult:
    """One call, as it was measured at its two ends."""

    direction: str
    """`out` or `in`, as the user sees it."""
    setup_ms: int = 0
    """From her number (or the PBX's INVITE) to the moment both can talk."""
    user_heard_hz: float = 0.0
    pbx_heard_hz: float = 0.0
    dtmf: str = ""
    """Keys that the PBX received."""
    hangup: str = ""
    """Who hung up, as the PBX saw it: `user` or `pbx`."""
    checks: dict[str, bool] = attrs.field(factory=dict)
    trouble: str = ""
    """Why the scene broke off, where it did."""

    @property
    def ok(self) -> bool:
        return not self.trouble and bool(self.checks) and all(self.checks.values())

    def judge(self, *, keys: str, hangup: str) -> None:
        """Hold what was measured against what should be."""
        self.checks["she hears the PBX"] = abs(self.user_heard_hz - PBX_HZ) <= TOLERANCE
        self.checks["the PBX hears her"] = abs(self.pbx_heard_hz - USER_HZ) <= TOLERANCE
        if keys:
            self.checks[f"keys {keys} arrived by RFC 4733"] = self.dtmf == keys
        self.checks[f"the {hangup} hung up, BYE seen"] = self.hangup == hangup


@attrs.define
class Report:
    calls: list[CallResult] = attrs.field(factory=list)
    checks: dict[str, bool] = attrs.field(factory=dict)
    """Of the whole: signed in, registered, still so at the end."""
    trouble: str = ""

    @property
    def ok(self) -> bool:
        whole = not self.trouble and len(self.calls) == 2 and all(self.checks.values())
        return whole and all(call.ok for call in self.calls)

    def write(self, path: Path) -> None:
        text = json.dumps({"ok": self.ok} | attrs.asdict(self), indent=2, ensure_ascii=False)
        path.write_text(text + "\n", encoding="utf-8")

    def show(self, console: Console) -> None:
        table = Table(title="What was verified")
        for name in ("", "check", "measured"):
            table.add_column(name)
        for name, good in self.checks.items():
            table.add_row(_sign(good), name, "")
        for call in self.calls:
            way = "outgoing" if call.direction == "out" else "incoming"
            table.add_section()
            measured = (
                f"she {call.user_heard_hz:g} Hz, PBX {call.pbx_heard_hz:g} Hz, "
                f"set up in {call.setup_ms} ms"
            )
            for n, (name, good) in enumerate(call.checks.items()):
                table.add_row(_sign(good), f"{way}: {name}", measured if n == 0 else "")
            if call.trouble:
                table.add_row(_sign(False), f"{way}: {call.trouble}", "")
        if self.trouble:
            table.add_row(_sign(False), self.trouble, "")
        console.print(table)


def _sign(good: bool) -> str:
    return "[green]✔[/green]" if good else "[red]✘[/red]"
