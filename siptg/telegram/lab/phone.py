"""A Telegram user at a terminal: chat, buttons, calls with sound that is measured."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Self

from siptg.rtp.audio import silence
from siptg.rtp.clock import MediaClock
from siptg.rtp.recording.recorder import Recorder
from siptg.rtp.sounds.goertzel import FLOOR, Ear
from siptg.rtp.sounds.tones import Sound, sound
from siptg.telegram.call import events
from siptg.telegram.call.call import TelegramCall
from siptg.telegram.lab.orders import NotUnderstood, Order, lesson, read
from siptg.telegram.lab.user import LabUser, Seen
from siptg.telegram.people import Person, TelegramRefused

EXPECTED_WITHIN = 10.0
"""Seconds that `:expect` waits."""
MOST_SHOWN = 1000
HEARD_EVERY = 1.0
"""Seconds between two looks at what is heard; it is told when it is another thing."""

Say = Callable[[str], None]


class LabPhone:
    """`async with LabPhone(person, clock, say) as phone: await phone.obey(lines)`."""

    def __init__(self, person: LabUser, clock: MediaClock, say: Say) -> None:
        self._person, self._clock, self._say_line = person, clock, say
        self._shown: deque[str] = deque(maxlen=MOST_SHOWN)
        self._changed = asyncio.Event()
        self._chat: Person | None = None
        self._card: Seen | None = None
        self._talk: _Talk | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._do(self._read_chats())
        self._do(self._take_calls())
        return self

    async def __aexit__(self, *why: object) -> None:
        talk = self._talk
        if talk is not None:
            talk.call.hang_up()
            await talk.call.wait_over(2.0)
            await talk.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def obey(self, lines: AsyncIterator[str]) -> bool:
        """Each typed line, until `:quit` or the last; False where an `:expect` was in vain."""
        async for line in lines:
            try:
                order = read(line)
                if order is not None and order.verb == "quit":
                    break
                if order is not None:
                    await self._obey(order)
            except NotUnderstood as problem:
                self._show(f"! {problem}")
            except TelegramRefused as refused:
                self._show(f"! Telegram says {refused}")
            except TimeoutError as missing:
                self._show(f"! {missing}")
                return False
        return True

    async def _obey(self, order: Order) -> None:
        what = order.what
        match order.verb:
            case "write":
                await self._person.write(self._open_chat(), what)
            case "chat":
                self._chat = await self._person.find(what.lstrip("@"))
                self._show(f"= chat with {self._chat.name}")
            case "press":
                await self._press(what)
            case "call":
                await self._call(what)
            case "answer":
                await self._in_call().call.answer()
            case "decline":
                await self._in_call().call.decline()
            case "hangup":
                self._in_call().call.hang_up()
            case "say":
                self._in_call().say(what)
            case "mute":
                self._in_call().mute(what == "on")
            case "hear":
                self._show(f"= heard: {self._in_call().heard()}")
            case "record":
                self._in_call().record(Path(what))
                self._show(f"= recording to {what}")
            case "wait":
                await asyncio.sleep(float(what))
            case "expect":
                await self._expect(what)
            case _:
                for line in lesson():
                    self._say_line(line)

    # chats

    async def _read_chats(self) -> None:
        read_so_far = 0
        while True:
            await self._person.changed()
            for seen in self._person.seen[read_so_far:]:
                self._take(seen)
            read_so_far = len(self._person.seen)

    def _take(self, seen: Seen) -> None:
        if self._chat is None and seen.chat is not None:
            self._chat = seen.chat
        who = seen.chat.name if seen.chat else "?"
        sign = "✎" if seen.edited else "<"
        first, *rest = seen.text.splitlines() or [""]
        self._show("\n".join([f"{sign} {who}: {first}", *(f"    {line}" for line in rest)]))
        if seen.buttons:
            self._card = seen
            labels = (f"[{n} {label}]" for n, (label, _) in enumerate(seen.buttons, 1))
            self._say_line("    " + " ".join(labels))
        elif self._card is not None and self._card.id == seen.id:
            self._card = None

    async def _press(self, key: str) -> None:
        card = self._card
        if card is None or card.chat is None:
            raise NotUnderstood("there is no card with buttons")
        labels = [label for label, _ in card.buttons]
        if key in labels:
            label = key
        elif key.isdecimal() and 1 <= int(key) <= len(labels):
            label = labels[int(key) - 1]
        else:
            raise NotUnderstood(f"the card has buttons {', '.join(labels)}, or 1 to {len(labels)}")
        answer = await self._person.press(card.chat, card, label)
        self._show(f"= pressed {label}" + (f": {answer}" if answer else ""))

    def _open_chat(self) -> Person:
        if self._chat is None:
            raise NotUnderstood("no chat is open: :chat NAME")
        return self._chat

    # calls

    async def _take_calls(self) -> None:
        async for call in self._person.calls():
            if self._talk is not None:
                await call.decline()
                self._show(f"= {call.person.name} called meanwhile, and was declined")
            else:
                self._show(f"= {call.person.name} calls: :answer or :decline")
                self._begin(call)

    async def _call(self, name: str) -> None:
        if self._talk is not None:
            raise NotUnderstood("there is a call already")
        whom = await self._person.find(name.lstrip("@")) if name else self._open_chat()
        self._show(f"= calling {whom.name}")
        self._begin(await self._person.account.call(whom))

    def _begin(self, call: TelegramCall) -> None:
        self._talk = _Talk(call, self._clock)
        self._do(self._follow(self._talk))

    async def _follow(self, talk: _Talk) -> None:
        listening: asyncio.Task[None] | None = None
        try:
            async for event in talk.call.events():
                match event:
                    case events.Ringing():
                        if talk.call.outgoing:
                            self._show("= it rings there")
                    case events.Answered(emoji):
                        self._show(f"= talking {emoji}")
                        talk.begin()
                        listening = asyncio.create_task(self._listen(talk))
                    case events.Lost():
                        self._show("= the connection is lost, and sought anew")
                    case events.Back():
                        self._show("= the connection is back")
                    case events.Ended(cause, detail, duration):
                        why = f"{cause.value} {detail}".strip()
                        self._show(f"= over after {duration:.1f} s: {why}")
        finally:
            if listening is not None:
                listening.cancel()
            for line in await talk.close():
                self._show(line)
            self._talk = None

    async def _listen(self, talk: _Talk) -> None:
        told = ""
        while True:
            await asyncio.sleep(HEARD_EVERY)
            now = talk.heard()
            if now.split(",")[0] != told:
                told = now.split(",")[0]
                self._show(f"= heard: {now}")

    def _in_call(self) -> _Talk:
        if self._talk is None:
            raise NotUnderstood("there is no call")
        return self._talk

    # what is shown

    def _show(self, line: str) -> None:
        self._shown.append(line)
        self._changed.set()
        self._say_line(line)

    async def _expect(self, text: str) -> None:
        """What was shown before it is read once: the next order to wait looks behind it."""
        try:
            async with asyncio.timeout(EXPECTED_WITHIN):
                while True:
                    self._changed.clear()
                    while self._shown:
                        if text in self._shown.popleft():
                            return
                    await self._changed.wait()
        except TimeoutError:
            raise TimeoutError(f"expected, and not seen: {text}") from None

    def _do(self, work: object) -> None:
        task = asyncio.ensure_future(work)  # type: ignore[call-overload]
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class _Talk:
    """One call's sound: what is said, heard and recorded, on the beat."""

    def __init__(self, call: TelegramCall, clock: MediaClock) -> None:
        self.call = call
        self._clock = clock
        self._sound: Sound | None = None
        self._ear, self._muted, self._beating = Ear(call.audio.rate, 0.5), False, False
        self._recorder: Recorder | None = None

    def begin(self) -> None:
        self._beating = True
        self._clock.add(self._beat)

    def say(self, what: str) -> None:
        """NotUnderstood for what cannot be played."""
        try:
            self._sound = None if what == "nothing" else sound(what, self.call.audio.rate)
        except ValueError as error:
            raise NotUnderstood(str(error)) from None

    def mute(self, on: bool) -> None:
        self._muted = on

    def record(self, path: Path) -> None:
        try:
            self._recorder = Recorder(path)
        except ValueError as error:
            raise NotUnderstood(str(error)) from None

    def heard(self) -> str:
        if self._ear.dbfs() <= FLOOR:
            return "silence"
        return f"{round(self._ear.hz())} Hz, {round(self._ear.dbfs())} dBFS"

    async def close(self) -> list[str]:
        """The sound is over; what became of a recording."""
        if self._beating:
            self._clock.remove(self._beat)
            self._beating = False
        recorder, self._recorder = self._recorder, None
        if recorder is None:
            return []
        made = await asyncio.wrap_future(recorder.stop())
        if not made.seconds:
            return ["= nothing was recorded"]
        return [f"= recorded {made.seconds:.1f} s to {made.path}"]

    def _beat(self) -> None:
        audio = self.call.audio
        heard = audio.read()
        frame = None
        if self._sound is not None:
            with contextlib.suppress(StopIteration):
                frame = next(self._sound)
            if frame is None:
                self._sound = None
        said = silence(audio.rate) if frame is None or self._muted else frame
        audio.write(said)
        self._ear.write(heard)
        if self._recorder is not None:
            self._recorder.feed(said, heard)
