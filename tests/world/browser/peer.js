// The other end of a call in a browser, driven over a WebSocket whose address is the page's hash.
//
// In   {do: "start", dialect: "web" | "sdp", outgoing, hz, video}   {do: "signal", message}
//      {do: "restart"}   {do: "mute", on}
// Out  {ready: true}   {signal: message}   {heard: Hz}   {state: text}   {channel: message}
//      {error: text}   {described: [sections]}
"use strict";

const socket = new WebSocket(location.hash.slice(1));
const tell = (line) => socket.send(JSON.stringify(line));
const oops = (error) => tell({ error: String((error && error.stack) || error) });
addEventListener("error", (event) => oops(event.error || event.message));
addEventListener("unhandledrejection", (event) => oops(event.reason));

let peer = null;

socket.onopen = () => tell({ ready: true });
// one after another: a description is whole before the next message is looked at
let before = Promise.resolve();
socket.onmessage = (event) => {
  const line = JSON.parse(event.data);
  before = before.then(() => obey(line)).catch(oops);
};

async function obey(line) {
  if (line.do === "start") {
    peer = line.dialect === "web" ? new Web(line) : new Reference(line);
    await peer.begin();
  } else if (line.do === "signal") {
    await peer.hear(line.message);
  } else if (line.do === "restart") {
    await peer.restart();
  } else if (line.do === "mute") {
    peer.mute(line.on);
  }
}

class Peer {
  constructor({ outgoing, hz, video }) {
    Object.assign(this, { outgoing, hz, video });
    this.early = [];
    this.sound = new AudioContext();
    this.connection = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
    this.connection.ontrack = ({ track }) => track.kind === "audio" && this.listen(track);
    this.connection.onconnectionstatechange = () => tell({ state: this.connection.connectionState });
    this.connection.onicecandidate = ({ candidate }) => candidate && this.candidate(candidate);
  }

  tone() {
    const oscillator = new OscillatorNode(this.sound, { frequency: this.hz });
    const quieter = new GainNode(this.sound, { gain: 0.3 });
    const out = new MediaStreamAudioDestinationNode(this.sound);
    oscillator.connect(quieter).connect(out);
    oscillator.start();
    this.quieter = quieter;
    return out.stream.getAudioTracks()[0];
  }

  picture() {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = 16;
    canvas.getContext("2d").fillRect(0, 0, 16, 16);
    return canvas.captureStream(1).getVideoTracks()[0];
  }

  // what comes is measured four times a second
  listen(track) {
    const stream = new MediaStream([track]);
    const player = new Audio();  // without one, Chromium decodes nothing for WebAudio
    player.srcObject = stream;
    player.muted = true;
    player.play().catch(oops);
    const ear = new AnalyserNode(this.sound, { fftSize: 32768, smoothingTimeConstant: 0 });
    new MediaStreamAudioSourceNode(this.sound, { mediaStream: stream }).connect(ear);
    const levels = new Float32Array(ear.frequencyBinCount);
    setInterval(() => {
      ear.getFloatFrequencyData(levels);
      let loudest = 1;
      for (let bin = 2; bin < levels.length; bin += 1) {
        if (levels[bin] > levels[loudest]) loudest = bin;
      }
      const hz = (loudest * this.sound.sampleRate) / ear.fftSize;
      tell({ heard: levels[loudest] > -60 ? hz : 0 });
    }, 250);
  }

  use(channel) {
    this.channel = channel;
    channel.onmessage = ({ data }) => tell({ channel: JSON.parse(data) });
    channel.onopen = () => tell({ opened: channel.id });
  }

  async candidates(lines) {
    this.early.push(...lines);
    if (!this.connection.remoteDescription) return;
    for (const candidate of this.early.splice(0)) {
      await this.connection.addIceCandidate({ candidate, sdpMLineIndex: 0 });
    }
  }
}

// 10.0.0 and 11.0.0: descriptions as they are; who is called does not give way.
class Reference extends Peer {
  async begin() {
    this.connection.ondatachannel = ({ channel }) => this.use(channel);
    if (!this.outgoing) {
      // made beforehand, a sender is no answer to an offered section: it wants one of its own
      this.connection.addTransceiver(this.tone());
      if (this.video) this.connection.addTransceiver(this.picture());
      this.connection.onnegotiationneeded = () => this.offered && this.describe();
      return;
    }
    this.use(this.connection.createDataChannel("data"));
    this.connection.addTransceiver(this.tone());
    if (this.video) this.connection.addTransceiver(this.picture());
    await this.describe();
  }

  candidate({ candidate, sdpMid, sdpMLineIndex }) {
    tell({ signal: { "@type": "candidate", sdp: candidate, mid: sdpMid, mline: sdpMLineIndex } });
  }

  async describe() {
    await this.connection.setLocalDescription();
    const { type, sdp } = this.connection.localDescription;
    tell({ signal: { "@type": type, sdp } });
  }

  async hear(message) {
    const type = message["@type"];
    if (type === "candidate") {
      await this.candidates([message.sdp]);
    } else if (type === "offer" || type === "answer") {
      const collides = type === "offer" && this.connection.signalingState !== "stable";
      if (collides && !this.outgoing) return;
      await this.connection.setRemoteDescription({ type, sdp: message.sdp });
      this.offered = true;
      await this.candidates([]);
      if (type === "offer") await this.describe();
    }
  }

  async restart() {
    this.connection.restartIce();
    if (this.outgoing) await this.describe();
  }
}

// 4.0.0 and 4.0.1: one InitialSetup a side, which stands for a description.
class Web extends Peer {
  async begin() {
    this.use(this.connection.createDataChannel("data", { negotiated: true, id: 0 }));
    const stream = new MediaStream();
    for (const track of [this.tone(), this.picture(), this.picture()]) {
      this.connection.addTrack(track, stream);
    }
    if (this.outgoing) {
      await this.connection.setLocalDescription(await this.connection.createOffer());
      this.setUp();
    }
  }

  candidate({ candidate }) {
    tell({ signal: { "@type": "Candidates", candidates: [{ sdpString: candidate }] } });
  }

  setUp() {
    const { sdp } = this.connection.localDescription;
    const [, ...sections] = sdp.split(/\r\n(?=m=)/);
    const [audio, video, screencast] = sections.map(contentOf);
    const [hash, fingerprint] = first(sdp, "fingerprint").split(" ");
    if (!video.ssrcGroups.length || !screencast.ssrcGroups.length) throw Error("no FID of ours");
    tell({
      signal: {
        "@type": "InitialSetup",
        ufrag: first(sdp, "ice-ufrag"),
        pwd: first(sdp, "ice-pwd"),
        fingerprints: [{ hash, fingerprint, setup: first(sdp, "setup") }],
        audio,
        video,
        screencast,
      },
    });
  }

  async hear(message) {
    if (message["@type"] === "Candidates") {
      await this.candidates(message.candidates.map((one) => one.sdpString));
    } else if (message["@type"] === "MediaState") {
      tell({ channel: message });
      this.mute(this.muted);
    } else if (message["@type"] === "InitialSetup") {
      const type = this.outgoing ? "answer" : "offer";
      if (type === "answer" && this.connection.signalingState === "stable") return;
      await this.connection.setRemoteDescription({ type, sdp: descriptionOf(message) });
      await this.candidates([]);
      if (type === "offer") {
        await this.connection.setLocalDescription(await this.connection.createAnswer());
        this.setUp();
      }
    }
  }

  mute(on) {
    this.muted = Boolean(on);
    this.quieter.gain.value = on ? 0 : 0.3;
    const state = { "@type": "MediaState", isMuted: this.muted, isBatteryLow: false };
    tell({ signal: { ...state, videoState: "inactive", videoRotation: 0, screencastState: "inactive" } });
  }
}

function values(text, name) {
  const start = `a=${name}:`;
  return text.split("\r\n").filter((l) => l.startsWith(start)).map((l) => l.slice(start.length));
}

function first(text, name) {
  return values(text, name)[0];
}

// One section of ours as messages have it.
function contentOf(section) {
  const about = (name, id) =>
    values(section, name).filter((v) => v.startsWith(`${id} `)).map((v) => v.slice(`${id} `.length));
  const payloadTypes = values(section, "rtpmap").map((value) => {
    const [id, what] = value.split(" ");
    const [name, clockrate, channels] = what.split("/");
    const parameters = Object.fromEntries(
      about("fmtp", id).flatMap((v) => v.split(";").map((pair) => pair.trim().split("="))),
    );
    const feedbackTypes = about("rtcp-fb", id).map((v) => {
      const [type, ...subtype] = v.split(" ");
      return { type, subtype: subtype.join(" ") };
    });
    const made = { id: Number(id), name, clockrate: Number(clockrate), feedbackTypes };
    if (channels) made.channels = Number(channels);
    if (Object.keys(parameters).length) made.parameters = parameters;
    return made;
  });
  const groups = values(section, "ssrc-group").map((value) => {
    const [semantics, ...ssrcs] = value.split(" ");
    return { semantics, ssrcs: ssrcs.map(Number) };
  });
  const rtpExtensions = values(section, "extmap").map((value) => {
    const [id, uri] = value.split(" ");
    return { id: parseInt(id, 10), uri };
  });
  const ssrc = (first(section, "ssrc") || "0").split(" ")[0];
  return { ssrc, ssrcGroups: groups, payloadTypes, rtpExtensions };
}

// An InitialSetup of theirs as a description; what it lacks breaks here, as it would there.
function descriptionOf({ ufrag, pwd, fingerprints, audio, video, screencast }) {
  const lines = ["v=0", `o=- ${Date.now()} 2 IN IP4 0.0.0.0`, "s=-", "t=0 0", "a=group:BUNDLE 0 1 2 3"];
  const transport = [
    "c=IN IP4 0.0.0.0",
    `a=ice-ufrag:${ufrag}`,
    `a=ice-pwd:${pwd}`,
    ...fingerprints.flatMap((f) => [`a=fingerprint:${f.hash} ${f.fingerprint}`, `a=setup:${f.setup}`]),
  ];
  const groupsOf = [[{ ssrcs: [Number(audio.ssrc)] }], video.ssrcGroups, screencast.ssrcGroups];
  [audio, video, screencast].forEach((content, mid) => {
    const kind = mid ? "video" : "audio";
    let types = content.payloadTypes;
    if (mid) {
      const vp8 = types.find((t) => t.name === "VP8");
      types = [vp8, types.find((t) => Number(t.parameters?.apt) === vp8.id)];
    }
    lines.push(`m=${kind} 9 UDP/TLS/RTP/SAVPF ${types.map((t) => t.id).join(" ")}`, ...transport);
    lines.push(`a=mid:${mid}`, "a=sendrecv", "a=rtcp-mux");
    for (const { id, name, clockrate, channels, parameters, feedbackTypes } of types) {
      lines.push(`a=rtpmap:${id} ${name}/${clockrate}${channels ? `/${channels}` : ""}`);
      const pairs = Object.entries(parameters || {}).map(([key, value]) => `${key}=${value}`);
      if (parameters) lines.push(`a=fmtp:${id} ${pairs.join(";")}`);
      for (const { type, subtype } of feedbackTypes || []) {
        lines.push(`a=rtcp-fb:${id} ${type}${subtype ? ` ${subtype}` : ""}`);
      }
    }
    content.rtpExtensions.forEach(({ id, uri }) => lines.push(`a=extmap:${id} ${uri}`));
    for (const { semantics, ssrcs } of groupsOf[mid]) {
      if (semantics) lines.push(`a=ssrc-group:${semantics} ${ssrcs.join(" ")}`);
      for (const ssrc of ssrcs) {
        lines.push(`a=ssrc:${ssrc} cname:${mid}`, `a=ssrc:${ssrc} msid:${mid} ${mid}`);
      }
    }
  });
  lines.push("m=application 9 UDP/DTLS/SCTP webrtc-datachannel", ...transport);
  lines.push("a=mid:3", "a=sctp-port:5000", "a=max-message-size:262144", "");
  return lines.join("\r\n");
}
