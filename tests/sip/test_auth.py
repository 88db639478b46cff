"""Digest, both sides: the RFC's own examples, and what an attacker tries."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siptg.sip.auth import Client, Credentials, Digest, parse_digest
from siptg.sip.errors import ProtocolError
from siptg.sip.ids import Ids


class Fixed(Ids):
    def __init__(self, cnonce: str) -> None:
        super().__init__(1)
        self._fixed = cnonce

    def cnonce(self) -> str:
        return self._fixed


@pytest.mark.rfc(7616, "3.9.1")
@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_example_of_rfc_7616(algorithm: str, response: str) -> None:
    client = Client(
        Credentials("Mufasa", "Circle of Life"),
        Fixed("f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"),
    )
    challenge = (
        'Digest realm="http-auth@example.org", qop="auth, auth-int", '
        f'algorithm={algorithm}, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="o"'
    )
    value = client.answer([challenge], "GET", "/dir/index.html")
    assert value is not None
    assert parse_digest(value)["response"] == response
    assert parse_digest(value)["opaque"] == "o"


@pytest.mark.rfc(2617, "3.5")
def test_without_qop_the_old_way() -> None:
    client = Client(Credentials("Mufasa", "Circle Of Life"), Ids(1))
    challenge = 'Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093"'
    value = client.answer([challenge], "GET", "/dir/index.html")
    assert value is not None
    given = parse_digest(value)
    assert given["response"] == "670fd8c2df070c60b045671b8b24ff02"
    assert "qop" not in given and "cnonce" not in given


@pytest.mark.rfc(8760, "2.4")
def test_the_strongest_of_several_challenges_is_answered() -> None:
    client = Client(Credentials("a", "b"), Ids(1))
    texts = [
        'Basic realm="x"',
        'Digest realm="r", nonce="1", algorithm=MD5, qop="auth"',
        'Digest realm="r", nonce="2", algorithm=SHA-256, qop="auth"',
        'Digest realm="r", nonce="3", algorithm=NEW, qop="auth"',
    ]
    value = client.answer(texts, "REGISTER", "sip:x")
    assert value is not None and parse_digest(value)["nonce"] == "2"
    assert client.answer(texts[:1] + texts[3:], "REGISTER", "sip:x") is None


def server() -> Digest:
    return Digest("r", {"alice": "pw"}.get, Ids(2))


def answer(digest: Digest, now: float = 0.0, *, user: str = "alice", password: str = "pw") -> str:
    value = Client(Credentials(user, password), Ids(3)).answer(
        digest.challenges(now), "REGISTER", "sip:r"
    )
    assert value is not None
    return value


def test_right_credentials_pass_once_for_each_count() -> None:
    digest = server()
    value = answer(digest)
    assert digest.verify([value], "REGISTER", 1.0).user == "alice"
    replayed = digest.verify([value], "REGISTER", 2.0)
    assert (replayed.user, replayed.stale) == (None, True)


def test_a_nonce_gets_old_and_the_client_is_told_that_its_password_is_right() -> None:
    digest = server()
    verdict = digest.verify([answer(digest)], "REGISTER", 1000.0)
    assert (verdict.user, verdict.stale) == (None, True)
    assert "stale=true" in digest.challenges(0.0, stale=True)[0]


@pytest.mark.parametrize("user", ["alice", "nobody", ""])
def test_wrong_password_and_unknown_user_look_the_same(user: str) -> None:
    digest = server()
    verdict = digest.verify([answer(digest, user=user, password="")], "REGISTER", 0.0)
    assert (verdict.user, verdict.stale, verdict.why) == (None, False, "wrong user or password")


def test_an_answer_for_another_method_does_not_pass() -> None:
    digest = server()
    assert digest.verify([answer(digest)], "INVITE", 0.0).user is None


def test_nonces_are_bounded() -> None:
    digest = server()
    for n in range(10_100):
        digest.challenges(float(n))
    assert len(digest._nonces) == 10_000


def test_no_password_is_in_a_repr() -> None:
    assert "pw" not in repr(Credentials("alice", "pw"))


@given(st.text(max_size=200))
def test_any_header_is_judged_without_a_fall(text: str) -> None:
    assert server().verify([text, "Digest " + text], "REGISTER", 0.0).user is None
    try:
        parse_digest(text)
    except ProtocolError:
        return
