"""The four transaction machines with time by hand: 32 seconds of SIP in no time at all."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siptg.machine import Table, picture
from siptg.sip.message import Request, Response
from siptg.sip.parser import parse
from siptg.sip.timers import Times
from siptg.sip.transactions import client, invite_client, invite_server, server
from siptg.sip.transactions.base import Transaction
from siptg.timers import TimerQueue

Machine = invite_client.InviteClient | client.Client | invite_server.InviteServer | server.Server
MACHINES: dict[str, tuple[type[Any], Any]] = {
    "invite_client": (invite_client.InviteClient, invite_client),
    "client": (client.Client, client),
    "invite_server": (invite_server.InviteServer, invite_server),
    "server": (server.Server, server),
}


def request(method: str) -> Request:
    text = (
        f"{method} sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\n"
        "Max-Forwards: 70\r\nFrom: <sip:a@example.com>;tag=1\r\nTo: <sip:bob@example.com>\r\n"
        f"Call-ID: x\r\nCSeq: 1 {method}\r\nContact: <sip:a@192.0.2.1>\r\n\r\n"
    )
    made = parse(text.encode())
    assert isinstance(made, Request)
    return made


class Log:
    """The wire below and the user above, and when each heard what."""

    def __init__(self, *, reliable: bool = False) -> None:
        self.reliable, self.now = reliable, 0.0
        self.seen: list[tuple[float, str]] = []
        self.ends = 0

    def send(self, data: bytes) -> None:
        first = data.split(b"\r\n")[0].decode()
        said = first.split(" ")[1] if first.startswith("SIP/") else first.split(" ")[0]
        self.seen.append((self.now, said))

    def response(self, response: Response, now: float) -> None:
        self.seen.append((self.now, f"up {response.status}"))

    def failed(self, status: int, why: str, now: float) -> None:
        self.seen.append((self.now, f"failed {status}"))

    def unacknowledged(self, now: float) -> None:
        self.seen.append((self.now, "unacknowledged"))

    def ended(self, _: Transaction) -> None:
        self.ends += 1

    @property
    def said(self) -> list[str]:
        return [what for _, what in self.seen]


def started(name: str, *, reliable: bool = False) -> tuple[Any, Log, TimerQueue]:
    log, timers, times = Log(reliable=reliable), TimerQueue(), Times()
    what = request("INVITE" if "invite" in name else "OPTIONS")
    kind = MACHINES[name][0]
    above = () if name == "server" else (log,)
    machine = kind(what, ("key",), log, timers, times, log.ended, *above)
    machine.start(0.0)
    return machine, log, timers


def run(timers: TimerQueue, log: Log, until: float = 1e9) -> None:
    while (deadline := timers.next_deadline()) is not None and deadline <= until:
        log.now = deadline
        timers.fire_due(deadline)
    log.now = until if until < 1e9 else log.now


def answer(machine: Any, status: int) -> Response:
    made: Response = machine.request.reply(status, to_tag="2")
    return made


@pytest.mark.rfc(3261, "17.1.1.2")
def test_unanswered_invite_doubles_timer_a_and_gives_up_at_64_t1() -> None:
    machine, log, timers = started("invite_client")
    run(timers, log)
    sent = [(t, "INVITE") for t in (0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5)]
    assert log.seen == [*sent, (32.0, "failed 408")]
    assert (machine.state, log.ends) == (invite_client.State.TERMINATED, 1)


def test_those_32_seconds_cost_less_than_a_millisecond_of_ours() -> None:
    """The bound is a hundred times what it takes: it shows that nothing waits, not how fast
    we are.
    """
    began = time.perf_counter()
    for _ in range(10):
        _, log, timers = started("invite_client")
        run(timers, log)
    assert time.perf_counter() - began < 1.0


@pytest.mark.rfc(3261, "17.1.1.2")
def test_reliable_transport_never_retransmits() -> None:
    for name in ("invite_client", "client"):
        _, log, timers = started(name, reliable=True)
        run(timers, log)
        assert log.said[1:] == ["failed 408"]


@pytest.mark.rfc(3261, "17.1.1.3")
def test_a_failure_is_acknowledged_each_time_and_lingers_for_timer_d() -> None:
    machine, log, timers = started("invite_client")
    for moment in (1.0, 2.0, 3.0):
        run(timers, log, until=moment)
        machine.receive(answer(machine, 486), moment)
    run(timers, log)
    assert log.said == ["INVITE", "INVITE", "ACK", "up 486", "ACK", "ACK"]
    assert (machine.state, log.now) == (invite_client.State.TERMINATED, 33.0)


@pytest.mark.rfc(6026, "7.2")
def test_2xx_repetitions_are_passed_up_until_timer_m() -> None:
    machine, log, timers = started("invite_client")
    for moment in (1.0, 2.0):
        run(timers, log, until=moment)
        machine.receive(answer(machine, 200), moment)
    assert log.said == ["INVITE", "INVITE", "up 200", "up 200"]
    run(timers, log)
    assert log.now == 33.0


@pytest.mark.rfc(3261, "17.1.2.2")
def test_request_intervals_double_to_t2_and_stay_there_once_somebody_works() -> None:
    machine, log, timers = started("client")
    run(timers, log, until=1.6)
    machine.receive(answer(machine, 100), 1.6)
    run(timers, log)
    at = [t for t, what in log.seen if what == "OPTIONS"]
    assert at[:3] == [0, 0.5, 1.5] and at[3:6] == [3.5, 7.5, 11.5]
    assert log.seen[-1] == (32.0, "failed 408")


@pytest.mark.rfc(3261, "17.2.1")
def test_trying_is_said_after_200_ms_unless_the_user_was_faster() -> None:
    _, log, timers = started("invite_server")
    run(timers, log, until=1.0)
    assert log.seen == [(0.2, "100")]
    machine, log, timers = started("invite_server")
    machine.respond(answer(machine, 180), 0.1)
    run(timers, log, until=1.0)
    assert log.said == ["180"]


@pytest.mark.rfc(3261, "17.2.1")
def test_a_refusal_is_repeated_until_its_ack_and_its_absence_is_told() -> None:
    machine, log, timers = started("invite_server")
    machine.respond(answer(machine, 486), 0.0)
    run(timers, log, until=1.0)
    machine.receive(request("ACK"), 1.0)
    run(timers, log)
    assert log.said == ["486", "486"]
    machine, log, timers = started("invite_server")
    machine.respond(answer(machine, 486), 0.0)
    run(timers, log)
    assert log.seen[-1] == (32.0, "unacknowledged")
    assert [round(t, 1) for t, what in log.seen if what == "486"][:6] == [
        0,
        0.5,
        1.5,
        3.5,
        7.5,
        11.5,
    ]


@pytest.mark.rfc(3261, "17.2.1")
def test_a_repeated_invite_brings_the_last_provisional_answer_again() -> None:
    machine, log, timers = started("invite_server")
    machine.respond(answer(machine, 180), 0.0)
    machine.receive(machine.request, 0.5)
    assert log.said == ["180", "180"]
    machine.respond(answer(machine, 200), 0.6)
    machine.receive(machine.request, 0.7)  # RFC 6026: the user repeats a 2xx, not the transaction
    assert log.said == ["180", "180", "200"]
    assert not machine.respond(answer(machine, 486), 0.8)
    run(timers, log)
    assert machine.state is invite_server.State.TERMINATED


@pytest.mark.rfc(3261, "17.2.2")
def test_a_repeated_request_brings_its_answer_again_for_timer_j() -> None:
    machine, log, timers = started("server")
    machine.receive(machine.request, 0.1)
    assert log.said == []
    machine.respond(answer(machine, 200), 0.2)
    machine.receive(machine.request, 0.3)
    assert log.said == ["200", "200"]
    run(timers, log)
    assert (log.now, machine.state) == (32.2, server.State.TERMINATED)


def test_the_ack_of_a_refusal_has_the_branch_of_its_invite_and_the_tag_of_the_answer() -> None:
    sent: list[bytes] = []
    machine, log, _ = started("invite_client")
    log.send = sent.append  # type: ignore[method-assign,assignment]
    machine.receive(answer(machine, 486), 0.1)
    ack = parse(sent[0])
    assert isinstance(ack, Request)
    assert (ack.method, ack.via.branch, ack.to.tag) == ("ACK", "z9hG4bK1", "2")
    assert "Contact" not in ack.headers


@pytest.mark.parametrize("name", MACHINES)
def test_a_dead_transport_ends_the_transaction(name: str) -> None:
    machine, log, timers = started(name)
    machine.broken(1.0)
    assert (machine.state.name, log.ends, len(timers)) == ("TERMINATED", 1, 0)


@pytest.mark.parametrize("name", MACHINES)
def test_every_input_is_in_the_figure_and_every_state_is_reached(name: str) -> None:
    module: Any = MACHINES[name][1]
    table: Table = module.TABLE
    assert {given for _, given in table} == set(module.Given)
    assert {then for then, _ in table.values()} | {next(iter(module.State))} == set(module.State)
    assert picture(table, next(iter(module.State))).count("-->") == len(table) + 1


steps = st.lists(st.tuples(st.floats(0.0, 90.0), st.integers(0, 5)), max_size=30)


@settings(max_examples=150, deadline=None)
@given(arrivals=steps, reliable=st.booleans(), name=st.sampled_from(list(MACHINES)))
def test_any_order_of_events_ends_and_leaves_no_timer(
    arrivals: list[tuple[float, int]], reliable: bool, name: str
) -> None:
    machine, log, timers = started(name, reliable=reliable)
    statuses = (100, 180, 200, 302, 486, 603)
    for moment, what in sorted(arrivals):
        run(timers, log, until=moment)
        if "server" in name:
            if what < 3:
                machine.respond(answer(machine, statuses[2 * what]), moment)
            else:
                machine.receive(request("ACK") if what == 3 else machine.request, moment)
        else:
            machine.receive(answer(machine, statuses[what]), moment)
    run(timers, log)
    machine.broken(1e9)
    run(timers, log)
    assert timers.next_deadline() is None
    waits_for_its_user = {"PROCEEDING", "TRYING"} if name == "server" else {"PROCEEDING"}
    assert machine.state.name == "TERMINATED" or machine.state.name in waits_for_its_user
