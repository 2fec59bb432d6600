// What people correct: their name is remembered on the device, and the focus stays where they were.
import { onContent } from "../htmx.js";

const KEY = "callwright-name";

// Storage may be forbidden in a frame; then the name is asked for each time.
function remembered() {
  try {
    return localStorage.getItem(KEY) ?? "";
  } catch {
    return "";
  }
}

function remember(name) {
  try {
    localStorage.setItem(KEY, name);
  } catch {
    return;
  }
}

onContent((root) => {
  for (const field of root.querySelectorAll("[data-remembered]")) field.value ||= remembered();
  const form = root.matches?.(".correcting") ? root : null;
  form?.querySelector("textarea")?.focus();
});

document.addEventListener("change", (event) => {
  if (!event.target.matches("[data-remembered]")) return;
  const name = event.target.value.trim();
  remember(name);
  for (const field of document.querySelectorAll("[data-remembered]")) field.value ||= name;
});

// A form that was refused comes back with the reason in it.
document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.xhr.status === 422) {
    event.detail.shouldSwap = true;
    event.detail.isError = false;
  }
});

// The part that was swapped had the focus: give it to what is in its place.
document.addEventListener("htmx:afterSwap", (event) => {
  if (document.activeElement && document.activeElement !== document.body) return;
  const { id } = event.detail.target;
  const there = id && document.getElementById(id);
  there?.querySelector("textarea, .correct, summary")?.focus({ preventScroll: true });
});
