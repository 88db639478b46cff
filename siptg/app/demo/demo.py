"""`siptg demo`: Telegram, a PBX, the product and a user on one machine; two calls, measured."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from siptg.app.config import (
    Config,
    LineConfig,
    LogConfig,
    ServerConfig,
    StoreConfig,
    TelegramConfig,
)
from siptg.app.demo.ladder import Step, draw, sip_step, telegram_step
from siptg.app.demo.pbx_process import PbxProcess
from siptg.app.demo.report import CallResult, Report
from siptg.app.demo.scenes import incoming_call, outgoing_call
from siptg.app.service import Service
from siptg.app.store import Seal, SqlStore
from siptg.app.telegram_login import log_in
from siptg.rtp.clock import MediaClock
from siptg.sip.registration import RegistrationState
from siptg.telegram.lab import Lab, LabUser
from siptg.telegram.lab.person import LabPerson

LOOPBACK = ("127.0.0.1",)
REGISTERED_WITHIN = 5.0
SCENE_WITHIN = 20.0
PHONE_NAME, USER_NAME, BOT_NAME = "siptg_phone", "ann", "siptg_cards_bot"
PHONE_NUMBER, BOT_TOKEN, LINE_PASSWORD = "+10000001", "777000:demo", "demo secret"


@attrs.define(eq=False)
class Stage:
    """All that plays in the demo."""

    lab: Lab
    pbx: PbxProcess
    service: Service
    ann: LabPerson
    clock: MediaClock
    user: LabUser
    sip: list[Step] = attrs.field(factory=list)

    def trace(self, sign: str, at: float, remote: tuple[str, int], data: bytes) -> None:
        """What the product's SIP side sends and receives."""
        self.sip.append(sip_step(sign, at, data))

    def steps(self, since: float) -> list[Step]:
        """What was said since a moment, on both sides."""
        found = [step for step in self.sip if step.time >= since]
        for entry in self.lab.log:
            if entry.time >= since:
                step = telegram_step(
                    entry.time, entry.account == self.user.first_name, entry.request
                )
                if step is not None:
                    found.append(step)
        return found


@asynccontextmanager
async def stage(
    folder: Path,
    tell: Callable[[str], None] = lambda text: None,
    change: Callable[[Config], Config] = lambda config: config,
) -> AsyncIterator[Stage]:
    """Everything on, each part as it is in real life; the product's data goes to `folder`.

    `change` is for whoever wants another configuration than the demo's.
    """
    tell("starting a Telegram of our own, and a PBX in a process of its own")
    users = {USER_NAME: LINE_PASSWORD}
    async with Lab() as lab, MediaClock() as clock, PbxProcess(users) as pbx:
        lab.add_user("Phone account", PHONE_NUMBER, PHONE_NAME)
        lab.add_bot("Cards", BOT_NAME, BOT_TOKEN)
        user = lab.add_user("Ann", "+10000002", USER_NAME)
        config = change(_config(folder, lab, pbx.address))
        tell("signing the phone account in")
        await _sign_in(config, lab)
        async with LabPerson(lab, user, LOOPBACK) as ann, Service(config) as service:
            made = Stage(lab, pbx, service, ann, clock, user)
            for line in service.lines:
                line.phone.agent.trace = made.trace
            yield made


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


def _config(folder: Path, lab: Lab, pbx: tuple[str, int]) -> Config:
    """The product's configuration, as a file would give it."""
    server = lab.server
    return Config(
        telegram=TelegramConfig(
            api_id=1,
            api_hash="demo",
            bot_token=BOT_TOKEN,
            ice_addresses=LOOPBACK,
            server=ServerConfig(server.host, server.port, server.public_key, server.dc_id),
        ),
        lines=(
            LineConfig(
                name="Office",
                address=f"sip:{USER_NAME}@{pbx[0]}:{pbx[1]}",
                password=LINE_PASSWORD,
                person=USER_NAME,
            ),
        ),
        store=StoreConfig(folder / "siptg.db", folder / "siptg.key"),
        log=LogConfig(),
    )


async def _sign_in(config: Config, lab: Lab) -> None:
    """`siptg login`, with the lab's code in the place of a person who reads it."""

    async def code() -> str:
        return lab.code_for(PHONE_NUMBER)

    async with SqlStore(config.store.path, Seal.from_file(config.store.key_file)) as store:
        await log_in(config.telegram, store, PHONE_NUMBER, code)
