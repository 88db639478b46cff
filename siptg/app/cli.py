"""`siptg`: the commands. Each says what it does with examples in `--help`."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console

from siptg.app.commands import lab
from siptg.app.config import DEFAULT_PATH, Config, ConfigError, load

EXIT_FAILED, EXIT_USAGE = 1, 2

app = typer.Typer(
    help="Telegram as a SIP softphone.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
app.add_typer(lab.app, name="lab")
ConfigOption = Annotated[
    Path, typer.Option("--config", "-c", help="The TOML file that describes accounts and lines.")
]
_console = Console(stderr=True)


@app.command()
def demo(
    report: Annotated[Path, typer.Option(help="Where the result goes as JSON.")] = Path(
        "demo-report.json"
    ),
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show the log too.")] = False,
) -> None:
    """Two whole calls on this machine, measured: a Telegram user and a PBX talk through siptg.

    Needs no account and no network: Telegram and the PBX are embedded and listen on 127.0.0.1.
    The exit code is 0 only if every tone, key and hang-up was seen at the other end.

    Example: `siptg demo --report /tmp/report.json`
    """
    from siptg.app import log
    from siptg.app.demo.demo import run_demo

    log.set_up("info" if verbose else "error")
    raise typer.Exit(0 if run_command(run_demo(report)) else EXIT_FAILED)


@app.command()
def run(config: ConfigOption = DEFAULT_PATH) -> None:
    """Serve: sign in to Telegram, register the lines, make and take calls until Ctrl-C.

    Ctrl-C (or SIGTERM) ends calls with BYE and discardCall and takes registrations back, within
    five seconds.

    Example: `siptg run --config /etc/siptg.toml`
    """
    from siptg.app import log

    settings = _load(config)
    log.set_up(settings.log.level, json=settings.log.json)
    run_command(_serve(settings))


@app.command()
def login(
    phone: Annotated[
        str, typer.Argument(help="Phone number of the Telegram account that shall make the calls.")
    ],
    config: ConfigOption = DEFAULT_PATH,
) -> None:
    """Sign the phone account in to Telegram and keep its session, sealed, in the store.

    Telegram sends a code to the account's other devices; it is asked for here.

    Example: `siptg login +49301234567`
    """
    from siptg.app import log

    settings = _load(config)
    log.set_up("error")
    run_command(_log_in(settings, phone))
    _console.print("Signed in. Start the service with `siptg run`.")


async def _serve(settings: Config) -> None:
    from siptg.app.collector import calm
    from siptg.app.service import Service

    async with Service(settings) as service:
        calm()
        await service.run()


async def _log_in(settings: Config, phone: str) -> None:
    from siptg.app.store import Seal, SqlStore
    from siptg.app.telegram_login import log_in

    async def ask(prompt: str, hidden: bool = False) -> str:
        answer = await asyncio.to_thread(typer.prompt, prompt, hide_input=hidden)
        return str(answer).strip()

    async with SqlStore(settings.store.path, Seal.from_file(settings.store.key_file)) as store:
        await log_in(
            settings.telegram,
            store,
            phone,
            code=lambda: ask("Code"),
            password=lambda: ask("Two-step password", hidden=True),
        )


def _load(path: Path) -> Config:
    try:
        return load(path)
    except ConfigError as error:
        _fail(str(error), EXIT_USAGE)


def run_command(work: Coroutine[Any, Any, Any]) -> Any:
    """Run to the end; SIGINT and SIGTERM cancel it in order, known troubles become one line."""
    from siptg.app.store import SealBroken, StoreError
    from siptg.app.telegram_login import NotLoggedIn
    from siptg.rtp.codecs.opus import LibopusMissing
    from siptg.telegram.account.telethon import NotSignedIn
    from siptg.telegram.lab.folder import NoLab
    from siptg.telegram.people import TelegramRefused

    known = (
        StoreError,
        SealBroken,
        NotLoggedIn,
        NotSignedIn,
        TelegramRefused,
        LibopusMissing,
        NoLab,
        OSError,
    )
    try:
        return _loop_runner()(_until_signal(work))
    except known as error:
        _fail(str(error), EXIT_FAILED)
    except asyncio.CancelledError:
        return None


async def _until_signal(work: Coroutine[Any, Any, Any]) -> Any:
    task, loop = asyncio.ensure_future(work), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    return await task


def _loop_runner() -> Any:
    """uvloop where it is installed (not on Windows), plain asyncio otherwise."""
    try:
        import uvloop
    except ImportError:
        return asyncio.run
    return uvloop.run


def _fail(text: str, code: int) -> NoReturn:
    _console.print(text, style="red", markup=False, highlight=False)
    sys.exit(code)


def main() -> None:
    app()
