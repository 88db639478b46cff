"""`siptg doctor`: what is right, what is wrong, and what to do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from siptg.app.commands.shell import ConfigOption, JsonOption, load_config, run
from siptg.app.config import DEFAULT_PATH

if TYPE_CHECKING:
    from siptg.app.doctor.finding import Finding

SIGNS = {"ok": "[green]ok     [/green]", "warning": "[yellow]warning[/yellow]"}


def doctor(
    as_json: JsonOption = False,
    fix: Annotated[
        bool,
        typer.Option("--fix", help="Let siptg's session ring, and no other device of the account."),
    ] = False,
    config: ConfigOption = DEFAULT_PATH,
) -> None:
    """Look at everything that calls need, and say in a sentence each what to do.

    Key, store, disk, libopus, names of PBXs, ports; API id, the phone account, its clock, privacy
    settings and other devices; the bot, its inline mode, and its inline feedback, which is tried
    by a card to the account's own Saved Messages.

    The exit code is 0 unless something is at fault; it ends within two minutes, whatever hangs.

    Examples: `siptg doctor` · `siptg doctor --fix` · `siptg doctor --json | jq '.[].sentence'`
    """
    from siptg.app import log
    from siptg.app.doctor.finding import exit_code
    from siptg.app.doctor.rounds import examine

    settings = load_config(config)
    log.set_up("error")
    shown = Console(soft_wrap=True)

    def tell(finding: Finding) -> None:
        if not as_json:
            sign = SIGNS.get(finding.level.value, "[red]fault  [/red]")
            shown.print(sign, end=" ")
            shown.print(f"{finding.check}: {finding.sentence}", markup=False, highlight=False)
            if finding.remedy:
                shown.print(f"        → {finding.remedy}", markup=False, highlight=False)

    found = run(examine(settings, fix=fix, tell=tell)) or []
    if as_json:
        print(json.dumps([one.table for one in found], ensure_ascii=False, indent=2))
    raise typer.Exit(exit_code(found))
