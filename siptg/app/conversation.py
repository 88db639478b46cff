"""All that one Telegram person is engaged in, and what she may do: a table over flows.

Each row is one arc of the conversation's figure. Held parties, second calls and reconnection join
it as states of their own; the flows that do the waiting are in `flows.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import attrs

from siptg.app import cards
from siptg.app.actions import HangUp, Key
from siptg.app.causes import Cause
from siptg.app.desk import Desk, LineTerms
from siptg.app.flows import Flow, IncomingFlow, OutgoingFlow
from siptg.app.legs import Leg, Party
from siptg.app.numbers import Wish
from siptg.machine import Symbol, Table, step
from siptg.telegram.chat.actions import Action


class State(Symbol):
    """Drawn in docs/states/conversation.md."""

    IDLE = "idle"
    CALLING = "calling"
    """One party rings, or she does."""
    TALKING = "talking"


class Given(Symbol):
    """What can happen to a person."""

    NUMBER = "she sent a number"
    PARTY_CALLS = "a party calls her"
    SHE_CALLS = "she calls the phone account"
    KEY = "she pressed a key"
    HANG_UP = "she pressed End"
    CONNECTED = "both are there"
    OVER = "the call is over"


@attrs.define(eq=False)
class Conversation:
    """One person's calls. Its verbs are what she can do in the chat and what lines bring her."""

    desk: Desk
    person: int
    state: State = State.IDLE
    _flow: Flow | None = None
    _tasks: set[asyncio.Task[None]] = attrs.field(factory=set)

    def number(self, wish: Wish, line: LineTerms) -> None:
        """She sent a number to be dialled through a line."""
        step(self, TABLE, Given.NUMBER, wish, line)

    def party_calls(self, caller: Leg, party: Party, line: LineTerms) -> None:
        """Somebody calls her on a line."""
        step(self, TABLE, Given.PARTY_CALLS, caller, party, line)

    def she_calls(self, her: Leg) -> None:
        """She calls the phone account on Telegram."""
        step(self, TABLE, Given.SHE_CALLS, her)

    def press(self, action: Action) -> str:
        """She pressed a button of the live card; the answer is shown to her for a moment."""
        match action:
            case Key(symbol):
                if step(self, TABLE, Given.KEY, symbol):
                    return symbol
            case HangUp():
                if step(self, TABLE, Given.HANG_UP):
                    return ""
        return str(self.desk.words("card.too_late"))

    async def close(self, cause: Cause = Cause.RESTART) -> None:
        """End what there is, in order, and wait for it."""
        if self._flow is not None:
            self._flow.stop(cause)
        if self._tasks:
            await asyncio.wait(set(self._tasks))

    # the table's actions

    def _call_her_back(self, wish: Wish, line: LineTerms) -> None:
        party = Party(wish.user)
        self._begin(
            OutgoingFlow(
                self.desk, self.person, line, self._connected, self._over, party, wish=wish
            )
        )

    def _ring_her(self, caller: Leg, party: Party, line: LineTerms) -> None:
        self._begin(
            IncomingFlow(
                self.desk, self.person, line, self._connected, self._over, party, caller=caller
            )
        )

    def _change_wish(self, wish: Wish, line: LineTerms) -> None:
        if not (isinstance(self._flow, OutgoingFlow) and self._flow.change(wish)):
            self._refuse_number(wish, line)

    def _take_her_call(self, her: Leg) -> None:
        if not (isinstance(self._flow, OutgoingFlow) and self._flow.take(her)):
            self._decline_her(her)

    def _refuse_number(self, wish: Wish, line: LineTerms) -> None:
        self._do(self.desk.say(self.desk.words("error.busy_here")))

    def _refuse_party(self, caller: Leg, party: Party, line: LineTerms) -> None:
        self._do(caller.hangup(Cause.BUSY))
        self._do(self.desk.say(cards.missed(self.desk.words, party, line.name, Cause.BUSY)))

    def _ask_for_number(self, her: Leg) -> None:
        self._decline_her(her)
        self._do(self.desk.say(self.desk.words("note.no_pending")))

    def _decline_her(self, her: Leg) -> None:
        self._do(her.hangup(Cause.BUSY))

    def _press_key(self, key: str) -> None:
        if self._flow is not None:
            self._do(self._flow.press(key))

    def _hang_up(self, *_: object) -> None:
        if self._flow is not None:
            self._flow.stop()

    def _forget(self) -> None:
        self._flow = None

    def _begin(self, flow: Flow) -> None:
        self._flow = flow
        self._do(flow.run())

    def _over(self) -> None:
        step(self, TABLE, Given.OVER)

    def _connected(self) -> None:
        step(self, TABLE, Given.CONNECTED)

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


_C = Conversation
TABLE: Table = {
    (State.IDLE, Given.NUMBER): (State.CALLING, (_C._call_her_back,)),
    (State.IDLE, Given.PARTY_CALLS): (State.CALLING, (_C._ring_her,)),
    (State.IDLE, Given.SHE_CALLS): (State.IDLE, (_C._ask_for_number,)),
    (State.CALLING, Given.NUMBER): (State.CALLING, (_C._change_wish,)),
    (State.CALLING, Given.PARTY_CALLS): (State.CALLING, (_C._refuse_party,)),
    (State.CALLING, Given.SHE_CALLS): (State.CALLING, (_C._take_her_call,)),
    (State.CALLING, Given.HANG_UP): (State.CALLING, (_C._hang_up,)),
    (State.CALLING, Given.CONNECTED): (State.TALKING, ()),
    (State.CALLING, Given.OVER): (State.IDLE, (_C._forget,)),
    (State.TALKING, Given.NUMBER): (State.TALKING, (_C._refuse_number,)),
    (State.TALKING, Given.PARTY_CALLS): (State.TALKING, (_C._refuse_party,)),
    (State.TALKING, Given.SHE_CALLS): (State.TALKING, (_C._decline_her,)),
    (State.TALKING, Given.KEY): (State.TALKING, (_C._press_key,)),
    (State.TALKING, Given.HANG_UP): (State.TALKING, (_C._hang_up,)),
    (State.TALKING, Given.OVER): (State.IDLE, (_C._forget,)),
}
"""The rows that a person's day walks through; what it lacks changes nothing."""
