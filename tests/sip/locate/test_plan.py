"""What DNS is asked about a URI, and what follows (RFC 3263)."""

from __future__ import annotations

from collections import Counter
from itertools import cycle
from random import Random

import pytest

from siptg.sip.locate.plan import Answer, Naptr, Question, Srv, ordered, plan
from siptg.sip.uri import Uri

ALL = ("UDP", "TCP", "TLS")
ZONE: dict[tuple[str, str], Answer] = {
    ("NAPTR", "full.example"): [
        Naptr(50, 50, "s", "SIPS+D2T", "_sips._tcp.full.example"),
        Naptr(90, 50, "s", "SIP+D2T", "_sip._tcp.full.example"),
        Naptr(100, 50, "s", "SIP+D2U", "_sip._udp.full.example"),
        Naptr(10, 10, "s", "SIP+D2S", "_sip._sctp.full.example"),
        Naptr(10, 5, "u", "E2U+sip", ""),
    ],
    ("SRV", "_sips._tcp.full.example"): [Srv(0, 1, 5061, "a.full.example.")],
    ("SRV", "_sip._tcp.full.example"): [Srv(0, 1, 5060, "a.full.example.")],
    ("SRV", "_sip._udp.full.example"): [
        Srv(0, 1, 5070, "a.full.example."),
        Srv(1, 1, 5080, "b.full.example."),
    ],
    ("SRV", "_sip._udp.srv.example"): [Srv(0, 1, 5070, "a.full.example.")],
    ("SRV", "_sip._tcp.closed.example"): [Srv(0, 0, 0, ".")],
    ("HOST", "a.full.example"): ["192.0.2.1", "2001:db8::1"],
    ("HOST", "b.full.example"): ["192.0.2.2"],
    ("HOST", "plain.example"): ["192.0.2.9"],
    ("HOST", "closed.example"): ["192.0.2.8"],
}


def found(uri: str, speaks: tuple[str, ...] = ALL) -> tuple[list[str], list[str]]:
    """Targets and questions, as text."""
    asked: list[Question] = []
    steps = plan(Uri.parse(uri), speaks, lambda: 0.5)
    answer: Answer | None = None
    while True:
        try:
            question = next(steps) if answer is None else steps.send(answer)
        except StopIteration as done:
            targets = [f"{t.transport} {t.address} {t.port} {t.host}" for t in done.value]
            return targets, [f"{q.kind} {q.name}" for q in asked]
        asked.append(question)
        answer = ZONE.get((question.kind, question.name), [])


@pytest.mark.rfc(3263, "4.1")
@pytest.mark.parametrize(
    ("uri", "targets", "questions"),
    [
        ("sip:192.0.2.5", ["UDP 192.0.2.5 5060 192.0.2.5"], []),
        ("sips:192.0.2.5", ["TLS 192.0.2.5 5061 192.0.2.5"], []),
        ("sip:192.0.2.5:7000;transport=tcp", ["TCP 192.0.2.5 7000 192.0.2.5"], []),
        ("sip:[2001:db8::5]", ["UDP 2001:db8::5 5060 2001:db8::5"], []),
        (
            "sip:plain.example:7000",
            ["UDP 192.0.2.9 7000 plain.example"],
            ["HOST plain.example"],
        ),
        (
            "sip:x@elsewhere.example;maddr=192.0.2.77",
            ["UDP 192.0.2.77 5060 192.0.2.77"],
            [],
        ),
        (
            "sip:full.example",
            ["TLS 192.0.2.1 5061 full.example", "TLS 2001:db8::1 5061 full.example"],
            ["NAPTR full.example", "SRV _sips._tcp.full.example", "HOST a.full.example"],
        ),
        (
            "sips:full.example",
            ["TLS 192.0.2.1 5061 full.example", "TLS 2001:db8::1 5061 full.example"],
            ["SRV _sips._tcp.full.example", "HOST a.full.example"],
        ),
        (
            "sip:full.example;transport=udp",
            [
                "UDP 192.0.2.1 5070 full.example",
                "UDP 2001:db8::1 5070 full.example",
                "UDP 192.0.2.2 5080 full.example",
            ],
            ["SRV _sip._udp.full.example", "HOST a.full.example", "HOST b.full.example"],
        ),
        (
            "sip:srv.example",
            ["UDP 192.0.2.1 5070 srv.example", "UDP 2001:db8::1 5070 srv.example"],
            ["NAPTR srv.example", "SRV _sip._udp.srv.example", "HOST a.full.example"],
        ),
        (
            "sip:plain.example;transport=tcp",
            ["TCP 192.0.2.9 5060 plain.example"],
            ["SRV _sip._tcp.plain.example", "HOST plain.example"],
        ),
        (
            "sip:plain.example;transport=ws",
            [],
            [],
        ),
        (
            "sip:nowhere.example;transport=tls",
            [],
            ["SRV _sips._tcp.nowhere.example", "HOST nowhere.example"],
        ),
    ],
)
def test_a_uri_leads_to_its_targets(uri: str, targets: list[str], questions: list[str]) -> None:
    assert found(uri) == (targets, questions)


@pytest.mark.rfc(3263, "4.1")
def test_services_of_transports_that_we_do_not_speak_are_passed_over() -> None:
    targets, _ = found("sip:full.example", ("UDP",))
    assert targets[0] == "UDP 192.0.2.1 5070 full.example"


@pytest.mark.rfc(2782, "3")
def test_weights_are_kept_among_equals_and_priorities_before_all() -> None:
    records = [Srv(1, 90, 1, "heavy"), Srv(1, 10, 2, "light"), Srv(0, 1, 3, "first")]
    chance, seen = Random(7), Counter[str]()
    for _ in range(2000):
        order = ordered(records, chance.random)
        assert order[0].target == "first" and len(order) == 3
        seen[order[1].target] += 1
    assert 0.85 < seen["heavy"] / 2000 < 0.95
    draws = cycle([0.0])
    assert ordered([Srv(0, 0, 1, "zero"), Srv(0, 5, 1, "five")], lambda: next(draws))[0].weight == 0
