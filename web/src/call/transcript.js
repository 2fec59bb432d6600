// The transcript in step with the sound: the turn that is heard is marked, and kept in view unless the reader scrolls.
import { still } from "../theme.js";

export function openTranscript(root, player) {
  const list = root?.querySelector("#turns");
  const button = root?.querySelector('[data-does="follow"]');
  let following = true;
  let active = null;
  const turns = () => [...(list?.querySelectorAll(".turn") ?? [])];

  const above = (turn) => turn.offsetTop - list.clientHeight / 3;

  function bringIntoView(turn) {
    list.scrollTo({ top: above(turn), behavior: still() ? "auto" : "smooth" });
  }

  // As somebody asks for the turn, the page may move as well.
  function goTo(turn) {
    list.scrollTop = above(turn);
    turn.scrollIntoView({ block: "nearest" });
  }

  function follow(wanted) {
    following = wanted;
    if (button) button.hidden = wanted;
    if (wanted && active) bringIntoView(active);
  }

  function mark(time) {
    const turn = heardAt(turns(), time);
    if (turn === active && (!turn || turn.isConnected)) return;
    active?.removeAttribute("aria-current");
    active = turn;
    if (!turn) return;
    turn.setAttribute("aria-current", "true");
    if (following) bringIntoView(turn);
  }

  if (list) {
    player.onTime(mark);
    const leave = () => following && active && follow(false);
    for (const name of ["wheel", "touchmove"]) list.addEventListener(name, leave, { passive: true });
    list.addEventListener("pointerdown", (event) => event.target === list && leave()); // the scroll bar
    list.addEventListener("keydown", (event) => {
      if (["ArrowUp", "ArrowDown", "PageUp", "PageDown", "Home", "End"].includes(event.key)) leave();
    });
    button.addEventListener("click", () => follow(true));
  }
  return {
    follow,
    turns,
    goTo(turn) {
      follow(false);
      goTo(turn);
    },
    // Show what a statement rests on.
    point(ids) {
      for (const turn of turns()) turn.classList.toggle("evidence", ids.includes(turn.id.slice("turn-".length)));
      const first = document.getElementById(`turn-${ids[0]}`);
      if (first) goTo(first);
    },
    // Play the turn so many after the one that is heard.
    step(by) {
      const all = turns();
      const at = all.indexOf(heardAt(all, player.time));
      const to = all[Math.min(Math.max(at + by, 0), all.length - 1)];
      if (to) player.seek(Number(to.dataset.start));
    },
  };
}

// The last turn that has begun; turns are in the order of their beginning.
function heardAt(turns, time) {
  let [low, high] = [0, turns.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (Number(turns[middle].dataset.start) <= time + 0.05) low = middle + 1;
    else high = middle;
  }
  return turns[low - 1] ?? null;
}
