// The page's colours as a chart needs them: as values, and again when light becomes dark.
const NAMES = ["text", "quiet", "line", "surface", "accent", "good", "bad", "warn"];

// The colours of styles/tokens, by name, as they are now.
export function colours() {
  const probe = document.createElement("span");
  probe.hidden = true;
  document.body.append(probe);
  const found = {};
  for (const name of NAMES) {
    probe.style.color = `var(--${name})`;
    found[name] = getComputedStyle(probe).color;
  }
  probe.remove();
  return found;
}

// Call back when the colours have changed.
export function onTheme(work) {
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", work);
}

// Whether somebody has asked for less motion.
export const still = () => window.matchMedia("(prefers-reduced-motion: reduce)").matches;
