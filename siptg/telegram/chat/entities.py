"""Formatted text as Telethon sends it."""

from __future__ import annotations

from typing import Any

from telethon.tl import types as tl

from siptg.telegram.chat.text import MOST_SPANS, Mark, Span, Text

_PLAIN = {
    Mark.BOLD: tl.MessageEntityBold,
    Mark.ITALIC: tl.MessageEntityItalic,
    Mark.UNDERLINE: tl.MessageEntityUnderline,
    Mark.STRIKE: tl.MessageEntityStrike,
    Mark.SPOILER: tl.MessageEntitySpoiler,
    Mark.CODE: tl.MessageEntityCode,
    Mark.QUOTE: tl.MessageEntityBlockquote,
}


def wired(text: Text, *, longest: int | None = None) -> tuple[str, list[Any] | None]:
    """(message, entities), as requests want them: trimmed, and no longer than Telegram takes."""
    sent = text.trimmed().cut(longest) if longest else text.trimmed().cut()
    entities = [_entity(span) for span in sent.spans[:MOST_SPANS]]
    return sent.plain, entities or None


def _entity(span: Span) -> Any:
    at = span.offset, span.length
    if span.mark is Mark.LINK:
        return tl.MessageEntityTextUrl(*at, url=span.value)
    if span.mark is Mark.PRE:
        return tl.MessageEntityPre(*at, language=span.value)
    if span.mark is Mark.MENTION and span.person is not None:
        user = tl.InputUser(span.person.id, span.person.access_hash)
        return tl.InputMessageEntityMentionName(*at, user_id=user)
    return _PLAIN[span.mark](*at)
