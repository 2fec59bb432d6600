// The dashboard: its charts, its tables that sort in place, and figures that move when calls end.
import { follow } from "../changes.js";
import { drawAll, forget } from "../charts.js";
import "../insights.css";
import htmx, { onContent } from "../htmx.js";

const PAUSE = 300; // milliseconds after the last key before something is looked for

onContent(drawAll);

// A sort link or a page of a list swaps its own part, and stays a link for those without scripts.
document.addEventListener("click", (event) => {
  const link = event.target.closest("a");
  const part = link?.closest("#contacts-found, #leaderboard-table");
  if (!part || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey) return;
  if (!link.closest("thead, .pager")) return;
  event.preventDefault();
  const key = link.closest("th") ? link.textContent.replace(/[↑↓]/, "").trim() : null;
  swap(link.getAttribute("href"), `#${part.id}`).then((swapped) => {
    if (!swapped) return;
    keepOrder(link.href);
    const again = document.getElementById(part.id);
    const heads = [...(again?.querySelectorAll("thead a") ?? [])];
    (heads.find((each) => key && each.textContent.replace(/[↑↓]/, "").trim() === key) ?? again?.querySelector(".table"))?.focus();
  });
});

// The address keeps how the tables are sorted: the figures are renewed by it, and a view can be shared.
function keepOrder(address) {
  const ours = new URL(location.href);
  for (const [name, value] of new URL(address).searchParams) {
    if (/^(agents|contacts)-(by|order)$/.test(name)) ours.searchParams.set(name, value);
  }
  history.replaceState(history.state, "", ours);
}

// A search looks as one types; Enter does too.
document.addEventListener("input", (event) => {
  const form = event.target.closest("form[data-search]");
  if (!form || event.target.type !== "search") return;
  clearTimeout(form.waiting);
  form.waiting = setTimeout(() => search(form), PAUSE);
});
document.addEventListener("submit", (event) => {
  const form = event.target.closest("form[data-search]");
  if (!form) return;
  event.preventDefault();
  clearTimeout(form.waiting);
  search(form);
});

async function search(form) {
  const asked = new URLSearchParams([...new FormData(form)].filter(([, value]) => value));
  if (!(await swap(`${form.getAttribute("action")}?${asked}`, form.dataset.search))) return;
  const found = document.querySelector(form.dataset.search);
  document.querySelector("[data-said]").textContent = found.querySelector(".pager .quiet, .empty strong").textContent;
}

// Get a page and put its part into the place of ours, unless something else is asked for meanwhile; says whether it was.
async function swap(address, part) {
  const before = document.querySelector(part);
  await htmx.ajax("GET", address, { source: part, target: part, select: part, swap: "outerHTML" }).catch(() => {});
  return !before.isConnected;
}

// Choices of the filters take effect at once; what is typed when it is sent.
document.addEventListener("change", (event) => {
  const form = event.target.closest("form[data-sends-itself]");
  if (form && event.target.tagName === "SELECT") form.requestSubmit();
});

// The figures follow the calls: the server says that some have ended, and we look again, no more often than every few seconds.
const AT_MOST_EVERY = 5000;
let looked = 0;
let due;

follow(
  () => document.getElementById("live")?.dataset.changes,
  () => {
    clearTimeout(due);
    due = setTimeout(refresh, Math.max(0, looked + AT_MOST_EVERY - Date.now()));
  },
);

async function refresh() {
  if (document.hidden) {
    document.addEventListener("visibilitychange", refresh, { once: true });
    return;
  }
  looked = Date.now();
  const before = document.getElementById("live");
  const open = [...before.querySelectorAll("details[open]")].map((each) => each.id);
  const held = before.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
  if (!(await swap(location.pathname + location.search, "#live"))) return; // what is shown stays
  forget(before);
  for (const id of open) document.getElementById(id)?.setAttribute("open", "");
  if (held) document.querySelector(`#live a[href="${CSS.escape(held)}"]`)?.focus();
  document.dispatchEvent(new CustomEvent("callwright:refreshed"));
}
