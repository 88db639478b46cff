"""Accounts at a lab, signed in, for tests."""

from __future__ import annotations

from siptg.telegram.account.sign_in import sign_in, sign_in_bot
from siptg.telegram.lab import Lab, LabAccount
from siptg.telegram.settings import TelegramSettings

LOOPBACK = ("127.0.0.1",)


def settings(
    lab: Lab, session: str = "", versions: tuple[str, ...] = ("9.0.0", "8.0.0")
) -> TelegramSettings:
    return TelegramSettings(
        1, "hash", session=session, server=lab.server, versions=versions, ice_addresses=LOOPBACK
    )


async def signed_in(lab: Lab, user: LabAccount) -> str:
    """A session of a user or bot."""
    if user.is_bot:
        return await sign_in_bot(settings(lab), user.bot_token)

    async def code() -> str:
        return lab.code_for(user.phone)

    return await sign_in(settings(lab), user.phone, code)
