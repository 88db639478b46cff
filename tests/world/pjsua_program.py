"""pjsua2 (PJSIP 2.15) as a foreign SIP phone: a program told by lines of JSON, run by `pjsua.py`.

    python pjsua_program.py '{"port": 5080, "transport": "udp", "hz": 440, "prack": true}'

Orders come on standard input, as {"do": "dial", "uri": "sip:…"}; events leave on standard output.
PJSIP is GPL: it is a process of its own here, and nothing of ours imports it. One endpoint a
process, and only the thread that made it may tell it anything.
"""

from __future__ import annotations

import json
import math
import os
import select
import sys
import tempfile
import time
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pjsua2 as pj

RATE = 16_000
TRANSPORTS = {
    "udp": pj.PJSIP_TRANSPORT_UDP,
    "tcp": pj.PJSIP_TRANSPORT_TCP,
    "tls": pj.PJSIP_TRANSPORT_TLS,
}
SRTP = {
    "": pj.PJMEDIA_SRTP_DISABLED,
    "optional": pj.PJMEDIA_SRTP_OPTIONAL,
    "mandatory": pj.PJMEDIA_SRTP_MANDATORY,
}
FOLDER = Path(tempfile.mkdtemp())


def say(event: str, **values: Any) -> None:
    os.write(1, (json.dumps({"event": event, **values}) + "\n").encode())


def loudest(path: Path) -> float:
    """Frequency of the last second of a WAV file that is still being written."""
    samples = np.frombuffer(path.read_bytes()[44:][: (path.stat().st_size - 44) & ~1], "<i2")
    heard = samples[-RATE:].astype(float)
    if len(heard) < RATE // 2 or np.abs(heard).max() < 50:
        return 0.0
    spectrum = np.abs(np.fft.rfft(heard * np.hanning(len(heard))))
    return float(np.argmax(spectrum)) * RATE / len(heard)


class Call(pj.Call):  # type: ignore[misc]
    """Its media is a file that it says and a file that it hears."""

    recorder: Any = None

    def reply(self, code: int) -> None:
        prm = pj.CallOpParam(True)
        prm.statusCode = code
        self.answer(prm)

    def onCallState(self, prm: Any) -> None:
        info = self.getInfo()
        say("state", state=info.stateText, code=int(info.lastStatusCode), call=self.number)

    @property
    def number(self) -> int:
        return next((n for n, call in enumerate(Phone.calls) if call is self), len(Phone.calls))

    def onCallMediaState(self, prm: Any) -> None:
        info = self.getInfo()
        say("media", status=[m.status for m in info.media], call=self.number)
        if not info.media or info.media[0].status != pj.PJSUA_CALL_MEDIA_ACTIVE:
            return
        audio = self.getAudioMedia(0)
        if self.recorder is None:
            self.path = FOLDER / f"heard{len(list(FOLDER.iterdir()))}.wav"
            self.recorder, self.player = pj.AudioMediaRecorder(), pj.AudioMediaPlayer()
            self.recorder.createRecorder(str(self.path), 0, 0)
            self.player.createPlayer(str(FOLDER / "said.wav"))
        self.player.startTransmit(audio)
        audio.startTransmit(self.recorder)

    def onDtmfDigit(self, prm: Any) -> None:
        say("dtmf", digit=prm.digit)

    def onCallTransferStatus(self, prm: Any) -> None:
        say("transfer", code=int(prm.statusCode))


class Phone(pj.Account):  # type: ignore[misc]
    calls: list[Call] = []  # noqa: RUF012

    def onIncomingCall(self, prm: Any) -> None:
        call = Call(self, prm.callId)
        self.calls.append(call)
        say("incoming", caller=call.getInfo().remoteUri)
        call.reply(180)


def act(phone: Phone, order: dict[str, Any]) -> None:
    kind, prm = order["do"], pj.CallOpParam(True)
    if kind == "dial":
        call = Call(phone)
        phone.calls.append(call)
        call.makeCall(order["uri"], prm)
        return
    call = phone.calls[order.get("call", -1)]
    if kind == "accept":
        call.reply(200)
    elif kind == "hold":
        call.setHold(prm)
    elif kind == "resume":
        prm.opt.flag = pj.PJSUA_CALL_UNHOLD
        call.reinvite(prm)
    elif kind == "update":
        call.update(prm)
    elif kind == "dtmf":
        call.dialDtmf(order["digits"])
    elif kind == "info":
        keys = pj.CallSendDtmfParam()
        keys.digits, keys.method = order["digits"], pj.PJSUA_DTMF_METHOD_SIP_INFO
        call.sendDtmf(keys)
    elif kind == "transfer":
        call.xfer(order["uri"], prm)
    elif kind == "attended":
        phone.calls[0].xferReplaces(phone.calls[1], prm)
    elif kind == "hangup":
        call.hangup(prm)
    else:
        raise ValueError(f"unknown order {kind}")


def settings(options: dict[str, Any], port: int) -> Any:
    account = pj.AccountConfig()
    account.idUri = f"sip:pjsua@127.0.0.1:{port}"
    media, calls = account.mediaConfig, account.callConfig
    media.transportConfig.boundAddress = media.transportConfig.publicAddress = "127.0.0.1"
    media.srtpUse, media.srtpSecureSignaling = SRTP[options.get("srtp", "")], 0
    if media.srtpUse:
        media.srtpOpt.keyings.append(pj.PJMEDIA_SRTP_KEYING_SDES)
    prack, timer = bool(options.get("prack")), bool(options.get("timer"))
    calls.prackUse = pj.PJSUA_100REL_MANDATORY if prack else pj.PJSUA_100REL_NOT_USED
    calls.timerUse = pj.PJSUA_SIP_TIMER_ALWAYS if timer else pj.PJSUA_SIP_TIMER_INACTIVE
    calls.timerMinSESec = calls.timerSessExpiresSec = 90
    return account


def endpoint_of(options: dict[str, Any], port: int) -> Any:
    endpoint, config = pj.Endpoint(), pj.EpConfig()
    endpoint.libCreate()
    level = int(options.get("log", 0))
    log, media = config.logConfig, config.medConfig
    log.level = log.consoleLevel = level
    log.msgLogging = int(level > 4)
    config.uaConfig.threadCnt, config.uaConfig.mainThreadOnly = 0, True
    media.clockRate, media.noVad, media.ecTailLen = RATE, True, 0
    endpoint.libInit(config)
    endpoint.audDevManager().setNullDev()
    transport = pj.TransportConfig()
    transport.port = port
    transport.boundAddress = transport.publicAddress = "127.0.0.1"
    if options.get("certificate"):
        files = transport.tlsConfig
        files.certFile = files.privKeyFile = options["certificate"]
    endpoint.transportCreate(TRANSPORTS[options.get("transport", "udp")], transport)
    endpoint.libStart()
    for codec in endpoint.codecEnum2():
        name = codec.codecId.lower()
        wanted = str(options.get("codec", "pcmu"))
        endpoint.codecSetPriority(codec.codecId, 255 if name.startswith(wanted) else 0)
    return endpoint


def main() -> None:
    options = json.loads(sys.argv[1])
    port = int(options["port"])
    tone = np.sin(2 * np.pi * options.get("hz", 880) * np.arange(RATE * 10) / RATE) * 11_600
    with wave.open(str(FOLDER / "said.wav"), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes(tone.astype("<i2").tobytes())
    endpoint, phone = endpoint_of(options, port), Phone()
    phone.create(settings(options, port))
    say("ready")
    serve(endpoint, phone, answers=bool(options.get("answer")))
    endpoint.hangupAllCalls()
    for _ in range(30):
        endpoint.libHandleEvents(10)
    os._exit(0)  # the library's own end crashes where Python objects outlive it


def serve(endpoint: Any, phone: Phone, *, answers: bool) -> None:
    buffer, hear_at = b"", time.monotonic() + 0.5
    answer_at: dict[int, float] = {}
    while True:
        endpoint.libHandleEvents(10)
        now = time.monotonic()
        if now >= hear_at:
            hear_at = now + 0.5
            for call in phone.calls:
                if call.recorder and call.isActive():
                    say("heard", hz=loudest(call.path))
        for number, call in enumerate(phone.calls if answers else []):
            if number not in answer_at:
                answer_at[number] = now + 0.3
            elif answer_at[number] <= now:
                answer_at[number] = math.inf
                if call.isActive() and call.getInfo().role == pj.PJSIP_ROLE_UAS:
                    call.reply(200)
        if not select.select([0], [], [], 0)[0]:
            continue
        data = os.read(0, 65_536)
        if not data:
            return
        *lines, buffer = (buffer + data).split(b"\n")
        for line in lines:
            order = json.loads(line)
            try:
                act(phone, order)
            except (pj.Error, IndexError, ValueError) as trouble:
                text = trouble.info() if isinstance(trouble, pj.Error) else str(trouble)
                say("error", order=order, text=text)


if __name__ == "__main__":
    main()
