"""The two calls of the demo. Every figure is measured at the end that heard it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from siptg.app.demo.pbx import CALLER_NAME, CALLER_NUMBER
from siptg.app.demo.report import CallResult
from siptg.app.demo.stage import PHONE_NAME, Stage
from siptg.app.demo.user import Talking, next_call

KEYS = "12#"
TALK_SECONDS = 1.5
"""Long enough for half a second of sound to be measured at both ends, after all delays."""
STEP_WITHIN = 5.0

Tell = Callable[[str], None]


async def outgoing_call(on: Stage, result: CallResult, tell: Tell) -> None:
    """She sends a number, is called back, talks, presses keys, hangs up."""
    chat, mark = await on.ann.find(PHONE_NAME), on.pbx.mark()
    began = time.monotonic()
    await on.ann.write(chat, "100")
    tell("she sent 100; her Telegram rings")
    try:
        async with await next_call(on.ann, on.clock, STEP_WITHIN) as talking:
            await talking.call.answer()
            await asyncio.wait_for(talking.answered.wait(), STEP_WITHIN)
            await on.pbx.until(lambda line: "answered" in line, STEP_WITHIN, mark)
            result.setup_ms = round((time.monotonic() - began) * 1000)
            tell("she says 440 Hz, the PBX says 880 Hz")
            await _talk(on, talking, result, mark)
            tell(f"she presses {' '.join(KEYS)} on the card")
            for key in KEYS:
                card = await on.ann.sees(lambda seen: any(b[0] == "1" for b in seen.buttons))
                await on.ann.press(chat, card, key)
            await on.pbx.until(lambda line: line.get("digits") == KEYS, STEP_WITHIN, mark)
            tell("she hangs up")
            await talking.call.hangup()
            await _ended(on, result, mark)
            record = await on.ann.sees(lambda seen: seen.text.startswith("↗"), STEP_WITHIN)
            result.checks["the card became the record"] = not record.buttons
    finally:
        result.dtmf = (on.pbx.since(mark, "digits") or [""])[-1]
        result.judge(keys=KEYS, hangup="user")


async def incoming_call(on: Stage, result: CallResult, tell: Tell) -> None:
    """The PBX calls; name and number are in her chat before she answers; the PBX hangs up."""
    mark, before = on.pbx.mark(), len(on.ann.seen)
    began = time.monotonic()
    on.pbx.tell(do="call", user="ann")
    try:
        async with await next_call(on.ann, on.clock, STEP_WITHIN) as talking:
            told = [seen.text for seen in on.ann.seen[before:]]
            result.checks["name and number came before she answered"] = any(
                CALLER_NAME in text and CALLER_NUMBER in text for text in told
            )
            await on.pbx.until(lambda line: "ringing" in line, STEP_WITHIN, mark)
            tell("she knows who calls, and answers")
            await talking.call.answer()
            await asyncio.wait_for(talking.answered.wait(), STEP_WITHIN)
            await on.pbx.until(lambda line: "answered" in line, STEP_WITHIN, mark)
            result.setup_ms = round((time.monotonic() - began) * 1000)
            await _talk(on, talking, result, mark)
            tell("the PBX hangs up")
            on.pbx.tell(do="hangup")
            await _ended(on, result, mark)
            await asyncio.wait_for(talking.ended.wait(), STEP_WITHIN)
            result.checks["her call ended with it"] = talking.ended.is_set()
    finally:
        result.judge(keys="", hangup="pbx")


async def _talk(on: Stage, talking: Talking, result: CallResult, mark: int) -> None:
    """Both talk for a while; what each heard last is what counts."""
    await asyncio.sleep(TALK_SECONDS)
    result.user_heard_hz = round(talking.ear.hz(), 1)
    result.pbx_heard_hz = (on.pbx.since(mark, "hears") or [0.0])[-1]


async def _ended(on: Stage, result: CallResult, mark: int) -> None:
    line = await on.pbx.until(lambda line: "ended" in line, STEP_WITHIN, mark)
    result.hangup = line["by"]
