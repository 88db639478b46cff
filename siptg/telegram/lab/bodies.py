"""What may be in a message: text, entities and buttons, checked as Telegram checks them.

Simpler than Telegram: entities are not merged, links and mentions are not found in the text.
"""

from __future__ import annotations

import copy
from typing import Any

from telethon.tl import types as tl

from siptg.telegram.chat.text import units
from siptg.telegram.lab.link import Link, Refused

LONGEST, LONGEST_CAPTION = 4096, 1024
MOST_ENTITIES, MOST_BUTTONS, MOST_DATA = 100, 100, 64


def checked(
    link: Link, text: str, entities: list[Any] | None, *, caption: bool = False
) -> tuple[str, list[Any] | None]:
    """Text and entities as they are kept: trimmed, with offsets that fit."""
    kept = text.strip()
    if not kept and not caption:
        raise Refused(400, "MESSAGE_EMPTY")
    if units(kept) > (LONGEST_CAPTION if caption else LONGEST):
        raise Refused(400, "MEDIA_CAPTION_TOO_LONG" if caption else "MESSAGE_TOO_LONG")
    begin = units(text) - units(text.lstrip())
    made = [_entity(link, text, entity, begin) for entity in (entities or [])[:MOST_ENTITIES]]
    return kept, made or None


def _entity(link: Link, text: str, entity: Any, begin: int) -> Any:
    encoded, at, size = text.encode("utf-16-le"), entity.offset, entity.length
    if at < 0 or size <= 0 or at + size > len(encoded) // 2:
        raise Refused(400, "ENTITY_BOUNDS_INVALID")
    try:
        encoded[2 * at : 2 * (at + size)].decode("utf-16-le")
    except UnicodeDecodeError:  # half a character
        raise Refused(400, "ENTITY_BOUNDS_INVALID") from None
    if isinstance(entity, tl.InputMessageEntityMentionName):
        person = link.find(entity.user_id)
        return tl.MessageEntityMentionName(at - begin, size, person.id)
    moved = copy.copy(entity)
    moved.offset -= begin
    return moved


def checked_markup(markup: Any) -> Any:
    """Buttons as they are kept."""
    rows = getattr(markup, "rows", None)
    if rows is None:
        return markup
    buttons = [button for row in rows for button in row.buttons]
    if not 0 < len(buttons) <= MOST_BUTTONS:
        raise Refused(400, "REPLY_MARKUP_INVALID" if not buttons else "REPLY_MARKUP_TOO_LONG")
    if any(not button.text for button in buttons):
        raise Refused(400, "BUTTON_TEXT_INVALID")
    if any(not 0 < len(data) <= MOST_DATA for _, data in buttons_of(markup)):
        raise Refused(400, "BUTTON_DATA_INVALID")
    return markup


def buttons_of(markup: Any) -> list[tuple[str, bytes]]:
    """Label and data of each button that calls back; newer layers keep the data in its type."""
    rows = getattr(markup, "rows", None) or []
    found = []
    for button in (button for row in rows for button in row.buttons):
        data = getattr(getattr(button, "type", button), "data", None)
        if data is not None:
            found.append((button.text, bytes(data)))
    return found


def same(one: Any, other: Any) -> bool:
    """Whether two TL values (or lists, or nothing) say the same."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if one is None or other is None:
        return not one and not other
    return bool(bytes(one) == bytes(other))
