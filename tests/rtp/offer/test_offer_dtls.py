"""DTLS-SRTP: fingerprints, who begins, and when it begins anew."""

from __future__ import annotations

from typing import Any

import pytest

from siptg.rtp.codecs import PCMU
from siptg.rtp.offer import Dtls, MediaTerms, Negotiator, Plain, Policy, Sdes, Setup
from siptg.rtp.sdp import SdpError
from siptg.rtp.sdp.fingerprint import LENGTHS, Fingerprint
from tests.support.sdp import OURS, THEIRS, agreed, audio, end, said, section, talk

SAVP, SAVPF = "UDP/TLS/RTP/SAVP", "UDP/TLS/RTP/SAVPF"
TLS_ID = "abc3de65cddef001be82"


def ours(policy: Policy = Policy.DTLS, seed: int = 1, port: int = 2000, **terms: Any) -> Negotiator:
    return end(PCMU, security=policy, fingerprint=OURS, seed=seed, port=port, **terms)


def theirs(*lines: str, protocol: str = SAVPF, setup: str = "actpass") -> bytes:
    setups = [f"setup:{setup}"] if setup else []
    return audio("0", f"fingerprint:{THEIRS}", *setups, *lines, protocol=protocol)


def dtls(one: Negotiator) -> Dtls:
    security = agreed(one).security
    assert isinstance(security, Dtls)
    return security


@pytest.mark.rfc(8122, "5")
@pytest.mark.parametrize(("name", "length"), list(LENGTHS.items()))
def test_a_fingerprint_is_read_in_any_case_and_written_in_capitals(name: str, length: int) -> None:
    made = Fingerprint(name, bytes(range(190, 190 + length)).hex(":").upper())
    assert Fingerprint.parse(str(made).swapcase()) == made == Fingerprint.parse(f" {made} ")
    assert str(made).startswith(name + " BE:BF:C0")


@pytest.mark.rfc(8122, "5")
@pytest.mark.parametrize(
    "text", ["", "sha-256", "md5 " + "00:" * 15 + "00", "sha-1 00:11", "sha-1 " + "0g:" * 19 + "00"]
)
def test_a_fingerprint_that_cannot_be_checked_is_refused(text: str) -> None:
    with pytest.raises(SdpError, match=r"unknown hash|bad fingerprint"):
        Fingerprint.parse(text)


@pytest.mark.rfc(5763, "5")
@pytest.mark.rfc(8842, "5.2")
@pytest.mark.parametrize(
    ("policy", "feedback", "protocol"),
    [
        (Policy.DTLS, False, SAVP),
        (Policy.DTLS, True, SAVPF),
        (Policy.DTLS_OPTIONAL, False, "RTP/AVP"),
        (Policy.DTLS_OPTIONAL, True, "RTP/AVPF"),
    ],
)
def test_an_offer_leaves_open_who_begins(policy: Policy, feedback: bool, protocol: str) -> None:
    offer = section(ours(policy, feedback=feedback).offer())
    assert (offer.protocol, offer.get("fingerprint"), offer.get("setup")) == (
        protocol,
        str(OURS),
        "actpass",
    )
    assert len(offer.get("tls-id") or "") >= 20 and not offer.has("crypto")


@pytest.mark.rfc(5763, "5")
def test_two_of_us_take_one_part_each() -> None:
    for setup in (Setup.ACTIVE, Setup.PASSIVE):
        a, b = ours(), ours(seed=2, port=3000, setup=setup)
        talk(a, b)
        assert {dtls(a).setup, dtls(b).setup} == {Setup.ACTIVE, Setup.PASSIVE}
        assert dtls(b).setup is setup
        assert (dtls(a).tls_id, dtls(a).our_tls_id) == (dtls(b).our_tls_id, dtls(b).tls_id)
        assert dtls(a).association == dtls(b).association == 1


@pytest.mark.rfc(4145, "4.1")
@pytest.mark.parametrize(
    ("offered", "answered"),
    [("actpass", "active"), ("active", "passive"), ("passive", "active"), ("", "passive")],
)
def test_our_part_is_the_one_they_leave(offered: str, answered: str) -> None:
    us = ours()
    answer = section(us.answer(theirs(setup=offered)))
    assert (answer.get("setup"), answer.get("fingerprint")) == (answered, str(OURS))
    assert dtls(us).setup.value == answered and dtls(us).fingerprints == (THEIRS,)
    assert not answer.has("tls-id"), "only those who have one get one (RFC 8842 §5.3)"


@pytest.mark.rfc(4145, "4.1")
@pytest.mark.parametrize(
    ("answered", "part"),
    [
        ("active", Setup.PASSIVE),
        ("passive", Setup.ACTIVE),
        ("actpass", Setup.ACTIVE),
        ("", Setup.ACTIVE),
        ("Passive", Setup.ACTIVE),
    ],
)
def test_their_answer_says_our_part(answered: str, part: Setup) -> None:
    us = ours()
    us.offer()
    us.accept(theirs(setup=answered))
    assert dtls(us).setup is part


@pytest.mark.rfc(8842, "5.1")
def test_a_handshake_that_is_put_off_is_refused() -> None:
    us = ours()
    with pytest.raises(SdpError, match="no key that we can use"):
        us.answer(theirs(setup="holdconn"))
    us.offer()
    with pytest.raises(SdpError, match="puts off the handshake"):
        us.accept(theirs(setup="holdconn"))


@pytest.mark.rfc(8122, "5")
def test_fingerprint_and_setup_of_the_session_count_where_the_section_has_none() -> None:
    head = [f"a=fingerprint:{THEIRS}", "a=setup:active"]
    us = ours()
    us.answer(said(*head, f"m=audio 4000 {SAVP} 0"))
    assert (dtls(us).fingerprints, dtls(us).setup) == ((THEIRS,), Setup.PASSIVE)
    other = Fingerprint("sha-1", bytes(20).hex(":"))
    lines = [f"a=fingerprint:{other}", "a=fingerprint:md5 00", "a=fingerprint:sha-512 00"]
    us.answer(said(*head, f"m=audio 4000 {SAVP} 0", *lines, "a=setup:passive"))
    assert (dtls(us).fingerprints, dtls(us).setup) == ((other,), Setup.ACTIVE)


@pytest.mark.rfc(8842, "5.5")
def test_a_later_exchange_changes_neither_part_nor_association() -> None:
    a, b = ours(), ours(seed=2, port=3000)
    talk(a, b)
    before = dtls(a), dtls(b)
    assert section(a.offer()).get("setup") == "actpass"
    talk(a, b)
    assert (dtls(a), dtls(b)) == before
    talk(b, a)
    assert (dtls(a), dtls(b)) == before, "b stays active though a answers now"
    a.port, b.host = 4000, "198.51.100.2"
    talk(a, b)
    assert (dtls(a), dtls(b)) == before, "a name outlives addresses"


@pytest.mark.rfc(8842, "4")
@pytest.mark.parametrize(
    ("old", "new", "anew"),
    [
        ("a=mid:1", "a=mid:2", False),
        ("audio 4000", "audio 4002", False),
        (TLS_ID, TLS_ID[::-1], True),
        (str(THEIRS), str(OURS), True),
        ("setup:actpass", "setup:active", True),
    ],
)
def test_what_makes_a_new_association(old: str, new: str, anew: bool) -> None:
    us = ours()
    offer = theirs("mid:1", f"tls-id:{TLS_ID}")
    first = section(us.answer(offer))
    before = dtls(us)
    again = section(us.answer(offer.replace(old.encode(), new.encode())))
    assert dtls(us).association == (2 if anew else 1)
    assert (again.get("tls-id") != first.get("tls-id")) == anew
    assert again.get("tls-id") == dtls(us).our_tls_id
    assert (dtls(us) == before) == (not anew)


@pytest.mark.rfc(5763, "6.6")
def test_without_a_name_an_association_ends_with_its_addresses_but_not_with_a_hold() -> None:
    us = ours()
    us.answer(theirs())
    us.answer(theirs("sendonly"))
    us.answer(theirs().replace(b"c=IN IP4 192.0.2.9", b"c=IN IP4 0.0.0.0"))
    us.answer(theirs())
    assert dtls(us).association == 1
    us.answer(theirs().replace(b"audio 4000", b"audio 4002"))
    assert dtls(us).association == 2
    us.port = 2002
    us.answer(theirs().replace(b"audio 4000", b"audio 4002"))
    assert dtls(us).association == 3


@pytest.mark.rfc(8842, "5.4")
def test_an_answer_may_begin_anew_and_so_may_another_fork() -> None:
    us = ours()
    us.offer()
    us.accept(theirs(f"tls-id:{TLS_ID}", setup="active"))
    us.accept(theirs(f"tls-id:{TLS_ID}", setup="active"))
    assert dtls(us).association == 1
    us.accept(theirs(f"tls-id:{TLS_ID[::-1]}", setup="active"))
    assert (dtls(us).association, dtls(us).tls_id) == (2, TLS_ID[::-1])
    us.accept(theirs(f"tls-id:{TLS_ID[::-1]}", setup="passive"))
    assert (dtls(us).association, dtls(us).setup) == (3, Setup.ACTIVE)


@pytest.mark.parametrize("name", ["", "x" * 256, "a b", "ü", 'x"'])
def test_a_name_that_is_none_is_passed_over(name: str) -> None:
    us = ours()
    us.answer(theirs(f"tls-id:{name}"))
    assert dtls(us).tls_id == ""


@pytest.mark.rfc(8643, "3.1")
@pytest.mark.parametrize("protocol", ["RTP/AVP", "RTP/SAVPF", SAVP, SAVPF])
@pytest.mark.parametrize("policy", [Policy.DTLS, Policy.DTLS_OPTIONAL, Policy.SDES_OPTIONAL])
def test_a_fingerprint_is_taken_in_any_protocol(policy: Policy, protocol: str) -> None:
    us = ours(policy)
    assert section(us.answer(theirs(protocol=protocol))).protocol == protocol
    assert dtls(us).fingerprints == (THEIRS,)
    offer = section(us.offer())
    assert offer.protocol == protocol and offer.has("fingerprint"), "what stands is kept"


@pytest.mark.rfc(8643, "3.1")
def test_best_effort_is_plain_with_those_who_know_no_fingerprints() -> None:
    us, caller = ours(Policy.DTLS_OPTIONAL), ours(Policy.DTLS_OPTIONAL)
    assert not section(us.answer(audio("0"))).has("fingerprint")
    caller.offer()
    caller.accept(audio("0"))
    assert agreed(us).security == agreed(caller).security == Plain()


CRYPTO = "crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + "A" * 40


@pytest.mark.rfc(8643, "3.1")
@pytest.mark.parametrize(
    ("policy", "security"),
    [
        (Policy.PLAIN, Plain),
        (Policy.SDES_OPTIONAL, Sdes),
        (Policy.SDES, Sdes),
        (Policy.DTLS_OPTIONAL, Dtls),
        (Policy.DTLS, Dtls),
    ],
)
def test_of_several_ways_the_policy_chooses(policy: Policy, security: type) -> None:
    us = ours(policy)
    answer = section(us.answer(theirs(CRYPTO, protocol="RTP/AVP")))
    assert type(agreed(us).security) is security
    assert (answer.has("crypto"), answer.has("fingerprint")) == (security is Sdes, security is Dtls)


@pytest.mark.rfc(5763, "5")
@pytest.mark.parametrize(
    ("policy", "offer", "why"),
    [
        (Policy.PLAIN, theirs(), "it is encrypted"),
        (Policy.SDES, theirs(), "no key that we can use"),
        (Policy.DTLS, audio("0", protocol=SAVP), "no key that we can use"),
        (Policy.DTLS, audio("0"), "not encrypted as it must be"),
        (Policy.DTLS, audio("0", CRYPTO, protocol="RTP/SAVP"), "no key that we can use"),
    ],
)
def test_an_offer_without_what_we_ask_for_is_refused(
    policy: Policy, offer: bytes, why: str
) -> None:
    with pytest.raises(SdpError, match=why):
        ours(policy).answer(offer)


def test_without_a_certificate_there_is_no_dtls() -> None:
    with pytest.raises(SdpError, match="no key that we can use"):
        end(PCMU, security=Policy.SDES_OPTIONAL).answer(theirs())
    with pytest.raises(ValueError, match="DTLS needs the fingerprint"):
        MediaTerms((PCMU,), security=Policy.DTLS)


def test_an_answer_without_what_we_ask_for_is_refused() -> None:
    us = ours()
    us.offer()
    for answer in (audio("0"), audio("0", protocol=SAVP), audio("0", CRYPTO)):
        with pytest.raises(SdpError, match="has no key"):
            us.accept(answer)
