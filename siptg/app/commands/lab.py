"""`siptg lab` and `siptg lab phone`: the whole product by hand, without Telegram."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any

import typer

LOOPBACK = ("127.0.0.1",)
PHONE_NAME, PHONE_NUMBER = "siptg", "+9996620000"
BOT_NAME, BOT_TOKEN = "siptg_bot", "777000:lab"
PASSWORD = "lab"
"""Of every line at the lab's PBX."""
CONFIG = """\
# Made by `siptg lab`: everything here is on this machine alone.
[telegram]
api_id = 1
api_hash = "lab"
bot_token = "{token}"
ice_addresses = ["127.0.0.1"]

[telegram.server]
host = "{host}"
port = {port}
public_key = "file:lab-public.pem"
"""
LINE = """
[[lines]]
name = "Line of {name}"
address = "sip:{name}@{host}:{port}"
password = "{password}"
person = "{name}"
expires = 60
"""
ORDERS = """\
users                who has an account, and their numbers
add NAME             another user
drop NAME            cut the connections of somebody
refuse NAME METHOD CODE TEXT
                     answer the next such request by an error:
                     refuse ann RequestCallRequest 403 USER_PRIVACY_RESTRICTED
flood NAME METHOD SECONDS
                     answer the next such request by FLOOD_WAIT
cut NAME in|out N    cut somebody's connections after N more bytes from or to the client
delay NAME SECONDS   hold up whatever goes to somebody
double NAME N        send the next N packets to somebody twice
reorder NAME N       hold the next N packets to somebody, then send the newest first
acks NAME N          lose the next N acknowledgements of somebody's clients
clear NAME           end delay, double, reorder and acks
privacy NAME on|off  on: nobody may call somebody
unregister NAME      somebody's keys are nobody's any more: AUTH_KEY_UNREGISTERED
inline NAME on|off   whether a bot takes inline queries
calls                the calls that stand
stats                what was counted
pbx call NAME        the PBX calls a line
pbx hangup           the PBX ends its calls
quit                 stop the lab"""

app = typer.Typer(invoke_without_command=True)
Folder = Annotated[Path, typer.Option(help="Where the lab keeps its state.")]
DEFAULT_FOLDER = Path("siptg-lab")


@app.callback()
def serve(
    context: typer.Context,
    folder: Folder = DEFAULT_FOLDER,
    port: Annotated[int, typer.Option(help="Where the lab listens, on 127.0.0.1.")] = 8443,
    user: Annotated[list[str] | None, typer.Option(help="A user; may be repeated.")] = None,
    pbx: Annotated[bool, typer.Option(help="A PBX too, with a line for each user.")] = True,
    pbx_port: Annotated[int, typer.Option(help="Where the PBX listens, on 127.0.0.1.")] = 5070,
    product: Annotated[bool, typer.Option(help="Run the product here as well.")] = False,
) -> None:
    """Run a Telegram of our own on this machine, with users, a bot and a PBX.

    It writes a configuration for the product to FOLDER/siptg.toml. Orders are typed here: `help`.

    Example, all in two terminals: `siptg lab --product`, and then `siptg lab phone ann`.
    """
    if context.invoked_subcommand is not None:
        return
    from siptg.app.commands.shell import run

    names = user or ["ann", "bob"]
    run(_serve(folder, port, names, pbx_port if pbx else None, product))


@app.command()
def phone(
    name: Annotated[str, typer.Argument(help="User name of somebody who has an account there.")],
    folder: Folder = DEFAULT_FOLDER,
) -> None:
    """Be a Telegram user at this terminal: chat, press buttons, call, hear what is measured.

    Orders begin with a colon, `:help` lists them; every other line goes to the open chat. Through a
    pipe the same orders make a script: the exit code is 1 where an `:expect` was in vain.

    Example: `siptg lab phone ann`, then `:chat siptg`, `100`, `:answer`, `:say tone:440`
    """
    from siptg.app.commands.shell import run

    if not run(_phone(name, folder)):
        raise typer.Exit(1)


def say(text: str) -> None:
    print(text, flush=True)


async def _phone(name: str, folder: Path) -> bool:
    from siptg.rtp.clock import MediaClock
    from siptg.telegram.lab import LabAccount
    from siptg.telegram.lab.folder import Door, NoLab
    from siptg.telegram.lab.phone import LabPhone
    from siptg.telegram.lab.user import LabUser

    door = Door.read(folder)
    if name not in door.phones:
        raise NoLab(f"the lab has no {name}: there are {', '.join(sorted(door.phones))}")
    record = LabAccount(0, name, door.phones[name])
    async with (
        MediaClock() as clock,
        LabUser(door, record, LOOPBACK) as person,
        LabPhone(person, clock, say) as made,
    ):
        say(f"= {name} ({door.phones[name]}) is on line; :help")
        return await made.obey(typed())


async def _serve(
    folder: Path, port: int, names: list[str], pbx_port: int | None, product: bool
) -> None:
    from siptg.app import log
    from siptg.app.demo.pbx import Pbx
    from siptg.telegram.lab import Lab
    from siptg.telegram.lab.folder import own_key, remembered, write_door

    log.set_up("warning")
    lab = Lab(port=port, key=own_key(folder))
    lab.code_sent = lambda phone, code: say(f"The code for +{phone} is {code}.")
    async with remembered(folder, lab), lab, contextlib.AsyncExitStack() as stack:
        if not lab.accounts:
            lab.add_user("Phone account", PHONE_NUMBER, PHONE_NAME)
            lab.add_bot("Cards", BOT_NAME, BOT_TOKEN)
        desk = Console(lab, folder)
        for name in names:
            desk.add(name)
        if pbx_port is not None:
            made = desk.pbx = Pbx(desk.secrets, desk.pbx_says, ("127.0.0.1", pbx_port))
            await stack.enter_async_context(made.phone)
            serving = asyncio.create_task(made.serve())
            stack.callback(serving.cancel)
            desk.pbx_port = made.phone.address[1]
        desk.write()
        write_door(folder, lab)
        say(f"The lab listens at 127.0.0.1:{lab.address[1]}; users: {', '.join(desk.secrets)}.")
        say(f"The product's configuration: {folder / 'siptg.toml'}; codes of all users: 22222.")
        if product:
            await _run_product(folder / "siptg.toml", lab, stack)
            say("The product runs here too.")
        await desk.obey()


async def _run_product(path: Path, lab: Any, stack: contextlib.AsyncExitStack) -> None:
    """Signed in at the first start, and again where the store or the lab has lost it."""
    from siptg.app.commands.shell import store_of
    from siptg.app.config import load
    from siptg.app.service import Service
    from siptg.app.telegram_login import BOT, log_in

    config = load(path)

    async def code() -> str:
        return str(lab.code_for(PHONE_NUMBER))

    known = any(d.account.username == PHONE_NAME for d in lab.sign_ins.devices.values())
    async with store_of(config) as store:
        if not known or not await store.session(config.telegram.account):
            await store.keep_session(BOT, "")
            await log_in(config.telegram, store, PHONE_NUMBER, code)
    service = await stack.enter_async_context(Service(config))
    running = asyncio.create_task(service.run())
    stack.callback(running.cancel)


class Console:
    """The orders of who runs the lab."""

    def __init__(self, lab: Any, folder: Path) -> None:
        self.pbx: Any = None
        self.pbx_port: int | None = None
        self.secrets: dict[str, str] = {}
        self._pbx_heard = 0
        self._lab, self._folder = lab, folder
        self._tasks: set[asyncio.Task[None]] = set()
        for account in lab.accounts.values():  # whom this folder's last lab had
            if account.phone and account.username != PHONE_NAME:
                self.secrets[account.username] = PASSWORD

    def add(self, name: str) -> bool:
        """A user with a line; False where there is one already."""
        if name in self.secrets:
            return False
        number = f"+99966200{len(self.secrets) + 1:02}"
        self._lab.add_user(name.capitalize(), number, name)
        self.secrets[name] = PASSWORD
        return True

    def pbx_says(self, **line: Any) -> None:
        """What the PBX reports, in words; what it hears, when that is another tone."""
        if "hears" in line:
            hz, before = round(line["hears"]), self._pbx_heard
            self._pbx_heard = hz
            if abs(hz - before) > 10:
                say(f"pbx: hears {hz} Hz" if hz else "pbx: hears silence")
            return
        self._pbx_heard = 0
        said = {"answered": "the call is answered", "ringing": "it rings"}
        say("pbx: " + ", ".join(said.get(k, f"{k} {v}") for k, v in line.items()))

    def write(self) -> None:
        """The product's configuration: a line for each user, where there is a PBX."""
        host, port = self._lab.address
        text = CONFIG.format(token=BOT_TOKEN, host=host, port=port)
        if self.pbx_port is not None:
            for name in self.secrets:
                text += LINE.format(name=name, host=host, port=self.pbx_port, password=PASSWORD)
        (self._folder / "siptg.toml").write_text(text, encoding="utf-8")

    async def obey(self) -> None:
        async for line in typed():
            words = line.split()
            if words == ["quit"]:
                return
            try:
                self._obey(words)
            except LookupError as problem:
                say(f"! {problem.args[0]}")
            except ValueError:
                say(f"! a number expected: {line}")
        await asyncio.Event().wait()  # nobody types: serve until a signal comes

    def _obey(self, words: list[str]) -> None:
        match words:
            case []:
                return
            case ["users"]:
                for account in self._lab.accounts.values():
                    number = f"+{account.phone}" if account.phone else "a bot"
                    say(f"{account.username}  {number}  connections: {len(account.links)}")
            case ["add", name]:
                from siptg.telegram.lab.folder import write_door

                if not self.add(name):
                    raise LookupError(f"there is a user {name} already")
                self.write()
                write_door(self._folder, self._lab)
                say(f"{name} has an account; start the product again, and it has a line too")
            case ["drop", name]:
                self._lab.drop(self._account(name))
            case ["refuse", name, method, code, text]:
                self._lab.refuse(self._account(name), _query(method), int(code), text)
            case ["calls"]:
                for call in self._lab.calls.by_id.values():
                    if call.alive:
                        pair = f"{call.caller.first_name} → {call.callee.first_name}"
                        say(f"{pair}: {call.state}")
            case ["stats"]:
                say(", ".join(f"{k} {n}" for k, n in sorted(self._lab.counters.items())) or "none")
            case ["privacy" | "inline" as what, name, "on" | "off" as state]:
                account = self._account(name)
                if what == "privacy":
                    account.calls_forbidden = state == "on"
                else:
                    account.inline = state == "on"
            case ["flood", name, method, seconds]:
                self._lab.faults.flood(self._account(name), _query(method), int(seconds))
            case ["cut", name, "in" | "out" as way, count]:
                self._lab.faults.cut(self._account(name), **{f"after_{way}": int(count)})
            case ["delay", name, seconds]:
                self._lab.faults.delay(self._account(name), float(seconds))
            case ["double" | "reorder" as fault, name, count]:
                getattr(self._lab.faults, fault)(self._account(name), int(count))
            case ["acks", name, count]:
                self._lab.faults.lose_acks(self._account(name), int(count))
            case ["clear" | "unregister" as fault, name]:
                getattr(self._lab.faults, fault)(self._account(name))
            case ["pbx", "call", name] if self.pbx is not None:
                self._do(self.pbx.call(name))
            case ["pbx", "hangup"] if self.pbx is not None:
                self._do(self.pbx.hangup())
            case ["help"]:
                say(ORDERS)
            case _:
                raise LookupError(f"not understood: {' '.join(words)}; `help` lists the orders")

    def _account(self, name: str) -> Any:
        for account in self._lab.accounts.values():
            if account.username == name:
                return account
        raise LookupError(f"there is no user {name}; `users` lists all")

    def _do(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _query(name: str) -> type:
    from siptg.telegram.lab.handlers import HANDLERS

    for query in HANDLERS:
        if query.__name__ == name:
            return query
    raise LookupError(f"no request of Telegram is called {name}; one such is RequestCallRequest")


async def typed() -> AsyncIterator[str]:
    """Lines of standard input, a terminal, a pipe or a file, until its end."""
    loop, lines = asyncio.get_running_loop(), asyncio.Queue[str]()

    def read() -> None:
        # a thread, since a loop cannot wait for a file, and this may be one
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody listens any more
            for line in sys.stdin:
                loop.call_soon_threadsafe(lines.put_nowait, line)
            loop.call_soon_threadsafe(lines.put_nowait, "")

    threading.Thread(target=read, name="typed lines", daemon=True).start()
    while line := await lines.get():
        yield line.rstrip("\n")
