"""The 49 messages of RFC 4475, and what a user agent with a registrar makes of each.

The messages lie in a folder beside the repository (the environment variable SIPTG_SHARED names
another); they are the IETF's and are not copied in here.
"""

from __future__ import annotations

import csv
import hashlib
import os
from functools import cache
from pathlib import Path

import attrs
import pytest

from tests.machines import ROOT


@attrs.frozen
class Expect:
    """One of `statuses`; or nothing, or a call, where these are right as well."""

    section: str
    statuses: tuple[int, ...] = ()
    call: bool = False
    silent: bool = False


MESSAGES = {
    # valid
    "wsinv": Expect("3.1.1.1", (481,)),
    "intmeth": Expect("3.1.1.2", (405, 501)),
    "esc01": Expect("3.1.1.3", call=True),
    "escnull": Expect("3.1.1.4", (200,)),
    "esc02": Expect("3.1.1.5", (405, 501)),
    "lwsdisp": Expect("3.1.1.6", (200,)),
    "longreq": Expect("3.1.1.7", call=True),
    "dblreq": Expect("3.1.1.8", (200,)),
    "semiuri": Expect("3.1.1.9", (200,)),
    "transports": Expect("3.1.1.10", (200,)),
    "mpart01": Expect("3.1.1.11", (405, 415)),
    "unreason": Expect("3.1.1.12", silent=True),
    "noreason": Expect("3.1.1.13", silent=True),
    # invalid
    "badinv01": Expect("3.1.2.1", (400,)),
    "clerr": Expect("3.1.2.2", (400,), silent=True),
    "ncl": Expect("3.1.2.3", (400,)),
    "scalar02": Expect("3.1.2.4", (400,)),
    "scalarlg": Expect("3.1.2.5", silent=True),
    "quotbal": Expect("3.1.2.6", (400,)),
    "ltgtruri": Expect("3.1.2.7", (400,), call=True),
    "lwsruri": Expect("3.1.2.8", (400, 481)),
    "lwsstart": Expect("3.1.2.9", (400,), call=True),
    "trws": Expect("3.1.2.10", (400, 200)),
    "escruri": Expect("3.1.2.11", (400,), call=True),
    "baddate": Expect("3.1.2.12", (400,), call=True),
    "regbadct": Expect("3.1.2.13", (400,)),
    "badaspec": Expect("3.1.2.14", (400, 200)),
    "baddn": Expect("3.1.2.15", (400, 200)),
    "badvers": Expect("3.1.2.16", (505,)),
    "mismatch01": Expect("3.1.2.17", (400,)),
    "mismatch02": Expect("3.1.2.18", (400, 405, 501)),
    "bigcode": Expect("3.1.2.19", silent=True),
    # what is well-formed, and wrong or odd in what it means
    "badbranch": Expect("3.2.1", (200,)),
    "insuf": Expect("3.3.1", (400,), silent=True),
    "unkscm": Expect("3.3.2", (416,)),
    "novelsc": Expect("3.3.3", (416,)),
    "unksm2": Expect("3.3.4", (400, 403, 404, 416)),
    "bext01": Expect("3.3.5", (420,)),
    "invut": Expect("3.3.6", (415,)),
    "regaut01": Expect("3.3.7", (200,)),  # this registrar asks nobody; the next test does
    "multi01": Expect("3.3.8", (400,)),
    "mcl01": Expect("3.3.9", (400,)),
    "bcast": Expect("3.3.10", silent=True),
    "zeromf": Expect("3.3.11", (200,)),
    "cparam01": Expect("3.3.12", (200,)),
    "cparam02": Expect("3.3.13", (200,)),
    "regescrt": Expect("3.3.14", (200, 400, 403)),
    "sdp01": Expect("3.3.15", (406,)),
    "inv2543": Expect("3.4.1", call=True),
}


def folder() -> Path:
    """Where the messages lie; skips where they are not here, fails where CI must have them."""
    shared = Path(os.environ.get("SIPTG_SHARED") or ROOT.parent / "shared")
    found = shared / "data" / "rfc4475"
    if not found.is_dir():
        must = os.environ.get("CI") == "true" and shared.is_dir()
        refuse = pytest.fail if must else pytest.skip
        refuse("the messages of RFC 4475 are not beside this repository (SIPTG_SHARED)")
    return found


@cache
def _index(where: Path) -> dict[str, dict[str, str]]:
    with (where / "index.tsv").open(encoding="utf-8", newline="") as lines:
        return {row["name"]: row for row in csv.DictReader(lines, delimiter="\t")}


def index() -> dict[str, dict[str, str]]:
    return _index(folder())


def message(name: str) -> bytes:
    """Its very bytes, checked against the digest in the index."""
    where = folder()
    data = (where / f"{name}.dat").read_bytes()
    assert hashlib.sha256(data).hexdigest() == index()[name]["sha256"], f"{name} was changed"
    return data
