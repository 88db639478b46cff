"""What a lab that is run alone leaves in a folder, for phones and for the product to find it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import attrs
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from siptg.telegram.lab.logins import test_code
from siptg.telegram.lab.server import Lab
from siptg.telegram.server import Server

KEY_FILE, DOOR_FILE, PUBLIC_FILE = "lab-key.pem", "lab.json", "lab-public.pem"


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
