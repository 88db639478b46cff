"""What the demo plays on: Telegram, a PBX, the product and a user, all on one machine."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import attrs

from siptg.app.config import (
    Config,
    LineConfig,
    LogConfig,
    ServerConfig,
    StoreConfig,
    TelegramConfig,
)
from siptg.app.demo.ladder import Step, sip_step, telegram_step
from siptg.app.demo.pbx_process import PbxProcess
from siptg.app.service import Service
from siptg.app.store import Seal, SqlStore
from siptg.app.telegram_login import log_in
from siptg.rtp.clock import MediaClock
from siptg.telegram.lab import Lab, LabAccount
from siptg.telegram.lab.user import LabUser

LOOPBACK = ("127.0.0.1",)
PHONE_NAME, USER_NAME, BOT_NAME = "siptg_phone", "ann", "siptg_cards_bot"
PHONE_NUMBER, BOT_TOKEN, LINE_PASSWORD = "+10000001", "777000:demo", "demo secret"


@attrs.define(eq=False)
class Stage:
    """All that plays in the demo."""

    lab: Lab
    pbx: PbxProcess
    service: Service
    ann: LabUser
    clock: MediaClock
    user: LabAccount
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
        async with LabUser(lab, user, LOOPBACK) as ann, Service(config) as service:
            made = Stage(lab, pbx, service, ann, clock, user)
            for line in service.lines:
                line.phone.agent.trace = made.trace
            yield made


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
