"""Video that never comes, in full dress: what a dialect demands of the pictures we do not send."""

from __future__ import annotations

from typing import Any

import attrs

from siptg.telegram.signalling.messages import Json, list_of, whole


@attrs.frozen
class Vp8:
    """VP8 and its retransmissions by their payload types."""

    main: int = 96
    again: int = 97

    def content(self, *pair: int) -> Json:
        """With the SSRCs of a stream and of its retransmissions (RFC 4588)."""
        return {
            "ssrc": str(pair[0]),
            "ssrcGroups": [{"semantics": "FID", "ssrcs": [*pair]}],
            "payloadTypes": [
                _payload(self.main, "VP8"),
                _payload(self.again, "rtx") | {"parameters": {"apt": str(self.main)}},
            ],
            "rtpExtensions": [],
        }


def vp8_of(raw: Any) -> Vp8 | None:
    """What an offer calls them; None where it has no such pair."""
    try:
        types = [kind for kind in list_of(raw["payloadTypes"], 128) if isinstance(kind, dict)]
        main = next(whole(k["id"], 0, 127) for k in types if str(k.get("name")).upper() == "VP8")
        for kind in types:
            of = (kind.get("parameters") or {}).get("apt")
            if str(kind.get("name")).lower() == "rtx" and str(of) == str(main):
                return Vp8(main, whole(kind["id"], 0, 127))
    except (KeyError, TypeError, ValueError, AttributeError, StopIteration):
        pass
    return None


def _payload(number: int, name: str) -> Json:
    # without `parameters` where there are none: an empty a=fmtp line breaks a description
    return {
        "id": number,
        "name": name,
        "clockrate": 90_000,
        "channels": 0,
        "feedbackTypes": [],
    }
