"""Keys in the description: offered, answered, chosen, changed, refused."""

from __future__ import annotations

import base64

import attrs
import pytest

from siptg.rtp.codecs import PCMU
from siptg.rtp.offer import Negotiator, Plain, Policy, Sdes
from siptg.rtp.sdp import SdpError
from siptg.rtp.sdp.sdes import SUITES, Crypto
from tests.support.sdp import OURS, agreed, audio, end, parsed, said, section, talk

CM_80, CM_32, GCM = "AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32", "AEAD_AES_128_GCM"
OPTIONAL, MUST = Policy.SDES_OPTIONAL, Policy.SDES


def line(tag: int = 1, suite: str = CM_80, first: int = 0, more: str = "") -> str:
    """a=crypto of theirs, its key made of the bytes from `first`."""
    return f"crypto:{tag} {suite} inline:{inline(suite, first)}{more}"


def inline(suite: str, first: int = 0) -> str:
    return base64.b64encode(key(suite, first)).decode()


def key(suite: str, first: int = 0) -> bytes:
    return bytes(range(first, first + SUITES[suite].length))


def cryptos(data: bytes) -> list[Crypto]:
    return [Crypto.parse(text) for text in section(data).all("crypto")]


def sdes(one: Negotiator) -> Sdes:
    security = agreed(one).security
    assert isinstance(security, Sdes)
    return security


@pytest.mark.rfc(4568, "5.1.1")
@pytest.mark.parametrize(
    ("policy", "protocol"),
    [
        pytest.param(OPTIONAL, "RTP/AVP", marks=pytest.mark.rfc(8643, "3.1")),
        (MUST, "RTP/SAVP"),
    ],
)
def test_an_offer_has_a_key_of_its_own_for_each_suite(policy: Policy, protocol: str) -> None:
    offer = end(PCMU, security=policy).offer()
    assert section(offer).protocol == protocol
    assert [(one.tag, one.suite, len(one.key)) for one in cryptos(offer)] == [
        (1, CM_80, 30),
        (2, CM_32, 30),
    ]
    assert len({one.key for one in cryptos(offer)}) == 2
    offer = end(PCMU, security=policy, feedback=True, offered_suites=(GCM,)).offer()
    assert section(offer).protocol == protocol + "F"
    assert [(one.suite, len(one.key)) for one in cryptos(offer)] == [(GCM, 28)]


@pytest.mark.rfc(4568, "5.1.3")
@pytest.mark.parametrize("suite", list(SUITES))
@pytest.mark.parametrize("policy", [OPTIONAL, MUST])
def test_two_of_us_end_with_each_others_keys(suite: str, policy: Policy) -> None:
    a = end(PCMU, security=policy, offered_suites=(suite,))
    b = end(PCMU, security=OPTIONAL, seed=2, port=3000)
    talk(a, b)
    assert sdes(a).suite == sdes(b).suite == suite
    assert (sdes(a).send_key, sdes(a).receive_key) == (sdes(b).receive_key, sdes(b).send_key)
    assert sdes(a).send_key != sdes(a).receive_key
    assert len(sdes(a).send_key) == SUITES[suite].length


@pytest.mark.rfc(4568, "5.1.2")
def test_an_answer_takes_the_first_line_that_it_can_use_and_repeats_its_tag() -> None:
    us = end(PCMU, security=MUST)
    answer = us.answer(
        audio(
            "0",
            "crypto:3 F8_128_HMAC_SHA1_80 inline:" + "A" * 40,
            line(5, CM_80, more="|2^31|1:1"),
            line(7, CM_32, 9, "|2^31 WSH=128"),
            line(9, CM_80),
            protocol="RTP/SAVP",
        )
    )
    assert section(answer).protocol == "RTP/SAVP"
    (ours,) = cryptos(answer)
    assert (ours.tag, ours.suite) == (7, CM_32)
    expected = Sdes(CM_32, ours.key, key(CM_32, 9), lifetime=1 << 31, window=128)
    assert agreed(us).security == expected


@pytest.mark.rfc(4568, "5.1.2")
def test_which_suites_there_are_is_a_matter_of_terms() -> None:
    us = end(PCMU, security=MUST, suites=(GCM, CM_80))
    us.answer(audio("0", line(1, CM_32), line(2, GCM), line(3, CM_80), protocol="RTP/SAVP"))
    assert sdes(us).suite == GCM


@pytest.mark.rfc(6188, "4.2")
def test_an_old_name_of_a_suite_is_answered_by_it() -> None:
    us = end(PCMU, security=MUST)
    old = line(1, "AES_256_CM_HMAC_SHA1_80").replace("AES_256_CM", "AES_CM_256")
    answer = us.answer(audio("0", old, protocol="RTP/SAVP"))
    assert cryptos(answer)[0].suite == "AES_CM_256_HMAC_SHA1_80"
    assert sdes(us).suite == "AES_256_CM_HMAC_SHA1_80"


@pytest.mark.rfc(8643, "3.1")
@pytest.mark.parametrize("protocol", ["RTP/AVP", "RTP/AVPF", "RTP/SAVP", "RTP/SAVPF"])
def test_a_key_is_taken_whatever_the_protocol_says(protocol: str) -> None:
    for policy in (OPTIONAL, MUST):
        us = end(PCMU, security=policy)
        assert section(us.answer(audio("0", line(), protocol=protocol))).protocol == protocol
        assert sdes(us).receive_key == key(CM_80)


@pytest.mark.rfc(8643, "3.1")
def test_best_effort_is_plain_with_those_who_know_no_keys() -> None:
    us, caller = end(PCMU, security=OPTIONAL), end(PCMU, security=OPTIONAL)
    assert cryptos(us.answer(audio("0"))) == []
    caller.offer()
    caller.accept(audio("0"))
    assert agreed(us).security == agreed(caller).security == Plain()
    assert len(cryptos(caller.offer())) == 2, "a later offer asks again"


@pytest.mark.rfc(4568, "5.1.2")
@pytest.mark.parametrize(
    ("policy", "protocol", "lines", "why"),
    [
        (Policy.PLAIN, "RTP/SAVP", [line()], "it is encrypted"),
        (MUST, "RTP/AVP", [], "it is not encrypted as it must be"),
        (MUST, "RTP/SAVP", [], "no key that we can use"),
        (OPTIONAL, "RTP/SAVP", [], "no key that we can use"),
        (MUST, "RTP/SAVP", [line(more=" UNENCRYPTED_SRTP")], "no key that we can use"),
        (MUST, "RTP/SAVP", ["crypto:1 AES_CM_128_HMAC_SHA1_80 inline:AAAA"], "no key"),
        (MUST, "UDP/TLS/RTP/SAVP", [line()], "no key that we can use"),
    ],
)
def test_what_is_not_kept_as_it_must_be_is_refused(
    policy: Policy, protocol: str, lines: list[str], why: str
) -> None:
    with pytest.raises(SdpError, match=why):
        end(PCMU, security=policy).answer(audio("0", *lines, protocol=protocol))


def test_in_plain_a_key_that_is_offered_at_will_is_left() -> None:
    us = end(PCMU)
    assert cryptos(us.answer(audio("0", line()))) == []
    assert agreed(us).security == Plain()


@pytest.mark.rfc(4568, "5.1.3")
@pytest.mark.parametrize(
    ("policy", "protocol", "lines", "why"),
    [
        (MUST, "RTP/SAVP", [], "has no key"),
        (MUST, "RTP/AVP", [], "has no key"),
        (MUST, "RTP/SAVP", [line(3)], "no key that fits"),
        (MUST, "RTP/SAVP", [line(2, CM_80)], "no key that fits"),
        (MUST, "RTP/SAVP", [line(1, GCM)], "no key that fits"),
        (OPTIONAL, "RTP/AVP", [line(3)], "no key that fits"),
        (OPTIONAL, "RTP/SAVP", [], "encrypted in a way that was not offered"),
        (Policy.PLAIN, "RTP/SAVP", [line()], "encrypted in a way that was not offered"),
        (Policy.PLAIN, "RTP/FOO", [], "of another protocol"),
    ],
)
def test_an_answer_that_breaks_what_was_offered_is_refused(
    policy: Policy, protocol: str, lines: list[str], why: str
) -> None:
    us = end(PCMU, security=policy)
    us.offer()
    with pytest.raises(SdpError, match=why):
        us.accept(audio("0", *lines, protocol=protocol))
    assert us.agreed is None
    us.accept(audio("0", *([] if policy is Policy.PLAIN else [line(2, CM_32)])))


@pytest.mark.rfc(4568, "7.1.4")
def test_a_later_offer_keeps_keys_tags_and_protocol_until_they_are_renewed() -> None:
    a = end(PCMU, security=OPTIONAL)
    b = end(PCMU, security=MUST, seed=2, suites=(CM_32,), port=3000)
    first = cryptos(a.offer())
    a.accept(b.answer(a.offer()))
    before = sdes(a)
    again = cryptos(a.offer())
    assert [one.suite for one in again] == [CM_32, CM_80], "what is agreed comes first"
    assert {one.tag: one.key for one in again} == {one.tag: one.key for one in first}
    a.refused()
    talk(a, b)
    assert sdes(a) == before
    a.renew_keys()
    talk(a, b)
    assert (sdes(a).receive_key, sdes(b).send_key) == (before.receive_key, before.receive_key)
    assert sdes(a).send_key == sdes(b).receive_key != before.send_key
    b.renew_keys()
    talk(a, b)
    assert sdes(a).receive_key == sdes(b).send_key != before.receive_key


def test_terms_that_become_stricter_change_the_protocol_of_the_next_offer() -> None:
    us = end(PCMU)
    us.answer(audio("0", protocol="RTP/AVPF"))
    for policy, protocol in (
        (OPTIONAL, "RTP/AVPF"),
        (MUST, "RTP/SAVP"),
        (Policy.PLAIN, "RTP/AVPF"),
    ):
        us.terms = attrs.evolve(us.terms, security=policy)
        assert section(us.offer()).protocol == protocol


def test_where_what_stands_will_not_do_any_more_another_way_is_offered() -> None:
    us = end(PCMU, security=OPTIONAL, fingerprint=OURS)
    us.answer(audio("0", line(), protocol="RTP/SAVP"))
    us.terms = attrs.evolve(us.terms, security=Policy.DTLS)
    offer = section(us.offer())
    assert offer.protocol == "UDP/TLS/RTP/SAVP" and offer.has("fingerprint")
    us.terms = attrs.evolve(us.terms, security=Policy.PLAIN)
    assert section(us.offer()).protocol == "RTP/AVP"


def test_what_was_turned_off_in_a_strange_protocol_is_offered_again_in_ours() -> None:
    us = end(PCMU, security=OPTIONAL)
    us.answer(audio("0", line(), protocol="RTP/SAVP"))
    us.answer(said("m=audio 0 RTP/FOO 0"))
    assert section(us.offer()).protocol == "RTP/AVP"
    us.accept(audio("0", line(1)))


@pytest.mark.rfc(4568, "7.1.4")
@pytest.mark.parametrize(("policy", "protocol"), [(OPTIONAL, "RTP/SAVP"), (MUST, "RTP/AVP")])
def test_a_call_that_was_encrypted_is_not_answered_in_plain(policy: Policy, protocol: str) -> None:
    us = end(PCMU, security=policy)
    us.answer(audio("0", line(), protocol=protocol))
    assert section(us.offer()).protocol == protocol
    with pytest.raises(SdpError, match="the answer has no key"):
        us.accept(audio("0"))


def test_what_is_offered_is_all_that_there_is_where_the_terms_do_not_choose() -> None:
    offer = end(PCMU, security=MUST, suites=(GCM, CM_80), offered_suites=()).offer()
    assert [one.suite for one in cryptos(offer)] == [GCM, CM_80]


def test_an_answer_by_a_way_that_was_not_offered_is_no_key() -> None:
    fingerprint = f"fingerprint:{OURS}"
    us = end(PCMU, security=MUST, fingerprint=OURS)
    us.offer()
    with pytest.raises(SdpError, match="the answer has no key"):
        us.accept(audio("0", fingerprint, "setup:active", protocol="RTP/SAVP"))
    us = end(PCMU, fingerprint=OURS)
    us.offer()
    us.accept(audio("0", fingerprint, "setup:active", line()))
    assert agreed(us).security == Plain()


@pytest.mark.rfc(4568, "7.1.4")
def test_new_keys_of_theirs_are_seen_in_what_is_agreed() -> None:
    us = end(PCMU, security=OPTIONAL)
    us.answer(audio("0", line(4, CM_80), protocol="RTP/SAVP"))
    before = sdes(us)
    us.answer(audio("0", line(4, CM_80, 50), protocol="RTP/SAVP"))
    assert sdes(us) == attrs.evolve(before, receive_key=key(CM_80, 50))
    offer = us.offer()
    assert section(offer).protocol == "RTP/SAVP", "what is encrypted stays so"
    assert (cryptos(offer)[0].tag, cryptos(offer)[0].key) == (4, before.send_key)


def test_a_refused_offer_with_new_keys_changes_nothing() -> None:
    a, b = end(PCMU, security=MUST), end(PCMU, security=MUST, seed=2, port=3000)
    talk(a, b)
    before = sdes(a)
    a.renew_keys()
    a.offer()
    a.refused()
    assert sdes(a) == before


@pytest.mark.rfc(4568, "5.1.2")
def test_of_two_sections_the_encrypted_one_is_taken_wherever_it_stands() -> None:
    """Old best effort: RTP/SAVP and RTP/AVP side by side."""
    plain, secret = "m=audio 4000 RTP/AVP 0", ("m=audio 4100 RTP/SAVP 0", "a=" + line())
    for lines, taken in (((*secret, plain), 0), ((plain, *secret), 1)):
        us = end(PCMU, security=OPTIONAL)
        answer = parsed(us.answer(said(*lines)))
        assert [bool(one.port) for one in answer.media] == [index == taken for index in (0, 1)]
        assert agreed(us).remote[1] == 4100 and sdes(us).suite == CM_80
        us = end(PCMU)
        us.answer(said(*lines))
        assert agreed(us).remote[1] == 4000 and agreed(us).security == Plain()


def test_no_key_is_in_what_a_log_shows() -> None:
    a = end(PCMU, security=MUST, fingerprint=OURS)
    b = end(PCMU, security=MUST, seed=2, port=3000)
    talk(a, b)
    a.offer()
    shown = repr(a) + repr(a.agreed) + repr(a.offered) + repr(b)
    for secret in (sdes(a).send_key, sdes(a).receive_key):
        assert repr(secret) not in shown and base64.b64encode(secret).decode() not in shown
