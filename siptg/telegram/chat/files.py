"""Files to and from a chat: sent in parts, fetched in pieces, both resumed after a drop.

`Files(account).send(person, voice_or_audio_or_document)`; `fetch(ref, path)`.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

import attrs
from telethon import helpers
from telethon.tl import functions as fn
from telethon.tl import types as tl

from siptg.telegram.account.client import Account, MessageRef
from siptg.telegram.account.telethon import peer_of, sent_id
from siptg.telegram.chat.dc import ask_dc
from siptg.telegram.chat.entities import wired
from siptg.telegram.chat.text import Text
from siptg.telegram.chat.upload import Pace, Progress, Upload, patiently
from siptg.telegram.people import Person, TelegramCause, TelegramRefused

LONGEST_CAPTION = 1024
PIECE = 512 * 1024
"""Bytes asked for at once: a divisor of a megabyte, as Telegram wants it."""
MIGRATE = "FILE_MIGRATE_"


@attrs.frozen
class Document:
    """A file as it is."""

    name: str
    mime: str = "application/octet-stream"


@attrs.frozen
class Audio:
    """Shown with a player."""

    name: str
    seconds: int
    title: str = ""
    performer: str = ""
    mime: str = "audio/ogg"


@attrs.frozen
class Voice:
    """A voice note: Ogg with Opus."""

    seconds: int
    waveform: bytes = b""
    """As `waveform` makes it."""
    name: str = "voice.ogg"
    mime: str = "audio/ogg"


Kind = Document | Audio | Voice


@attrs.frozen
class FileRef:
    """A file in a chat, to fetch it."""

    message: MessageRef
    id: int
    access_hash: int = attrs.field(repr=False)
    reference: bytes = attrs.field(repr=False)
    """Good for some hours; a new one is fetched with the message."""
    dc: int
    size: int
    name: str
    mime: str


def waveform(peaks: list[float]) -> bytes:
    """The picture of a voice note: loudness from 0 to 1, as up to 100 values of five bits."""
    if not peaks:
        return b""
    count = min(len(peaks), 100)
    total = 0
    for n in range(count):
        part = peaks[n * len(peaks) // count : max((n + 1) * len(peaks) // count, 1)]
        total |= round(31 * min(max(*part, 0.0), 1.0)) << (5 * n)
    return total.to_bytes((5 * count + 7) // 8, "little")


class Files:
    """The files of an account's chats."""

    def __init__(self, account: Account) -> None:
        self.counters: Counter[str] = Counter()
        self._account = account

    async def send(
        self,
        person: Person,
        file: Path | bytes | Upload,
        kind: Kind,
        caption: str | Text = "",
        progress: Progress | None = None,
    ) -> FileRef:
        """Send a file. TelegramRefused where Telegram says no, or is silent for too long: with
        an `Upload` in the place of the path, a second call goes on where the first one stopped.
        """
        upload = file if isinstance(file, Upload) else Upload.of(file)
        message, entities = wired(Text.of(caption), longest=LONGEST_CAPTION)
        request = fn.messages.SendMediaRequest(
            peer_of(person),
            tl.InputMediaUploadedDocument(
                tl.InputFile(0, 0, "", ""),
                kind.mime,
                _attributes(kind),
                force_file=isinstance(kind, Document) or None,
            ),
            message,
            entities=entities,
            # the same for each try: what was sent twice is one message
            random_id=helpers.generate_random_long(),
        )
        pace = Pace(progress, upload.size)
        for _ in range(upload.count + 1):
            await upload.run(self._account.ask, pace)
            request.media.file = await asyncio.to_thread(upload.input_file, kind.name)
            try:
                sent = await patiently(lambda: self._account.ask(request), self.counters)
            except TelegramRefused as refused:
                if upload.forget_missing(refused.text):
                    self.counters["part_missing"] += 1
                    continue
                raise
            return self._sent(person, sent)
        raise TelegramRefused(TelegramCause.INTERNAL, "FILE_PARTS_INVALID")

    async def fetch(self, ref: FileRef, path: Path, progress: Progress | None = None) -> None:
        """Into a file; what an earlier, broken try left in `path.part` is gone on with."""
        part = path.with_name(path.name + ".part")
        pace, at = Pace(progress, ref.size), 0
        if part.exists():
            at = min(part.stat().st_size, ref.size) // PIECE * PIECE
        with part.open("r+b" if part.exists() else "wb") as out:
            while at < ref.size:
                ref, piece = await self._piece(ref, at)
                if not piece:
                    raise TelegramRefused(TelegramCause.INTERNAL, "the file is shorter than said")
                await asyncio.to_thread(_write, out, at, piece)
                at += len(piece)
                pace.tell(at, time.monotonic())
            out.truncate(ref.size)
        await asyncio.to_thread(os.replace, part, path)

    async def refreshed(self, ref: FileRef) -> FileRef:
        """The same file with a new reference, from its message."""
        found = await self._account.ask(
            fn.messages.GetMessagesRequest([tl.InputMessageID(ref.message.id)])
        )
        new = file_of(ref.message.person, found.messages[0]) if found.messages else None
        if new is None or new.id != ref.id:
            raise TelegramRefused(TelegramCause.UNKNOWN, "the message is gone")
        return new

    async def _piece(self, ref: FileRef, at: int) -> tuple[FileRef, bytes]:
        for _ in range(3):
            place = tl.InputDocumentFileLocation(ref.id, ref.access_hash, ref.reference, "")
            request = fn.upload.GetFileRequest(place, at, PIECE)
            dc = ref.dc

            def ask(request: Any = request, dc: int = dc) -> Awaitable[Any]:
                return ask_dc(self._account.telethon, request, dc)

            try:
                return ref, bytes((await patiently(ask, self.counters)).bytes)
            except TelegramRefused as refused:
                if refused.text.startswith("FILE_REFERENCE_"):
                    self.counters["reference_renewed"] += 1
                    ref = await self.refreshed(ref)
                elif refused.text.startswith(MIGRATE) and refused.text[len(MIGRATE) :].isdigit():
                    ref = attrs.evolve(ref, dc=int(refused.text[len(MIGRATE) :]))
                else:
                    raise
        raise TelegramRefused(TelegramCause.INTERNAL, "FILE_REFERENCE_EXPIRED")

    def _sent(self, person: Person, sent: Any) -> FileRef:
        for update in sent.updates:
            ref = file_of(person, getattr(update, "message", None))
            if ref is not None:
                return ref
        raise TelegramRefused(TelegramCause.INTERNAL, f"no file in message {sent_id(sent)}")


def file_of(person: Person, message: Any) -> FileRef | None:
    """The file that a message of the chat with a person holds."""
    document = getattr(getattr(message, "media", None), "document", None)
    if not isinstance(document, tl.Document):
        return None
    names = [
        a.file_name for a in document.attributes if isinstance(a, tl.DocumentAttributeFilename)
    ]
    return FileRef(
        MessageRef(person, message.id),
        document.id,
        document.access_hash,
        bytes(document.file_reference),
        document.dc_id,
        document.size,
        names[0] if names else "",
        document.mime_type,
    )


def _attributes(kind: Kind) -> list[Any]:
    named = [tl.DocumentAttributeFilename(kind.name)]
    match kind:
        case Audio():
            about = tl.DocumentAttributeAudio(
                kind.seconds, title=kind.title or None, performer=kind.performer or None
            )
            return [about, *named]
        case Voice():
            return [
                tl.DocumentAttributeAudio(kind.seconds, voice=True, waveform=kind.waveform or None),
                *named,
            ]
    return named


def _write(out: Any, at: int, piece: bytes) -> None:
    out.seek(at)
    out.write(piece)
