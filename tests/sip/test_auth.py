"""Digest, both sides: the RFC's own examples, and what an attacker tries."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siptg.sip.auth import Client, Credentials, Digest, Ha1, parse_digest
from siptg.sip.auth import server as server_module
from siptg.sip.auth.hashes import HASHES, Asked, ha1_of
from siptg.sip.errors import ProtocolError
from siptg.sip.headers import Headers
from siptg.sip.ids import Ids
from siptg.sip.message import Request, Response
from siptg.sip.uri import Uri


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


def test_challenges_cost_no_memory_and_counts_that_are_forgotten_are_not_taken_again() -> None:
    digest = server()
    for n in range(1000):
        digest.challenges(float(n))
    assert len(digest._used) == 0
    first = answer(digest, 0.0)
    assert digest.verify([first], "REGISTER", 1.0).user == "alice"
    for n in range(server_module.MOST_NONCES):
        digest._used[str(n)] = server_module._Used(1)
    assert digest.verify([answer(digest, 2.0)], "REGISTER", 2.0).user == "alice"
    assert digest.verify([first], "REGISTER", 3.0).stale
    assert len(digest._used) == server_module.MOST_NONCES


@pytest.mark.rfc(7616, "5.12")
def test_counts_may_come_out_of_order_but_only_once() -> None:
    digest, client = server(), Client(Credentials("alice", "pw"), Ids(3))
    challenge = digest.challenges(0.0)[0]
    client.take(refusal(401, challenge))
    values = []
    for _ in range(4):
        request = Request("REGISTER", Uri.parse("sip:r"), Headers())
        client.authorize(request)
        values.append(request.headers.get("Authorization") or "")
    users = [digest.verify([values[n]], "REGISTER", 1.0).user for n in (2, 0, 3, 0, 1, 1)]
    assert users == ["alice", "alice", "alice", None, "alice", None]


@pytest.mark.rfc(8760, "2.3")
@pytest.mark.parametrize("session", ["", "-sess"])
@pytest.mark.parametrize("algorithm", HASHES)
@pytest.mark.parametrize("integrity", [False, True])
@pytest.mark.parametrize("stored", [False, True])
def test_every_algorithm_both_ways(
    algorithm: str, session: str, integrity: bool, stored: bool
) -> None:
    name = algorithm + session
    ha1 = Ha1({algorithm: ha1_of(algorithm, "alice", "r", "pw")})
    digest = Digest(
        "r",
        {"alice": ha1 if stored else "pw"}.get,
        Ids(2),
        algorithms=(name.upper(),),
        integrity=integrity,
    )
    client = Client(Credentials("alice", "pw"), Ids(3))
    challenge = digest.challenges(0.0)[0]
    if integrity:
        challenge = challenge.replace("auth,auth-int", "auth-int")
    assert client.take(refusal(407, challenge))
    request = Request("INVITE", Uri.parse("sip:r"), Headers(), b"v=0")
    client.authorize(request)
    values = request.headers.get_all("Proxy-Authorization")
    assert digest.verify(values, "INVITE", 1.0, b"v=0").user == "alice"
    other = digest.verify(values, "INVITE", 1.0, b"v=1")
    assert other.user is None and other.stale is not integrity


def refusal(status: int, *challenges: str) -> Response:
    name = "Proxy-Authenticate" if status == 407 else "WWW-Authenticate"
    return Response(status, "", Headers([(name, text) for text in challenges]))


@pytest.mark.rfc(3261, "22.3")
def test_challenges_of_several_realms_are_all_answered_the_strongest_of_each() -> None:
    client = Client(Credentials("a", "b"), Ids(1))
    assert client.take(
        refusal(
            407,
            'Digest realm="one", nonce="1", algorithm=MD5, qop="auth"',
            'Digest realm="two", nonce="2", qop="auth"',
            'Digest realm="one", nonce="3", algorithm=SHA-256, qop="auth"',
        )
    )
    request = Request("INVITE", Uri.parse("sip:x"), Headers())
    client.authorize(request)
    given = [parse_digest(v) for v in request.headers.get_all("Proxy-Authorization")]
    assert [(g["realm"], g["nonce"]) for g in given] == [("one", "3"), ("two", "2")]
    client.authorize(request)
    counts = [parse_digest(v)["nc"] for v in request.headers.get_all("Proxy-Authorization")]
    assert counts == ["00000002", "00000002"]


@pytest.mark.rfc(7616, "3.5")
def test_the_server_proves_itself_and_gives_the_next_nonce() -> None:
    client = Client(Credentials("alice", "pw"), Ids(3))
    client.take(refusal(401, 'Digest realm="r", nonce="n1", algorithm=SHA-256, qop="auth"'))
    request = Request("REGISTER", Uri.parse("sip:r"), Headers())
    client.authorize(request)
    given = parse_digest(request.headers.get("Authorization") or "")
    asked = Asked("SHA-256", "REGISTER", "sip:r", "n1", "auth", given["nc"], given["cnonce"])
    proof = asked.rspauth(ha1_of("SHA-256", "alice", "r", "pw"), b"")
    for value, right in ((proof, True), ("0" * 64, False)):
        info = f'rspauth="{value}", nextnonce="n2", qop=auth'
        response = Response(200, "OK", Headers([("Authentication-Info", info)]))
        assert client.confirm(response) is right
    client.authorize(request)
    again = parse_digest(request.headers.get("Authorization") or "")
    assert (again["nonce"], again["nc"]) == ("n2", "00000001")


@pytest.mark.rfc(7616, "3.4.4")
def test_a_user_name_is_hashed_or_marked_as_it_must_be() -> None:
    client = Client(Credentials("Jäsøn", "pw"), Ids(3))
    plain = client.answer(['Digest realm="r", nonce="1", qop="auth"'], "REGISTER", "sip:r")
    assert plain is not None and "username*=UTF-8''J%C3%A4s%C3%B8n" in plain
    digest = Digest("r", {"Jäsøn": "pw"}.get, Ids(2))
    value = client.answer(digest.challenges(0.0), "REGISTER", "sip:r")
    assert value is not None and digest.verify([value], "REGISTER", 1.0).user == "Jäsøn"
    challenge = 'Digest realm="r", nonce="1", qop="auth", algorithm=SHA-256, userhash=true'
    hashed = client.answer([challenge], "REGISTER", "sip:r")
    name = hashlib.sha256("Jäsøn:r".encode()).hexdigest()
    assert hashed is not None and f'username="{name}", userhash=true' in hashed


def test_a_nonce_of_somebody_else_or_of_tomorrow_is_stale() -> None:
    digest, other = server(), Digest("r", {"alice": "pw"}.get, Ids(99))
    assert digest.verify([answer(other)], "REGISTER", 0.0).stale
    assert digest.verify([answer(digest, 50.0)], "REGISTER", 0.0).stale


def test_no_password_is_in_a_repr() -> None:
    assert "pw" not in repr(Credentials("alice", "pw"))


@given(st.text(max_size=200))
def test_any_header_is_judged_without_a_fall(text: str) -> None:
    assert server().verify([text, "Digest " + text], "REGISTER", 0.0).user is None
    try:
        parse_digest(text)
    except ProtocolError:
        return
