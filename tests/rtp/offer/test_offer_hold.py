"""Hold and resume, in all their forms and from both sides."""

from __future__ import annotations

import pytest

from siptg.rtp.offer import Direction, Negotiator
from tests.support.sdp import agreed, audio, end, said, talk

BOTH, SEND = Direction.SENDRECV, Direction.SENDONLY
LISTEN, NOTHING = Direction.RECVONLY, Direction.INACTIVE


@pytest.mark.rfc(3264, "8.4")
@pytest.mark.parametrize(
    ("line", "ours", "held"),
    [
        ("sendonly", "recvonly", True),
        ("inactive", "inactive", True),
        ("recvonly", "sendonly", False),
        ("sendrecv", "sendrecv", False),
    ],
)
def test_hold_is_read_and_mirrored(line: str, ours: str, held: bool) -> None:
    us = end()
    answer = us.answer(audio("0", line))
    assert us.agreed is not None
    assert (us.agreed.direction.value, us.agreed.held) == (ours, held)
    assert f"a={ours}\r\n".encode() in answer


@pytest.mark.rfc(3264, "8.4")
def test_the_old_hold_by_a_zero_address_is_a_hold() -> None:
    us = end()
    us.answer(audio("0").replace(b"c=IN IP4 192.0.2.9", b"c=IN IP4 0.0.0.0"))
    assert us.agreed is not None
    assert (us.agreed.held, us.agreed.direction) == (True, Direction.RECVONLY)


@pytest.mark.rfc(3264, "8.4")
@pytest.mark.parametrize("host", ["0.0.0.0", "hold.invalid"])
@pytest.mark.parametrize(
    ("line", "ours"),
    [("sendrecv", LISTEN), ("sendonly", LISTEN), ("recvonly", NOTHING), ("inactive", NOTHING)],
)
def test_who_has_no_address_hears_nothing(host: str, line: str, ours: Direction) -> None:
    us = end()
    us.answer(audio("0", line).replace(b"c=IN IP4 192.0.2.9", b"c=IN IP4 " + host.encode()))
    assert (agreed(us).direction, agreed(us).held, agreed(us).remote[0]) == (ours, True, host)


@pytest.mark.rfc(6157, "5")
def test_no_address_is_of_either_family() -> None:
    for host, connection in (("2001:db8::1", "IP4 0.0.0.0"), ("192.0.2.1", "IP6 ::")):
        us = end(host=host)
        us.answer(said("m=audio 4000 RTP/AVP 0", f"c=IN {connection}"))
        assert agreed(us).held


@pytest.mark.rfc(8866, "6.7")
def test_a_hold_of_the_whole_session_is_a_hold() -> None:
    us = end()
    answer = us.answer(said("a=inactive", "m=audio 4000 RTP/AVP 0"))
    assert (agreed(us).direction, agreed(us).held) == (NOTHING, True)
    assert b"a=inactive\r\n" in answer


def want(one: Negotiator, direction: Direction, other: Negotiator) -> tuple[Direction, Direction]:
    """One wants that and offers again; what comes of it at both ends."""
    one.direction = direction
    mine, others = talk(one, other)
    assert mine.direction is others.direction.reverse
    return mine.direction, others.direction


@pytest.mark.rfc(6337, "5.3")
def test_each_end_holds_and_resumes_on_its_own() -> None:
    a, b = end(), end(port=3000)
    assert want(a, BOTH, b) == (BOTH, BOTH)
    assert want(a, SEND, b) == (SEND, LISTEN)
    assert (agreed(a).held, agreed(b).held) == (False, True)
    assert want(b, SEND, a) == (NOTHING, NOTHING), "b holds too"
    assert (agreed(a).held, agreed(b).held) == (True, True)
    assert want(a, BOTH, b) == (LISTEN, SEND), "a lets go, b still holds"
    assert (agreed(a).held, agreed(b).held) == (True, False)
    assert want(b, BOTH, a) == (BOTH, BOTH)
    assert (agreed(a).held, agreed(b).held) == (False, False)


@pytest.mark.rfc(6337, "5.3")
def test_the_held_end_may_offer_for_other_reasons_and_stays_held() -> None:
    a, b = end(), end(port=3000)
    want(a, SEND, b)
    assert want(b, BOTH, a) == (LISTEN, SEND)
    assert (agreed(a).held, agreed(b).held) == (False, True)


@pytest.mark.rfc(6337, "5.3")
def test_an_offer_that_sends_nothing_learns_nothing_of_their_hold() -> None:
    a, b = end(), end(port=3000)
    assert want(a, NOTHING, b) == (NOTHING, NOTHING)
    assert (agreed(a).held, agreed(b).held) == (False, True)
    assert want(a, BOTH, b) == (BOTH, BOTH)
    assert want(a, NOTHING, b) == (NOTHING, NOTHING)
    assert not agreed(a).held
    want(a, BOTH, b)
    want(b, SEND, a)
    assert want(a, NOTHING, b) == (NOTHING, NOTHING)
    assert agreed(a).held, "b has not let go"


@pytest.mark.rfc(6337, "5.3")
def test_a_hold_while_they_answer_waits_for_no_second_offer() -> None:
    """We want to hold; their offer comes first and our answer says it."""
    us = end()
    us.answer(audio("0"))
    us.direction = SEND
    assert b"a=sendonly\r\n" in us.answer(audio("0"))
    assert (agreed(us).direction, agreed(us).held) == (SEND, False)


@pytest.mark.rfc(3264, "6.1")
@pytest.mark.parametrize("offered", list(Direction))
@pytest.mark.parametrize("wanted", list(Direction))
def test_an_answer_never_promises_more_than_was_offered(
    offered: Direction, wanted: Direction
) -> None:
    us = end()
    us.direction = wanted
    us.answer(audio("0", offered.value))
    ours = agreed(us).direction
    assert ours.sends == (offered.receives and wanted.sends)
    assert ours.receives == (offered.sends and wanted.receives)


@pytest.mark.rfc(3264, "7")
def test_an_answer_that_promises_too_much_is_read_as_what_was_offered() -> None:
    us = end()
    us.direction = SEND
    us.offer()
    us.accept(audio("0", "sendrecv"))
    assert agreed(us).direction is SEND
