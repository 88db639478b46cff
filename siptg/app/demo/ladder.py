"""Who said what to whom, in order: a call as a ladder between user, siptg and PBX."""

from __future__ import annotations

from collections.abc import Iterable

import attrs
from rich.console import Console
from rich.text import Text

USER, US, PBX = "Telegram user", "siptg", "PBX"
COLUMNS = {USER: 0, US: 1, PBX: 2}
WIDTH = 34
"""Characters between two columns."""


@attrs.frozen
class Step:
    time: float
    """Monotonic seconds."""
    source: str
    target: str
    text: str


def sip_step(sign: str, time: float, data: bytes) -> Step:
    """A datagram as a step: method and number, or status and what it answers."""
    head = data.partition(b"\r\n\r\n")[0].decode("utf-8", "replace").split("\r\n")
    first = head[0]
    if first.startswith("SIP/2.0 "):
        method = next((h.split()[-1] for h in head if h.lower().startswith("cseq:")), "")
        text = f"{first[8:]} ({method})"
    else:
        text = first.split(" ")[0]
    with_sdp = " +SDP" if b"application/sdp" in data else ""
    source, target = (PBX, US) if sign == "<" else (US, PBX)
    return Step(time, source, target, text + with_sdp)


_TELEGRAM = {
    "SendMessageRequest": "message",
    "SendInlineBotResultRequest": "card",
    "EditInlineBotMessageRequest": "card changes",
    "GetBotCallbackAnswerRequest": "button pressed",
    "RequestCallRequest": "requestCall",
    "ReceivedCallRequest": "receivedCall",
    "AcceptCallRequest": "acceptCall",
    "ConfirmCallRequest": "confirmCall",
    "DiscardCallRequest": "discardCall",
    "SendSignalingDataRequest": "signalling",
}


def telegram_step(time: float, by_user: bool, request: str) -> Step | None:
    """A request to Telegram's server as a step; None for what is no part of a call."""
    text = _TELEGRAM.get(request)
    if text is None:
        return None
    source, target = (USER, US) if by_user else (US, USER)
    return Step(time, source, target, text)


def merged(steps: Iterable[Step]) -> list[tuple[Step, int]]:
    """In order of time; a step that follows its like is counted instead of repeated."""
    rows: list[tuple[Step, int]] = []
    for step in sorted(steps, key=lambda s: s.time):
        if rows and (rows[-1][0].source, rows[-1][0].text) == (step.source, step.text):
            rows[-1] = rows[-1][0], rows[-1][1] + 1
        else:
            rows.append((step, 1))
    return rows


def draw(console: Console, steps: Iterable[Step]) -> None:
    """Print it, milliseconds since the first step on the left."""
    rows = merged(steps)
    if not rows:
        return
    console.print(Text(f"{'ms':>7}  " + "".join(f"{name:<{WIDTH}}" for name in COLUMNS), "bold"))
    begun = rows[0][0].time
    for step, count in rows:
        a, b = COLUMNS[step.source], COLUMNS[step.target]
        label = f" {step.text}{f' ×{count}' if count > 1 else ''} "
        inner = label.center(WIDTH - 3, "─")[: WIDTH - 3]
        arrow = f"├{inner}►" if a < b else f"◄{inner}┤"
        if min(a, b) == 0:
            line = arrow + "│" + " " * (WIDTH - 3) + "│"
        else:
            line = "│" + " " * (WIDTH - 2) + arrow
        console.print(f"{(step.time - begun) * 1000:7.0f}  {line}", highlight=False, markup=False)
