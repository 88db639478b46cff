"""The call's table on a paper host: every row is walked, nothing is left, whatever the order."""

from __future__ import annotations

import os
import random
from datetime import UTC, datetime
from typing import Any

import attrs
import pytest

from siptg.telegram.call import events
from siptg.telegram.call.dh import Group, Secret, SharedKey
from siptg.telegram.call.machine import TABLE, CallMachine, Given, State
from siptg.telegram.call.times import CallTimes
from siptg.telegram.lab.handshake import GENERATOR, PRIME
from siptg.telegram.people import TelegramCause, TelegramRefused
from siptg.timers import TimerQueue

GROUP = Group(PRIME, GENERATOR, 1)
HERS = Secret.draw(GROUP, os.urandom)
OURS = Secret.draw(GROUP, os.urandom)
KEY = OURS.agree(HERS.public)


class Host:
    """Writes down what the machine asks."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.told: list[events.CallEvent] = []

    def request(self, commitment: bytes) -> None:
        self.asked.append("request")

    def received(self) -> None:
        self.asked.append("received")

    def accept(self, g_b: bytes) -> None:
        self.asked.append("accept")

    def confirm(self, g_a: bytes, fingerprint: int) -> None:
        self.asked.append("confirm")

    def discard(self, reason: str, duration: float) -> None:
        self.asked.append(f"discard {reason} {duration:g}")

    def start_media(self, key: SharedKey, ready: events.Ready) -> None:
        self.asked.append("start media")

    def signal(self, data: bytes) -> None:
        self.asked.append(f"signal {data.decode()}")

    def restart_media(self) -> None:
        self.asked.append("restart media")

    def close_media(self) -> None:
        self.asked.append("close media")

    def tell(self, event: events.CallEvent) -> None:
        self.told.append(event)


def machine(outgoing: bool) -> tuple[CallMachine, Host, TimerQueue]:
    host, timers = Host(), TimerQueue()
    return CallMachine(host, timers, lambda: OURS, outgoing, CallTimes()), host, timers


def ready(g: bytes, fingerprint: int = KEY.fingerprint) -> events.Ready:
    return events.Ready(5, 6, g, fingerprint, ("9.0.0",), (), (), True, "")


WAITING, RINGING = events.Waiting(5, 6, False), events.Waiting(5, 6, True)
ACCEPTED = events.Accepted(5, 6, HERS.public)
REQUESTED = events.Requested(5, 6, 1, HERS.commitment, ("9.0.0",), datetime.now(UTC))
DISCARDED = events.Discarded(5, "hangup")
REFUSED = TelegramRefused(TelegramCause.PRIVACY, "USER_PRIVACY_RESTRICTED")
OUT: list[tuple[Given, Any]] = [
    (Given.CALL, None),
    (Given.WAITING, WAITING),
    (Given.RECEIVED, RINGING),
    (Given.ACCEPTED, ACCEPTED),
    (Given.READY, ready(OURS.public)),
    (Given.MEDIA_UP, None),
]
IN: list[tuple[Given, Any]] = [
    (Given.REQUESTED, REQUESTED),
    (Given.ANSWER, None),
    (Given.WAITING, WAITING),
    (Given.READY, ready(HERS.public)),
    (Given.MEDIA_UP, None),
]


def walked(steps: list[tuple[Given, Any]], outgoing: bool) -> tuple[CallMachine, Host, TimerQueue]:
    call, host, timers = machine(outgoing)
    for n, (given, value) in enumerate(steps):
        assert call.feed(given, float(n), value), f"{given} in {call.state}"
    return call, host, timers


def ended(host: Host) -> events.Ended:
    last = host.told[-1]
    assert isinstance(last, events.Ended)
    return last


def test_a_call_of_ours_from_request_to_hang_up() -> None:
    call, host, timers = walked(OUT, True)
    assert host.asked == ["request", "confirm", "start media"]
    emoji = KEY.emoji(OURS.public)
    assert host.told == [events.Ringing(), events.Agreed(emoji), events.Answered(emoji)]
    call.feed(Given.HANG_UP, 65.0)
    call.feed(Given.SETTLED, 65.1)
    assert host.asked[3:] == ["close media", "discard hangup 60", "close media"]
    assert ended(host).cause is TelegramCause.HANGUP and len(timers) == 0


def test_a_call_to_us_from_ring_to_their_hang_up() -> None:
    call, host, timers = walked(IN, False)
    assert host.asked == ["received", "accept", "start media"]
    assert isinstance(host.told[-1], events.Answered) and host.told[-1].emoji
    call.feed(Given.DISCARDED, 14.0, DISCARDED)
    assert ended(host) == events.Ended(TelegramCause.HANGUP, "", 10.0)
    assert call.state is State.OVER and len(timers) == 0


@pytest.mark.parametrize(
    ("after", "wait", "cause", "asked"),
    [
        (1, 20.0, TelegramCause.UNREACHABLE, "close media"),
        (2, 20.0, TelegramCause.UNREACHABLE, "discard missed 0"),
        (3, 90.0, TelegramCause.NO_ANSWER, "discard missed 0"),
        (4, 20.0, TelegramCause.SILENT, "discard disconnect 0"),
        (5, 30.0, TelegramCause.FAILED, "discard disconnect 0"),
    ],
)
def test_each_state_has_its_time(after: int, wait: float, cause: TelegramCause, asked: str) -> None:
    call, host, timers = walked(OUT[:after], True)
    timers.fire_due(after + wait + 1)
    assert call.state is State.ENDING and asked in host.asked
    timers.fire_due(after + wait + 20)
    assert (call.state, ended(host).cause) == (State.OVER, cause)


@pytest.mark.parametrize(
    ("reason", "cause"),
    [
        ("busy", TelegramCause.BUSY),
        ("missed", TelegramCause.NO_ANSWER),
        ("hangup", TelegramCause.HANGUP),
        ("disconnect", TelegramCause.LOST),
        ("", TelegramCause.HANGUP),
        ("migrate", TelegramCause.HANGUP),
    ],
)
def test_their_reason_becomes_the_cause(reason: str, cause: TelegramCause) -> None:
    call, host, _ = walked(OUT[:3], True)
    call.feed(Given.DISCARDED, 9.0, events.Discarded(5, reason))
    assert ended(host).cause is cause


def test_answered_on_another_device_is_elsewhere() -> None:
    call, host, _ = walked(IN[:1], False)
    call.feed(Given.DISCARDED, 9.0, events.Discarded(5, ""))
    assert ended(host).cause is TelegramCause.ELSEWHERE


def test_keys_that_do_not_fit_end_the_call_as_a_matter_of_security() -> None:
    wrong = [
        (OUT[:4], True, Given.READY, ready(OURS.public, 1)),
        (OUT[:3], True, Given.ACCEPTED, attrs.evolve(ACCEPTED, g_b=b"\1")),
        (IN[:3], False, Given.READY, ready(OURS.public)),
        (IN[:3], False, Given.READY, ready(HERS.public, 1)),
    ]
    for steps, outgoing, given, value in wrong:
        call, host, _ = walked(steps, outgoing)
        call.feed(given, 9.0, value)
        assert call.state is State.ENDING and "start media" not in host.asked
        call.feed(Given.SETTLED, 9.1)
        assert ended(host).cause is TelegramCause.SECURITY


def test_signals_before_the_key_are_kept_and_given_in_order() -> None:
    call, host, _ = walked(OUT[:3], True)
    for n in range(40):
        call.feed(Given.SIGNAL, 3.0, b"%d" % n)
    call.feed(Given.ACCEPTED, 3.0, ACCEPTED)
    call.feed(Given.READY, 4.0, ready(OURS.public))
    assert [a for a in host.asked if a.startswith("signal")] == [f"signal {n}" for n in range(32)]


def test_a_lost_path_is_sought_and_found_or_given_up_after_a_minute() -> None:
    call, host, timers = walked(OUT, True)
    call.feed(Given.MEDIA_SILENT, 10.0)
    call.feed(Given.MEDIA_SILENT, 18.0)
    assert host.asked[-2:] == ["restart media", "restart media"]
    call.feed(Given.MEDIA_UP, 20.0)
    assert host.told[-2:] == [events.Lost(), events.Back()]
    call.feed(Given.MEDIA_SILENT, 30.0)
    timers.fire_due(91.0)
    call.feed(Given.SETTLED, 92.0)
    assert ended(host).cause is TelegramCause.LOST


def test_closed_media_is_a_parting_that_waits_for_the_servers_word() -> None:
    call, host, timers = walked(OUT, True)
    call.feed(Given.MEDIA_CLOSED, 10.0)
    assert (call.state, host.asked[-1]) == (State.PARTING, "close media")
    timers.fire_due(13.5)
    assert host.asked[-1].startswith("discard hangup")


def test_an_id_that_turns_up_after_we_gave_up_is_discarded() -> None:
    call, host, _ = walked(OUT[:1], True)
    call.feed(Given.HANG_UP, 1.0)
    assert not any(a.startswith("discard") for a in host.asked)
    call.feed(Given.WAITING, 2.0, WAITING)
    assert host.asked[-1] == "discard missed 0"


def test_every_row_can_be_taken() -> None:
    values: dict[Given, Any] = dict(OUT) | {
        Given.REQUESTED: REQUESTED,
        Given.DISCARDED: DISCARDED,
        Given.REFUSED: REFUSED,
        Given.SIGNAL: b"x",
        Given.KEY_WRONG: "planted",
        Given.MEDIA_FAILED: "planted",
    }
    for (state, given), (then, _) in TABLE.items():
        call, _, _ = machine(state not in (State.INCOMING, State.ACCEPTING))
        call.state, call.id, call._secret, call._key = state, 5, OURS, KEY
        call._g_a_hash = HERS.commitment
        value = (
            ready(HERS.public)
            if state is State.ACCEPTING and given is Given.READY
            else values.get(given)
        )
        assert call.feed(given, 1.0, value) and call.state is then, f"{state} {given}"


@pytest.mark.parametrize("seed", range(60))
def test_any_order_of_anything_ends_once(seed: int) -> None:
    chance = random.Random(seed)
    call, host, timers = machine(chance.random() < 0.5)
    everything = [
        *OUT,
        *IN,
        (Given.DISCARDED, DISCARDED),
        (Given.REFUSED, REFUSED),
        (Given.HANG_UP, None),
        (Given.MEDIA_SILENT, None),
        (Given.MEDIA_CLOSED, None),
        (Given.MEDIA_FAILED, "x"),
        (Given.SIGNAL, b"x"),
        (Given.SETTLED, None),
        (Given.DECLINE, None),
    ]
    now = 0.0
    for _ in range(60):
        now += chance.uniform(0, 10)
        timers.fire_due(now)
        call.feed(*(lambda pair: (pair[0], now, pair[1]))(chance.choice(everything)))
    call.feed(Given.HANG_UP, now)
    call.feed(Given.DISCARDED, now, DISCARDED)
    timers.fire_due(now + 1000)
    assert sum(isinstance(e, events.Ended) for e in host.told) == (call.state is State.OVER)
    assert len(timers) == 0


@pytest.mark.parametrize("steps", [IN[:1], IN[:2]], ids=["while it rings", "after our answer"])
def test_who_was_slower_on_another_device_is_silently_over(steps: list[tuple[Given, Any]]) -> None:
    call, host, timers = walked(steps, False)
    call.feed(Given.TAKEN, 9.0, TelegramRefused(TelegramCause.ELSEWHERE, "CALL_ALREADY_ACCEPTED"))
    assert (call.state, ended(host).cause) == (State.OVER, TelegramCause.ELSEWHERE)
    assert not any(a.startswith("discard") for a in host.asked) and len(timers) == 0


@pytest.mark.parametrize("upto", range(1, len(OUT) + 1))
def test_a_call_that_the_server_does_not_know_is_over_in_every_state(upto: int) -> None:
    call, host, timers = walked(OUT[:upto], True)
    call.feed(Given.GONE, 99.0)
    assert (call.state, ended(host).cause) == (State.OVER, TelegramCause.HANGUP)
    assert len(timers) == 0


def test_a_call_to_us_that_the_server_does_not_know_was_missed() -> None:
    call, host, _ = walked(IN[:1], False)
    call.feed(Given.GONE, 1.0)
    assert ended(host).cause is TelegramCause.NO_ANSWER


def test_both_discard_at_once_and_it_ends_once() -> None:
    call, host, timers = walked(OUT, True)
    call.feed(Given.HANG_UP, 10.0)
    call.feed(Given.DISCARDED, 10.0, DISCARDED)
    call.feed(Given.TAKEN, 10.1, TelegramRefused(TelegramCause.ELSEWHERE, "CALL_ALREADY_DECLINED"))
    assert [type(e).__name__ for e in host.told].count("Ended") == 1 and len(timers) == 0


def test_late_news_of_a_call_that_ended_in_order_asks_for_nothing_more() -> None:
    call, host, _ = walked(OUT[:3], True)
    call.feed(Given.HANG_UP, 5.0)
    asked = list(host.asked)
    for given, value in ((Given.RECEIVED, RINGING), (Given.ACCEPTED, ACCEPTED)):
        call.feed(given, 5.1, value)
    call.feed(Given.SETTLED, 5.2)
    call.feed(Given.ACCEPTED, 6.0, ACCEPTED)
    assert [a for a in host.asked if a not in asked and a != "close media"] == []


def test_a_request_given_up_before_it_had_a_number_is_discarded_when_it_gets_one() -> None:
    call, host, _ = walked(OUT[:1], True)
    call.feed(Given.HANG_UP, 1.0)
    call.feed(Given.ENDING, 11.0)
    assert call.state is State.OVER
    call.feed(Given.WAITING, 12.0, WAITING)
    call.feed(Given.RECEIVED, 13.0, RINGING)
    assert [a for a in host.asked if a.startswith("discard")] == ["discard missed 0"]


def test_a_group_call_in_its_place_is_an_end_in_words() -> None:
    call, host, _ = walked(OUT, True)
    call.feed(Given.DISCARDED, 9.0, events.Discarded(5, "migrate"))
    assert ended(host).cause is TelegramCause.HANGUP and "group call" in ended(host).detail


@pytest.mark.parametrize(
    ("told", "wanted"),
    [((20_000, 90_000, 30_000), (20, 90, 30)), ((1, 10**9, -5), (5, 300, 5))],
)
def test_the_servers_times_are_believed_within_bounds(
    told: tuple[int, int, int], wanted: tuple[float, float, float]
) -> None:
    times = CallTimes().told(*told)
    assert (times.receive, times.ring, times.connect) == wanted
