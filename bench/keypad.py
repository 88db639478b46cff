"""From a key pressed on a card to the PBX that has it: through lab, bot, product and RFC 4733.

python -m bench.keypad KEYS       prints {"press_ms": […], "typed_ms": […]}

The demo's stage: a user of the lab presses, the PBX (a process of its own) says when it has heard
the event. Typed keys go the way of chats without buttons: a message, read against the live card.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path

from bench.foreign import loop_runner
from siptg.app.demo.stage import PHONE_NAME, Stage, stage
from siptg.app.demo.user import next_call
from siptg.sip.registration import RegistrationState

WITHIN = 8.0
KEYS = "0123456789*#"
BETWEEN = 0.25
"""Seconds between two keys: the tone of one (100 ms and its pause) is not what the next waits
for.
"""


async def heard(on: Stage, digits: str, begun: float, mark: int) -> float:
    """Milliseconds until the PBX has heard all of these."""
    await on.pbx.until(lambda line: line.get("digits", "").endswith(digits), WITHIN, mark)
    return (time.perf_counter() - begun) * 1000


async def keys(on: Stage, count: int) -> tuple[list[float], list[float]]:
    """One call, and so many keys of both kinds."""
    chat, pressed, typed, sent = await on.ann.find(PHONE_NAME), [], [], ""
    while next(iter(on.service.lines)).state is not RegistrationState.READY:
        await asyncio.sleep(0.02)
    await on.ann.write(chat, "100")
    async with await next_call(on.ann, on.clock, WITHIN) as talking:
        await talking.call.answer()
        mark = on.pbx.mark()
        card = await on.ann.sees(lambda seen: any(b[0] == "1" for b in seen.buttons), WITHIN)
        for n in range(count):
            key = KEYS[n % len(KEYS)]
            sent += key
            begun = time.perf_counter()
            pressing = asyncio.create_task(on.ann.press(chat, card, key))
            pressed.append(await heard(on, sent, begun, mark))
            await pressing
            await asyncio.sleep(BETWEEN)
        for n in range(count):
            key = KEYS[n % len(KEYS)]
            sent += key
            begun = time.perf_counter()
            await on.ann.write(chat, f"/{key}")
            typed.append(await heard(on, sent, begun, mark))
            await asyncio.sleep(BETWEEN)
    return pressed, typed


async def measure(count: int) -> dict[str, list[float]]:
    with tempfile.TemporaryDirectory() as folder:
        async with stage(Path(folder)) as on:
            pressed, typed = await keys(on, count)
            return {"press_ms": pressed, "typed_ms": typed}


def main() -> None:
    print(json.dumps(loop_runner()(measure(int(sys.argv[1])))))


if __name__ == "__main__":
    main()
