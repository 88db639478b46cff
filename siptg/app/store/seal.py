"""Secrets at rest: AES-256-GCM under a key that lies in a file of its own."""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_SIZE, NONCE_SIZE = 32, 12


class SealBroken(Exception):
    """The key is not the one the secret was sealed with, or one of the two was changed."""


class Seal:
    """Seals texts under a name: a text sealed as one thing does not open as another."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_SIZE:
            raise SealBroken(f"the key has {len(key)} bytes, {KEY_SIZE} expected")
        self._cipher = AESGCM(key)

    @classmethod
    def from_file(cls, path: Path) -> Seal:
        """The key in `path`, made on first use and readable by its owner alone."""
        try:
            key = path.read_bytes()
        except FileNotFoundError:
            key = os.urandom(KEY_SIZE)
            path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(key)
        try:
            return cls(key)
        except SealBroken as error:
            raise SealBroken(f"{path}: {error}") from None

    def close(self, name: str, text: str) -> bytes:
        nonce = os.urandom(NONCE_SIZE)
        return nonce + self._cipher.encrypt(nonce, text.encode(), name.encode())

    def open(self, name: str, sealed: bytes) -> str:
        """The text; SealBroken where this key cannot open it. Nothing is overwritten then."""
        try:
            opened = self._cipher.decrypt(sealed[:NONCE_SIZE], sealed[NONCE_SIZE:], name.encode())
        except (InvalidTag, ValueError):
            raise SealBroken(
                f"the stored secret {name!r} does not open with this key: "
                "is it the key file that belongs to this store?"
            ) from None
        return opened.decode()
