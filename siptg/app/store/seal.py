"""Secrets at rest: AES-256-GCM under a key that lies outside the store (SE-1)."""

from __future__ import annotations

import base64
import binascii
import contextlib
import os
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_SIZE, NONCE_SIZE = 32, 12
KEY_VARIABLE = "SIPTG_KEY"
"""Environment variable with the key: 64 hexadecimal digits, or 32 bytes as base64."""


class SealBroken(Exception):
    """The key is not the one the secret was sealed with, is missing, or lies open."""


class Seal:
    """Seals texts under a name: a text sealed as one thing does not open as another."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_SIZE:
            raise SealBroken(f"the key has {len(key)} bytes, {KEY_SIZE} expected")
        self._cipher = AESGCM(key)

    @classmethod
    def from_text(cls, text: str) -> Seal:
        """The key as the environment gives it."""
        text = text.strip()
        try:
            key = bytes.fromhex(text) if len(text) == 2 * KEY_SIZE else _base64(text)
            return cls(key)
        except (ValueError, binascii.Error, SealBroken):
            raise SealBroken(
                f"{KEY_VARIABLE} is no key: 64 hexadecimal digits expected, or 32 bytes as base64 "
                "(openssl rand -hex 32)"
            ) from None

    @classmethod
    def from_file(cls, path: Path) -> Seal:
        """The key in `path`, made on first use and readable by its owner alone.

        Two first uses at once end with the same key. SealBroken where others may read the file.
        """
        with contextlib.suppress(FileExistsError):
            if not path.exists():
                _make(path)
        try:
            if os.name == "posix" and (mode := stat.S_IMODE(path.stat().st_mode)) & 0o077:
                raise SealBroken(
                    f"others may read the key (mode {mode:o}): run `chmod 600 {path}`, "
                    "and where somebody did read it, sign out and in again"
                )
            return cls(path.read_bytes())
        except SealBroken as error:
            raise SealBroken(f"{path}: {error}") from None
        except OSError as error:
            raise SealBroken(f"{path}: the key cannot be read: {error.strerror}") from None

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


def open_seal(key_file: Path, store: Path, environment: Mapping[str, str] = os.environ) -> Seal:
    """The seal of a store: from the environment, else from its file.

    No new key is made beside a store that is there already: its secrets would not open with it.
    """
    if environment.get(KEY_VARIABLE):
        return Seal.from_text(environment[KEY_VARIABLE])
    # a key that somebody else makes meanwhile comes before its store, so the store is asked first
    if _is_store(store) and not key_file.exists():
        raise SealBroken(
            f"{key_file}: the key is missing, but the store {store} is there: put the key back "
            f"from your backup or into {KEY_VARIABLE}; where it is lost, move the store away and "
            "sign in again"
        )
    return Seal.from_file(key_file)


def _is_store(path: Path) -> bool:
    """An empty file, or one of another kind, holds no secret that a new key would lock in."""
    try:
        with path.open("rb") as file:
            return file.read(6) == b"SQLite"
    except OSError:
        return False


def _make(path: Path) -> None:
    """A new key appears whole or not at all; FileExistsError where one is there already."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(os.urandom(KEY_SIZE))
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def _base64(text: str) -> bytes:
    padded = text + "=" * (-len(text) % 4)
    return base64.b64decode(padded.replace("-", "+").replace("_", "/"), validate=True)
