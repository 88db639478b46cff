"""Files: uploaded in parts, sent as documents, downloaded in pieces (core.telegram.org/api/files).

Simpler than Telegram: documents only, one data centre, file references change only on command, and
the oldest files are forgotten when memory is full.
"""

from __future__ import annotations

import hashlib
import os
from collections import OrderedDict
from datetime import UTC, datetime
from typing import Any

import attrs
from telethon.tl import functions as fn
from telethon.tl import types as tl

from siptg.telegram.lab import chats
from siptg.telegram.lab.accounts import random_id
from siptg.telegram.lab.handlers import handles
from siptg.telegram.lab.link import Link, Refused

KB = 1024
LARGEST_PART, MOST_PARTS = 512 * KB, 4000
SMALL = 10 * KB * KB
"""Bytes; larger files must be uploaded by saveBigFilePart."""
MEGABYTE = KB * KB
MOST_BYTES = 512 * MEGABYTE
"""Of all uploads and documents together."""


@attrs.define(eq=False)
class Uploaded:
    big: bool
    parts: dict[int, bytes] = attrs.field(factory=dict)
    total: int = -1
    """As saveBigFilePart said; -1 as long as nobody knows."""


@attrs.define(eq=False)
class Stored:
    document: Any
    data: bytes = attrs.field(repr=False)


@attrs.define(eq=False)
class Files:
    uploads: OrderedDict[tuple[int, int], Uploaded] = attrs.field(factory=OrderedDict)
    """(account, the client's own file id)."""
    documents: OrderedDict[int, Stored] = attrs.field(factory=OrderedDict)
    size: int = 0

    def expire_references(self) -> None:
        """What clients hold is good no more; the message tells the new one."""
        for stored in self.documents.values():
            stored.document.file_reference = os.urandom(16)

    def room_for(self, size: int) -> None:
        self.size += size
        while self.size > MOST_BYTES and (self.uploads or self.documents):
            if self.uploads:
                _, upload = self.uploads.popitem(last=False)
                self.size -= sum(map(len, upload.parts.values()))
            else:
                self.size -= len(self.documents.popitem(last=False)[1].data)


@handles(fn.upload.SaveFilePartRequest, fn.upload.SaveBigFilePartRequest)
def save_part(link: Link, query: Any) -> bool:
    files, part, data = link.lab.files, query.file_part, query.bytes
    total = getattr(query, "file_total_parts", None)
    if not 0 <= part < MOST_PARTS:
        raise Refused(400, "FILE_PART_INVALID")
    if not data:
        raise Refused(400, "FILE_PART_EMPTY")
    if len(data) > LARGEST_PART:
        raise Refused(400, "FILE_PART_TOO_BIG")
    upload = files.uploads.setdefault((link.me.id, query.file_id), Uploaded(total is not None))
    if upload.big is not (total is not None):
        raise Refused(400, "FILE_ID_INVALID")
    if total is not None:
        if not 0 < total <= MOST_PARTS or part >= total or upload.total not in (-1, total):
            raise Refused(400, "FILE_PARTS_INVALID")
        upload.total = total
        if part < total - 1:
            _whole(len(data))
            others = {len(d) for n, d in upload.parts.items() if n < total - 1}
            if others - {len(data)}:
                raise Refused(400, "FILE_PART_SIZE_CHANGED")
    files.room_for(len(data) - len(upload.parts.get(part, b"")))
    upload.parts[part] = data
    return True


def _whole(size: int) -> None:
    """All parts but the last divide 512 KB and are divided by 1 KB."""
    if size % KB or LARGEST_PART % size:
        raise Refused(400, "FILE_PART_SIZE_INVALID")


def _assembled(link: Link, file: Any) -> bytes:
    upload = link.lab.files.uploads.get((link.me.id, file.id))
    big = isinstance(file, tl.InputFileBig)
    if upload is None or upload.big is not big:
        raise Refused(400, "FILE_PART_0_MISSING" if upload is None else "FILE_ID_INVALID")
    if not 0 < file.parts <= MOST_PARTS or (big and file.parts != upload.total):
        raise Refused(400, "FILE_PARTS_INVALID")
    for part in range(file.parts):
        if part not in upload.parts:
            raise Refused(400, f"FILE_PART_{part}_MISSING")
    whole = [upload.parts[part] for part in range(file.parts)]
    for piece in whole[:-1]:
        _whole(len(piece))
        if len(piece) != len(whole[0]):
            raise Refused(400, "FILE_PART_SIZE_CHANGED")
    data = b"".join(whole)
    if not big and len(data) > SMALL:
        raise Refused(400, "FILE_PARTS_INVALID")
    if not big and file.md5_checksum and hashlib.md5(data).hexdigest() != file.md5_checksum:
        raise Refused(400, "MD5_CHECKSUM_INVALID")
    del link.lab.files.uploads[link.me.id, file.id]
    return data


def _document(link: Link, media: Any) -> Stored:
    files = link.lab.files
    if isinstance(media, tl.InputMediaUploadedDocument):
        data = _assembled(link, media.file)
        named = any(isinstance(a, tl.DocumentAttributeFilename) for a in media.attributes)
        attributes = list(media.attributes)
        if not named and media.file.name:
            attributes.append(tl.DocumentAttributeFilename(media.file.name))
        document = tl.Document(
            random_id(),
            random_id(),
            os.urandom(16),
            datetime.now(UTC),
            media.mime_type,
            len(data),
            2,
            attributes,
        )
        files.documents[document.id] = stored = Stored(document, data)
        return stored
    if isinstance(media, tl.InputMediaDocument):
        return _found(link, media.id)
    raise Refused(400, "MEDIA_INVALID")


def _found(link: Link, at: Any) -> Stored:
    stored = link.lab.files.documents.get(at.id)
    if stored is None or stored.document.access_hash != at.access_hash:
        raise Refused(400, "FILE_ID_INVALID")
    if stored.document.file_reference != at.file_reference:
        raise Refused(400, "FILE_REFERENCE_EXPIRED")
    return stored


@handles(fn.messages.SendMediaRequest)
def send_media(link: Link, query: Any) -> tl.Updates:
    known = link.lab.chats.sent.get((link.me.id, query.random_id))
    if known is not None:
        return known
    to, stored = link.find(query.peer), _document(link, query.media)
    voice = any(getattr(a, "voice", False) for a in stored.document.attributes)
    media = tl.MessageMediaDocument(document=stored.document, voice=voice or None)
    return chats.deliver(
        link, to, query.message, query.random_id, entities=query.entities, media=media
    )


@handles(fn.upload.GetFileRequest)
def get_file(link: Link, query: Any) -> tl.upload.File:
    link.me  # noqa: B018  (who is not signed in gets nothing)
    offset, limit = query.offset, query.limit
    if not isinstance(query.location, tl.InputDocumentFileLocation):
        raise Refused(400, "LOCATION_INVALID")
    stored = _found(link, query.location)
    grain = KB if query.precise else 4 * KB
    if offset < 0 or offset % grain:
        raise Refused(400, "OFFSET_INVALID")
    if (
        not 0 < limit <= MEGABYTE
        or limit % grain
        or (not query.precise and MEGABYTE % limit)
        or offset // MEGABYTE != (offset + limit - 1) // MEGABYTE
    ):
        raise Refused(400, "LIMIT_INVALID")
    piece = stored.data[offset : offset + limit]
    return tl.upload.File(tl.storage.FileUnknown(), 0, piece)
