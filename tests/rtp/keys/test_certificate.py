"""Our certificate, and which of theirs is believed."""

from __future__ import annotations

import datetime

import pytest
from cryptography.hazmat.primitives import hashes

from siptg.rtp.keys.certificate import HASHES, Certificate, believed
from siptg.rtp.keys.dtls import Dtls
from tests.rtp.dtls_network import TODAY, Network, certificate, talk


@pytest.mark.rfc(8122, "5.1")
def test_the_best_hash_that_is_named_decides_and_one_match_among_its_values_is_enough() -> None:
    def digest(algorithm: str) -> str:
        return {"sha-1": "01:0A", "sha-256": "02:0B", "sha-512": "03:0C"}[algorithm]

    assert believed(digest, [("sha-256", "02:0B")])
    assert believed(digest, [("SHA-256", " 02:0b ")])
    assert believed(digest, [("sha-1", "01:0A")])
    assert believed(digest, [("sha-256", "FF:FF"), ("sha-256", "02:0B")])
    assert believed(digest, [("sha-1", "FF:FF"), ("sha-256", "02:0B")])
    assert not believed(digest, [("sha-1", "01:0A"), ("sha-256", "FF:FF")])
    assert not believed(digest, [("sha-256", "02:0B"), ("sha-512", "FF:FF")])
    assert not believed(digest, [("md5", "01:0A")])
    assert believed(digest, [("md5", "FF"), ("sha-1", "01:0A")])
    assert not believed(digest, [("sha-256", "")])
    assert not believed(digest, [])


@pytest.mark.rfc(8122, "5")
@pytest.mark.parametrize("algorithm", HASHES)
def test_every_hash_function_that_is_believed_is_computed(algorithm: str) -> None:
    hers, his = certificate("hers"), certificate("his")
    function = getattr(hashes, algorithm.upper().replace("-", ""))()
    value = hers.public.fingerprint(function).hex(":")
    network = Network(
        (
            Dtls(hers, [his.fingerprint], client=True),
            Dtls(his, [(algorithm, value)], client=False),
        )
    )
    network.start()
    network.run()
    talk(network.ends[0].srtp, network.ends[1].srtp)


def test_a_certificate_names_nobody_and_is_good_for_years() -> None:
    made = Certificate.make(TODAY)
    algorithm, value = made.fingerprint
    assert (algorithm, len(value.split(":"))) == ("sha-256", 32)
    assert made.public.not_valid_before_utc < TODAY
    assert made.public.not_valid_after_utc > TODAY + datetime.timedelta(days=3650)
    assert made.public.subject.rfc4514_string() == "CN=sip"
    assert "PrivateKey" not in repr(made)
