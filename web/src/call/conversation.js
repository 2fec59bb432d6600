// Puts a conversation together: what is pressed or clicked anywhere in it moves the player, the player moves the rest.
import { openPlayer } from "./player.js";
import { openSearch } from "./search.js";
import { openTranscript } from "./transcript.js";

const TYPING = "input:not([type=range]):not([type=radio]), textarea, select";
const PRESSES_ITSELF = "button, a, summary, [type=radio]"; // Space and Enter mean the element

export function openConversation(root) {
  const player = openPlayer(root.querySelector("#player"));
  const transcript = openTranscript(root.querySelector("#transcript"), player);
  const search = openSearch(root.querySelector("#transcript"), transcript);
  document.addEventListener("click", (event) => jump(event, player, transcript));
  root.parentElement.addEventListener("keydown", (event) => press(event, player, transcript, search));
  whenShown(root, () => {
    bringCurrent(root.querySelector("#strip"));
    arrive(player, transcript);
  });
}

// Call back once an element has a place on the page: its tab may be opened later, or never.
function whenShown(element, work) {
  const seen = new ResizeObserver(() => {
    if (!element.clientWidth) return;
    seen.disconnect();
    work();
  });
  seen.observe(element);
}

// Have the call that is open in view among its customer's.
function bringCurrent(strip) {
  const current = strip?.querySelector("[aria-current]");
  if (!current) return;
  const { left, width } = current.getBoundingClientRect();
  strip.scrollLeft += left - strip.getBoundingClientRect().left - (strip.clientWidth - width) / 2;
}

// Go to the turn that the address names: a link in another call leads here. Not before the browser has gone to the tab.
function arrive(player, transcript) {
  if (document.readyState !== "complete") {
    window.addEventListener("load", () => requestAnimationFrame(() => arrive(player, transcript)), { once: true });
    return;
  }
  const turn = new URL(location.href).searchParams.get("turn");
  const named = turn && document.getElementById(`turn-${turn}`);
  if (!named) return;
  player.seek(Number(named.dataset.start));
  transcript.point([turn]);
}

// Anything with `data-at` plays from there; with `data-turns` it shows what it rests on.
function jump(event, player, transcript) {
  const from = event.target.closest("[data-at]");
  if (from) {
    show("conversations");
    transcript.follow(true);
    if (from.dataset.turns) transcript.point(from.dataset.turns.split(" "));
    player.play(Number(from.dataset.at));
    return;
  }
  const turn = event.target.closest(".turn");
  if (!turn || event.target.closest("a, button, form, input, textarea, label")) return;
  if (window.getSelection()?.toString()) return; // somebody marks words to copy them
  transcript.follow(true);
  player.play(Number(turn.dataset.start));
}

// Choose the tab of a panel, where another one is chosen.
function show(panel) {
  const tab = document.getElementById(`${panel}-tab`);
  if (tab?.getAttribute("aria-selected") === "false") tab.click();
}

function press(event, player, transcript, search) {
  const { target, key, shiftKey } = event;
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if (target.closest(TYPING) || target.closest('[role="tab"]')) return;
  if (key === " " && target.closest(PRESSES_ITSELF)) return;
  if (target.type === "range" && key.startsWith("Arrow")) return;
  const does = {
    " ": () => player.toggle(),
    k: () => player.toggle(),
    j: () => player.skip(-10),
    l: () => player.skip(10),
    ArrowLeft: () => (shiftKey ? transcript.step(-1) : player.skip(-5)),
    ArrowRight: () => (shiftKey ? transcript.step(1) : player.skip(5)),
    "[": () => player.faster(-1),
    "]": () => player.faster(1),
    "/": () => search.focus(),
  }[key.length === 1 ? key.toLowerCase() : key];
  if (!does || (shiftKey && !key.startsWith("Arrow"))) return;
  event.preventDefault();
  does();
}
