"""`siptg`: the commands. Each says what it does with examples in `--help`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from siptg.app.commands.accounts import account, accounts
from siptg.app.commands.doctor import doctor
from siptg.app.commands.lab import app as lab
from siptg.app.commands.login import login, logout
from siptg.app.commands.shell import EXIT_FAILED, ConfigOption, load_config
from siptg.app.commands.shell import run as run_to_end
from siptg.app.config import DEFAULT_PATH, Config

app = typer.Typer(
    help="Telegram as a SIP softphone.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)


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
    raise typer.Exit(0 if run_to_end(run_demo(report)) else EXIT_FAILED)


@app.command()
def run(config: ConfigOption = DEFAULT_PATH) -> None:
    """Serve: sign in to Telegram, register the lines, make and take calls until Ctrl-C.

    Ctrl-C (or SIGTERM) ends calls with BYE and discardCall and takes registrations back, within
    five seconds.

    Example: `siptg run --config /etc/siptg.toml`
    """
    from siptg.app import log

    settings = load_config(config)
    log.set_up(settings.log.level, json=settings.log.json)
    run_to_end(_serve(settings))


async def _serve(settings: Config) -> None:
    from siptg.app.collector import calm
    from siptg.app.service import Service

    async with Service(settings) as service:
        calm()
        await service.run()


for command in (login, logout, accounts, doctor):
    app.command()(command)
app.add_typer(account, name="account")
app.add_typer(lab, name="lab")


def main() -> None:
    app()
