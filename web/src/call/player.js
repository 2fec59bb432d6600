// Plays the recording: one audio element of the page, its controls, and a picture of who is heard when.
import WaveSurfer from "wavesurfer.js";
import { colours, onTheme } from "../theme.js";
import { authorised, token } from "../tokens.js";

const PATIENCE = 800; // milliseconds until the page says that the recording is being prepared
const ROW = 44; // pixels of one speaker's row

export const clock = (seconds) => {
  const whole = Math.max(0, Math.floor(seconds));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (number) => String(number).padStart(2, "0");
  return hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${two(minutes)}:${two(rest)}`;
};

export function openPlayer(root) {
  const audio = root.querySelector("audio");
  const length = Number(root.dataset.seconds);
  const part = (name) => root.querySelector(`[data-does="${name}"]`);
  const shows = (name) => root.querySelector(`[data-shows="${name}"]`);
  const player = {
    // Call back with the time whenever it has changed.
    onTime: (work) => audio?.addEventListener("timeupdate", () => work(audio.currentTime)),
    seek(at) {
      if (audio) audio.currentTime = Math.min(Math.max(at, 0), length);
    },
    play(at) {
      if (!audio) return;
      player.seek(at);
      audio.play().catch(() => {}); // what is wrong is told by its own event
    },
    skip: (by) => audio && player.seek(audio.currentTime + by),
    toggle: () => audio && (audio.paused ? audio.play().catch(() => {}) : audio.pause()),
    faster(by) {
      const rates = part("speed").options;
      const to = Math.min(Math.max(part("speed").selectedIndex + by, 0), rates.length - 1);
      part("speed").selectedIndex = to;
      if (audio) audio.playbackRate = Number(rates[to].value);
    },
    get time() {
      return audio?.currentTime ?? 0;
    },
  };
  if (!audio) return player;
  audio.controls = false;
  audio.preservesPitch = true;
  root.querySelector(".controls").hidden = false;
  part("play").addEventListener("click", player.toggle);
  part("back").addEventListener("click", () => player.skip(-10));
  part("forward").addEventListener("click", () => player.skip(10));
  part("seek").addEventListener("input", () => player.seek(Number(part("seek").value)));
  part("speed").addEventListener("change", () => player.faster(0));
  for (const name of ["play", "pause", "ended"]) audio.addEventListener(name, () => showPlaying(part("play"), audio));
  for (const name of ["timeupdate", "seeking", "loadedmetadata"]) {
    audio.addEventListener(name, () => showTime(part("seek"), shows("clock"), audio.currentTime, length));
  }
  watch(audio, shows("state"), 1000 * Number(root.dataset.linkSeconds));
  draw(root, audio, length);
  return player;
}

function showPlaying(button, audio) {
  button.querySelector("[aria-hidden]").textContent = audio.paused ? "▶" : "❚❚";
  button.querySelector(".does").textContent = audio.paused ? "Play" : "Pause";
}

function showTime(slider, output, time, length) {
  slider.value = String(time);
  slider.setAttribute("aria-valuetext", `${clock(time)} of ${clock(length)}`);
  output.textContent = `${clock(time)} / ${clock(length)}`;
}

// Say what the recording waits for, and load it again where what opened it has expired: the token, or the link to the
// store that the page's own address has led to. A browser asks for more by the link itself, for half a minute in vain.
function watch(audio, output, linkLasts) {
  let used = token();
  let since = performance.now();
  const expired = () => linkLasts > 0 && performance.now() - since > linkLasts;
  let timer = setTimeout(() => audio.readyState === 0 && say("Preparing the recording. The first time takes a moment."), PATIENCE);
  const say = (words) => {
    if (output.textContent !== words) output.textContent = words;
  };
  audio.addEventListener("loadstart", () => (since = performance.now()));
  audio.addEventListener("loadedmetadata", () => (clearTimeout(timer), say("")));
  audio.addEventListener("waiting", () => expired() && reload());
  audio.addEventListener("error", () => {
    clearTimeout(timer);
    if (used === token() && !expired()) return say("The recording cannot be played just now. Open the page again to try once more.");
    reload();
  });
  document.addEventListener("callwright:token", () => (audio.error || audio.readyState === 0) && reload());

  function reload() {
    used = token();
    const { currentTime, paused, playbackRate } = audio;
    const address = new URL(audio.src);
    address.searchParams.set("token", used);
    audio.src = address.href;
    audio.addEventListener("loadedmetadata", () => resume(audio, { currentTime, paused, playbackRate }), { once: true });
  }
}

function resume(audio, before) {
  audio.currentTime = before.currentTime;
  audio.playbackRate = before.playbackRate;
  if (!before.paused) audio.play().catch(() => {});
}

// The channels of the picture from what is heard of whom, each from 0 to 1.
function channels({ agent, customer, neither }) {
  const loudest = Math.max(1, ...agent, ...customer, ...neither);
  const scaled = (peaks) => Float32Array.from(peaks, (peak) => peak / loudest);
  if (!agent.length && !customer.length) return { peaks: [scaled(neither)], names: ["neither"] };
  if (!neither.some(Boolean)) return { peaks: [scaled(agent), scaled(customer)], names: ["agent", "customer"] };
  return { peaks: [agent, neither, customer, neither].map(scaled), names: ["agent", "neither", "customer", "neither"] };
}

// The picture has its place before it is there, so that nothing moves when it comes.
async function draw(root, audio, length) {
  const picture = root.querySelector(".picture");
  picture.hidden = false;
  place(root.querySelector("#marks"), length);
  const answer = await authorised(root.dataset.waveform).catch(() => null);
  const shown = answer?.ok ? channels(await answer.json()) : null;
  if (!shown?.peaks[0].length) {
    picture.classList.add("none-drawn");
    return;
  }
  picture.classList.toggle("of-nobody", shown.names[0] === "neither");
  const wave = WaveSurfer.create({
    container: root.querySelector("#waveform"),
    media: audio,
    peaks: shown.peaks,
    duration: length,
    cspNonce: document.querySelector("script[nonce]")?.nonce,
    barWidth: 2,
    barGap: 1,
    barRadius: 1,
    cursorWidth: 2,
    height: ROW,
    dragToSeek: true,
    hideScrollbar: true,
    ...look(shown.names),
  });
  onTheme(() => wave.setOptions(look(shown.names)));
}

function look(names) {
  const splitChannels = names.map((name, index) => ({
    waveColor: tint(name, false),
    progressColor: tint(name, true),
    overlay: index % 2 === 1 && names.length === 4,
    height: ROW,
  }));
  return { cursorColor: colours().text, splitChannels };
}

// A speaker's colour, as the styles say, or what of it is left before it was played.
function tint(name, played) {
  const probe = document.createElement("span");
  probe.className = `wave ${name}${played ? " played" : ""}`;
  document.getElementById("player").append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

// Put the chapters' marks where they begin.
function place(marks, length) {
  if (!marks.children.length) return;
  marks.hidden = false;
  const starts = [...marks.querySelectorAll(".mark")].map((mark) => Number(mark.dataset.at));
  [...marks.children].forEach((item, index) => {
    const until = starts[index + 1] ?? length;
    item.style.flexGrow = String(Math.max(until - starts[index], 0.01));
  });
  marks.style.paddingInlineStart = `${(100 * starts[0]) / length}%`;
}
