"""What another library needs to encode and decode a 20 ms frame.

python codecs.py aiortc pcmu|opus FILE RATE        FILE: s16le mono; prints microseconds a frame
python codecs.py audioop pcmu FILE 8000
"""

import fractions
import itertools
import json
import sys
import time


def aiortc(codec, rate):
    import av
    import numpy as np
    from aiortc.codecs import g711, opus
    from aiortc.jitterbuffer import JitterFrame

    encoder, decoder = {
        "pcmu": (g711.PcmuEncoder, g711.PcmuDecoder),
        "opus": (opus.OpusEncoder, opus.OpusDecoder),
    }[codec]
    encode, decode, stamps = encoder().encode, decoder().decode, itertools.count()

    def run(samples):
        data = np.frombuffer(samples, "<i2").reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(data, format="s16", layout="mono")
        frame.sample_rate, frame.time_base = rate, fractions.Fraction(1, rate)
        frame.pts = next(stamps) * len(samples) // 2
        payloads, stamp = encode(frame)
        for payload in payloads:
            decode(JitterFrame(payload, stamp))

    return run


def audioop(codec, rate):
    import warnings

    warnings.simplefilter("ignore")
    import audioop as library

    return lambda samples: library.ulaw2lin(library.lin2ulaw(samples, 2), 2)


def main(peer, codec, file, rate, seconds=0.4):
    size = int(rate) // 50 * 2
    with open(file, "rb") as opened:
        said = opened.read()
    frames = [said[at : at + size] for at in range(0, len(said) - size + 1, size)]
    run = {"aiortc": aiortc, "audioop": audioop}[peer](codec, int(rate))
    for frame in frames:
        run(frame)
    count, begun = 0, time.perf_counter()
    while (took := time.perf_counter() - begun) < seconds:
        for frame in frames:
            run(frame)
        count += len(frames)
    print(json.dumps(took / count * 1e6))


if __name__ == "__main__":
    main(*sys.argv[1:])
