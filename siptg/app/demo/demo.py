"""`siptg demo`: both calls are played, measured, drawn and reported."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from siptg.app.demo.ladder import Step, draw
from siptg.app.demo.report import CallResult, Report
from siptg.app.demo.scenes import incoming_call, outgoing_call
from siptg.app.demo.stage import Stage, stage
from siptg.sip.registration import RegistrationState

REGISTERED_WITHIN = 5.0
SCENE_WITHIN = 20.0


async def run_demo(path: Path, console: Console | None = None) -> bool:
    """Play both calls, print ladders and a table, write the report; True where all holds."""
    console = console or Console()
    report, began = Report(), time.monotonic()
    ladders: list[tuple[str, list[Step]]] = []
    columns = SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
    with (
        tempfile.TemporaryDirectory(prefix="siptg-demo-") as folder,
        Progress(*columns, console=console, transient=True) as progress,
    ):
        task = progress.add_task("…", total=None)

        def tell(text: str) -> None:
            progress.update(task, description=text)
            if not console.is_terminal:
                console.print(f"· {text}", highlight=False)

        try:
            async with stage(Path(folder), tell) as on:
                await _play(on, report, ladders, tell)
                tell("hanging up and signing off")
        except Exception as error:  # whatever breaks the demo belongs into its report
            report.trouble = f"{type(error).__name__}: {error}"
    for title, steps in ladders:
        console.rule(title)
        draw(console, steps)
    report.show(console)
    report.write(path)
    verdict = "[green]all holds[/green]" if report.ok else "[red]not all holds[/red]"
    console.print(f"{verdict} after {time.monotonic() - began:.1f} s; written to {path}")
    return report.ok


async def _play(
    on: Stage, report: Report, ladders: list[tuple[str, list[Step]]], tell: Callable[[str], None]
) -> None:
    tell("registering the line at the PBX")
    report.checks["the SIP line registers (digest)"] = await _registered(on)
    report.checks["the phone account is signed in"] = on.service.account.connected
    for direction, title, scene in (
        ("out", "A Telegram user calls 100", outgoing_call),
        ("in", "The PBX calls a Telegram user", incoming_call),
    ):
        tell(title)
        result, since = CallResult(direction), time.monotonic()
        report.calls.append(result)
        try:
            async with asyncio.timeout(SCENE_WITHIN):
                await scene(on, result, tell)
        except (TimeoutError, ConnectionError, KeyError) as error:
            result.trouble = f"{type(error).__name__}: {error}"
        ladders.append((title, on.steps(since)))
    report.checks["line and account are still there"] = (
        await _registered(on) and on.service.account.connected
    )


async def _registered(on: Stage) -> bool:
    deadline = time.monotonic() + REGISTERED_WITHIN
    while time.monotonic() < deadline:
        if all(line.state is RegistrationState.READY for line in on.service.lines):
            return True
        await asyncio.sleep(0.02)
    return False
