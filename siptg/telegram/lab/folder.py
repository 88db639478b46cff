"""What a lab that is run alone leaves in a folder: for phones and for the product to find it, and
for itself to go on with.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from siptg.telegram.lab.kept import kept_of, restore
from siptg.telegram.lab.logins import test_code
from siptg.telegram.lab.server import Lab
from siptg.telegram.server import Server

log = logging.getLogger(__name__)

KEY_FILE, DOOR_FILE, PUBLIC_FILE = "lab-key.pem", "lab.json", "lab-public.pem"
STATE_FILE = "lab-state.json"
WRITTEN_EVERY = 1.0
"""Seconds between two looks at whether there is something new to write down."""


class NoLab(Exception):
    """There is no lab to be found; the text says where it was looked for, and what to do."""


@attrs.frozen
class Door:
    """A running lab from outside: where it listens, and who has an account."""

    server: Server
    phones: dict[str, str]
    """User name → phone number."""

    def code_for(self, phone: str) -> str:
        """The code that is sent to a test number."""
        return test_code(phone)

    @classmethod
    def read(cls, folder: Path) -> Door:
        try:
            found = json.loads((folder / DOOR_FILE).read_text(encoding="utf-8"))
            return cls(Server(**found["server"]), dict(found["phones"]))
        except FileNotFoundError:
            raise NoLab(f"no lab in {folder}: start one there with `siptg lab`") from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise NoLab(f"{folder / DOOR_FILE} cannot be used: {error}") from None


def own_key(folder: Path) -> RSAPrivateKey:
    """The lab's RSA key: made on first use, so that clients know the lab again."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / KEY_FILE
    if path.exists():
        key = load_pem_private_key(path.read_bytes(), None)
        if isinstance(key, RSAPrivateKey):
            return key
        raise NoLab(f"{path} is no RSA key: delete it, and start the lab again")
    made = generate_private_key(65537, 2048)
    text = made.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(text)
    return made


def write_door(folder: Path, lab: Lab) -> None:
    """Tell phones and the product where the lab listens now."""
    server = lab.server
    phones = {a.username: f"+{a.phone}" for a in lab.accounts.values() if a.phone and a.username}
    door = {"server": attrs.asdict(server), "phones": phones}
    (folder / PUBLIC_FILE).write_text(server.public_key, encoding="utf-8")
    (folder / DOOR_FILE).write_text(json.dumps(door, indent=1), encoding="utf-8")


@asynccontextmanager
async def remembered(folder: Path, lab: Lab) -> AsyncIterator[None]:
    """As long as the block lasts the lab goes on from where the last one in this folder ended, and
    writes down how far it is. NoLab where that cannot be read, OSError where it cannot be written.
    """
    read_state(folder, lab)
    write_state(folder, lab)
    writing = asyncio.create_task(_keep_writing(folder, lab))
    try:
        yield
    finally:
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
        write_state(folder, lab, ended=True)


async def _keep_writing(folder: Path, lab: Lab) -> None:
    written = None
    while True:
        await asyncio.sleep(WRITTEN_EVERY)
        if (now := kept_of(lab, ended=False)) == written:
            continue
        try:
            write_state(folder, lab)
            written = now
        except OSError as error:
            log.error("! what the lab is to remember cannot be written: %s", error)


def read_state(folder: Path, lab: Lab) -> None:
    """Accounts and who is signed in, into a new lab; nothing where there was none before."""
    path = folder / STATE_FILE
    try:
        restore(lab, json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        raise NoLab(
            f"{path} cannot be used: {error}: delete it, and start the lab again; "
            "everybody signs in anew then"
        ) from None


def write_state(folder: Path, lab: Lab, *, ended: bool = False) -> None:
    """The new file is whole or it is the old one. It has keys: nobody else reads it."""
    path = folder / STATE_FILE
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(kept_of(lab, ended=ended), file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    os.replace(draft, path)
