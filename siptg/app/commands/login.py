"""`siptg login` and `siptg logout`."""

from __future__ import annotations

from typing import Annotated

import typer

from siptg.app.commands.shell import ConfigOption, console, fail, load_config, run, store_of
from siptg.app.config import DEFAULT_PATH, Config

NameOption = Annotated[
    str, typer.Option("--name", "-n", help="Name of the session; left out, the configured one.")
]


def login(
    phone: Annotated[
        str,
        typer.Argument(
            help="Phone number of the Telegram account that shall make the calls.",
            envvar="SIPTG_PHONE",
        ),
    ] = "",
    qr: Annotated[bool, typer.Option("--qr", help="By a QR code instead of a code.")] = False,
    bot: Annotated[bool, typer.Option("--bot", help="Sign the bot in, by its token.")] = False,
    name: NameOption = "",
    config: ConfigOption = DEFAULT_PATH,
) -> None:
    """Sign an account in to Telegram and keep its session, sealed, in the store.

    Telegram sends a code to the account's other devices; it is asked for here, and so is the
    two-step password where there is one. With --qr, a device that is signed in reads a QR code
    instead. With --bot, the bot is signed in by its token.

    Without a terminal the answers come from the environment: SIPTG_PHONE, SIPTG_CODE (or
    SIPTG_CODE_FILE, a file that the code will be written to), SIPTG_PASSWORD, SIPTG_BOT_TOKEN.

    Examples: `siptg login +49301234567` · `siptg login --qr` · `siptg login --bot` ·
    `siptg login --name second +49301234568`
    """
    from siptg.app import log

    settings = load_config(config)
    log.set_up("error")
    if qr and bot:
        fail("--qr signs an account in, --bot a bot: give one of them", 2)
    run(_log_in(settings, phone, name, qr=qr, bot=bot))


async def _log_in(settings: Config, phone: str, name: str, *, qr: bool, bot: bool) -> None:
    from siptg.app.commands.questions import Questions
    from siptg.app.telegram_login import log_in_as

    telegram, questions = settings.telegram, Questions()
    async with store_of(settings) as store:
        token = ""
        if bot:
            token = telegram.bot_token or await questions.token()
            name = name or telegram.bot
        elif not qr:
            questions.ready(code=True)
            phone = phone or await questions.phone()
        name = name or telegram.account
        given = "" if qr or bot else phone
        done = await log_in_as(telegram, store, name, questions, phone=given, token=token)
    shown = f"{done.person.name} (@{done.person.username})" if done.person.username else ""
    _say(f"Signed in as {shown or done.person.name}; the session is kept as {name!r}.")
    if name in (telegram.account, telegram.bot):
        _say(
            "See whether all is well with `siptg doctor`, then start with `siptg run`; where it "
            "runs and waits for a session, it takes this one by itself."
        )


def logout(name: NameOption = "", config: ConfigOption = DEFAULT_PATH) -> None:
    """End a session at Telegram and forget it here.

    Examples: `siptg logout` · `siptg logout --name bot`
    """
    from siptg.app import log

    settings = load_config(config)
    log.set_up("error")
    run(_log_out(settings, name or settings.telegram.account))


async def _log_out(settings: Config, name: str) -> None:
    from siptg.app.telegram_login import log_out

    async with store_of(settings) as store:
        told = await log_out(settings.telegram, store, name)
    if told:
        _say(f"Signed out: {name}.")
    else:
        _say(
            f"The session {name!r} is forgotten here, but Telegram could not be told: end it on "
            "another device, Settings, Devices."
        )


def _say(text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
