// Tabs by the pattern of the ARIA authoring practices: arrow keys move, the chosen panel is shown, the address keeps it.
import { onContent } from "./htmx.js";

function choose(list, tab, { focus = false } = {}) {
  for (const each of list.querySelectorAll('[role="tab"]')) {
    const chosen = each === tab;
    each.setAttribute("aria-selected", String(chosen));
    each.tabIndex = chosen ? 0 : -1;
    document.getElementById(each.getAttribute("aria-controls")).hidden = !chosen;
  }
  if (focus) tab.focus();
}

function open(list) {
  const tabs = [...list.querySelectorAll('[role="tab"]')];
  const target = document.getElementById(location.hash.slice(1)); // may be a panel inside a panel
  const named = target && tabs.find((tab) => document.getElementById(tab.getAttribute("aria-controls")).contains(target));
  choose(list, named ?? tabs.find((tab) => tab.getAttribute("aria-selected") === "true") ?? tabs[0]);
  list.addEventListener("click", (event) => {
    const tab = event.target.closest('[role="tab"]');
    if (!tab) return;
    choose(list, tab);
    history.replaceState(history.state, "", `#${tab.getAttribute("aria-controls")}`);
  });
  list.addEventListener("keydown", (event) => {
    const at = tabs.indexOf(document.activeElement);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1 }[event.key];
    if (at < 0 || to === undefined) return;
    event.preventDefault();
    choose(list, tabs[(to + tabs.length) % tabs.length], { focus: true });
  });
}

onContent((root) => {
  if (root.matches?.('[role="tablist"]')) open(root);
  root.querySelectorAll('[role="tablist"]').forEach(open);
});
