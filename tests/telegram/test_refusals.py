"""Telegram's errors, as Telethon raises them, become causes that a person and a PBX are told."""

from __future__ import annotations

import pytest
from telethon.errors import rpc_message_to_error
from telethon.tl import functions as fn
from telethon.tl.types import RpcError

from siptg.app.causes import FACES, Cause
from siptg.app.telegram_leg import CAUSES
from siptg.app.texts import TEXTS
from siptg.telegram.people import TelegramCause
from siptg.telegram.refusals import refusal_of

REQUEST = fn.phone.GetCallConfigRequest()


@pytest.mark.parametrize(
    ("code", "name", "cause"),
    [
        (403, "USER_PRIVACY_RESTRICTED", TelegramCause.PRIVACY),
        (403, "USER_IS_BLOCKED", TelegramCause.BLOCKED),
        (400, "YOU_BLOCKED_USER", TelegramCause.BLOCKED),
        (400, "PARTICIPANT_VERSION_OUTDATED", TelegramCause.OLD_CLIENT),
        (406, "CALL_PROTOCOL_COMPAT_LAYER_INVALID", TelegramCause.OLD_CLIENT),
        (400, "CALL_PROTOCOL_LAYER_INVALID", TelegramCause.OLD_CLIENT),
        (400, "CALL_PROTOCOL_FLAGS_INVALID", TelegramCause.OLD_CLIENT),
        (500, "CALL_OCCUPY_FAILED", TelegramCause.BUSY),
        (400, "CALL_ALREADY_ACCEPTED", TelegramCause.ELSEWHERE),
        (400, "CALL_ALREADY_DECLINED", TelegramCause.ELSEWHERE),
        (400, "CALL_PEER_INVALID", TelegramCause.HANGUP),
        (400, "CALL_NOT_ACTIVE", TelegramCause.HANGUP),
        (400, "INPUT_USER_DEACTIVATED", TelegramCause.UNKNOWN),
        (400, "USER_ID_INVALID", TelegramCause.UNKNOWN),
        (400, "USER_IS_BOT", TelegramCause.UNKNOWN),
        (400, "DH_G_A_INVALID", TelegramCause.INTERNAL),
        (400, "PEER_FLOOD", TelegramCause.FLOOD),
        (500, "RANDOM_ID_DUPLICATE", TelegramCause.INTERNAL),
        (500, "PARTICIPANT_CALL_FAILED", TelegramCause.INTERNAL),
        (400, "A_WORD_OF_TOMORROW", TelegramCause.INTERNAL),
    ],
)
def test_an_error_has_a_cause_and_keeps_telegrams_own_word(
    code: int, name: str, cause: TelegramCause
) -> None:
    refused = refusal_of(rpc_message_to_error(RpcError(code, name), REQUEST))
    assert (refused.cause, refused.text) == (cause, name)


def test_a_flood_wait_says_how_long() -> None:
    refused = refusal_of(rpc_message_to_error(RpcError(420, "FLOOD_WAIT_37"), REQUEST))
    assert (refused.cause, refused.seconds) == (TelegramCause.FLOOD, 37.0)


@pytest.mark.parametrize("cause", TelegramCause)
def test_every_cause_is_told_to_a_person_and_to_a_pbx(cause: TelegramCause) -> None:
    face = FACES[CAUSES[cause]]
    assert str(TEXTS.of("ru")(f"cause.{CAUSES[cause].value}"))
    assert 400 <= face.status < 700
    assert CAUSES[cause] is not Cause.HANGUP or cause is TelegramCause.HANGUP
