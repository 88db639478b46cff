"""What every command needs: its configuration, a loop that ends in order, errors as one line."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich.console import Console

from siptg.app.config import Config, ConfigError, load

if TYPE_CHECKING:
    from siptg.app.store import SqlStore

EXIT_FAILED, EXIT_USAGE = 1, 2

ConfigOption = Annotated[
    Path, typer.Option("--config", "-c", help="The TOML file that describes accounts and lines.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON value, for programs.")]
console = Console(stderr=True)


def load_config(path: Path) -> Config:
    try:
        return load(path)
    except ConfigError as error:
        fail(str(error), EXIT_USAGE)


@asynccontextmanager
async def store_of(settings: Config) -> AsyncIterator[SqlStore]:
    """The store of a configuration, open under its key."""
    from siptg.app.store import SqlStore, open_seal

    seal = open_seal(settings.store.key_file, settings.store.path)
    async with SqlStore(settings.store.path, seal) as store:
        yield store


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """Run to the end; SIGINT and SIGTERM cancel it in order, known troubles become one line."""
    from siptg.app.commands.questions import NoAnswer
    from siptg.app.store import SealBroken, StoreError
    from siptg.app.telegram_login import NotLoggedIn
    from siptg.rtp.codecs.opus import LibopusMissing
    from siptg.telegram.account.health import AccountGone
    from siptg.telegram.lab.folder import NoLab
    from siptg.telegram.people import TelegramRefused

    known = (
        StoreError,
        SealBroken,
        NoAnswer,
        NotLoggedIn,
        AccountGone,
        TelegramRefused,
        LibopusMissing,
        NoLab,
        OSError,
    )
    try:
        return _loop_runner()(_until_signal(work))
    except known as error:
        fail(str(error), EXIT_FAILED)
    except asyncio.CancelledError:
        return None


async def _until_signal(work: Coroutine[Any, Any, Any]) -> Any:
    task, loop = asyncio.ensure_future(work), asyncio.get_running_loop()
    if threading.current_thread() is threading.main_thread():  # signals come to no other
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


def fail(text: str, code: int) -> NoReturn:
    console.print(text, style="red", markup=False, highlight=False, soft_wrap=True)
    sys.exit(code)
