"""How logs look, and what they never show: numbers but for their last two digits, and secrets."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog

_SECRETS = re.compile(
    r"(?i)\b(response|nonce|cnonce|password|ufrag|pwd|inline|bot_token|api_hash)"
    r"(=|: ?)(\"[^\"]*\"|[^\s,;]+)"
)
_TOKEN = re.compile(r"\b\d{5,}:[A-Za-z0-9_-]{8,}")
_SIP_USER = re.compile(r"(?i)\b(sips?:|tel:)([^@;>\s]+)")
_NUMBER = re.compile(r"(?<![\w.:+/=-])\+?\d{5,15}(?![\w.:/=-])")


def mask(text: str) -> str:
    """`text` with numbers, the user parts of SIP addresses and secrets made unreadable."""
    text = _SECRETS.sub(lambda found: f"{found[1]}{found[2]}…", text)
    text = _TOKEN.sub("…", text)
    text = _SIP_USER.sub(lambda found: found[1] + mask_number(found[2]), text)
    return _NUMBER.sub(lambda found: mask_number(found[0]), text)


def mask_number(number: str) -> str:
    """A number or name with all but its last two characters replaced; short extensions stay."""
    return number if len(number) <= 4 else "…" + number[-2:]


def _masked(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {key: mask(value) if isinstance(value, str) else value for key, value in event.items()}


def set_up(level: str = "info", *, json: bool = False, stream: TextIO | None = None) -> None:
    """Render what all loggers say: for people, or one JSON object a line."""
    stream = stream or sys.stderr
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso" if json else "%H:%M:%S"),
        structlog.processors.format_exc_info,
        _masked,
    ]
    renderer: Any = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if json
        else structlog.dev.ConsoleRenderer(colors=stream.isatty())
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # Telethon tells every reconnection and unknown update: warnings are what an operator can use;
    # aiosqlite tells every statement with its values, which nobody shall read in a log
    for chatty in ("telethon", "aioice", "aiortc", "asyncio", "alembic", "aiosqlite", "sqlalchemy"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    logging.getLogger("telethon.client.updates").addFilter(_is_no_ended_session)


def _is_no_ended_session(record: logging.LogRecord) -> bool:
    """Telethon shows the end of a session as a bug of its own, with its stack; what it is, and
    what to do, is told where the account is watched.
    """
    error = record.exc_info[1] if record.exc_info else None
    ended = "AuthKeyNotFound"
    return type(error).__name__ != ended and ended not in record.getMessage()
