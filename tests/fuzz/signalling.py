"""What is fuzzed of signalling: an end of a call, in each dialect, and what its peer might say."""

from __future__ import annotations

from siptg.telegram.signalling.negotiation import Restart
from siptg.telegram.signalling.remote import MOST_CANDIDATES, MOST_GATHERINGS
from tests.fuzz.media import SEPARATOR
from tests.support.dialects import DIALECTS, joined, pair


def dialects(data: bytes) -> None:
    """The first byte says which dialect, which role, and whether the two had agreed before."""
    how = data[0] if data else 0
    ends = (joined if how & 16 else pair)(DIALECTS[how % len(DIALECTS)])
    end = ends[0 if how & 8 else 1]
    end.out.clear()
    before = len(end.lines)
    for n, part in enumerate(data[1:].split(SEPARATOR)[:30]):
        end.hear(part)
        if n % 4 == 3 and end.talks.manners.restart is not Restart.NEVER:
            end.restart()
        end.out += end.talks.mute(bool(n % 2))
        assert sum(map(len, end.out)) <= (len(part) + 4096) * 20
        end.out.clear()
    assert len(end.lines) - before <= MOST_CANDIDATES * (1 + MOST_GATHERINGS)


SIGNALLING = {"dialects": dialects}


def conversations() -> list[bytes]:
    """What each role hears, of each dialect, before and after they have agreed."""
    found = []
    for n, dialect in enumerate(DIALECTS):
        ends = pair(dialect)
        heard: dict[bool, list[bytes]] = {True: [], False: []}
        while any(end.out for end in ends):
            for here, there in (ends, ends[::-1]):
                sent, here.out = here.out, []
                heard[there.caller] += sent
                for text in sent:
                    there.hear(text)
        for caller, said in heard.items():
            for agreed in (0, 16):
                how = next(
                    b for b in range(32) if b % len(DIALECTS) == n and b & 24 == agreed + 8 * caller
                )
                found.append(bytes([how]) + SEPARATOR.join(said))
    return found
