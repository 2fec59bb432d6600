// Searches the words of the transcript: every place is marked, counted, and gone to one after the other.
const WAIT = 120; // milliseconds after the last key
const SHORTEST = 2;

const plain = (text) => text.normalize("NFC").toLocaleLowerCase();

export function openSearch(root, transcript) {
  const form = root?.querySelector("#search");
  const input = form?.elements.words;
  const found = form?.querySelector('[data-shows="found"]');
  const buttons = [...(form?.querySelectorAll("[data-does]") ?? [])];
  let marks = [];
  let at = -1;
  let timer;

  function search() {
    clear(transcript.turns());
    const words = plain(input.value.trim());
    marks = words.length < SHORTEST ? [] : transcript.turns().flatMap((turn) => markIn(turn.querySelector(".words"), words));
    at = -1;
    for (const button of buttons) button.disabled = !marks.length;
    found.textContent = words.length < SHORTEST ? "" : "0 of 0";
    if (marks.length) go(1);
  }

  function go(by) {
    if (!marks.length) return;
    marks[at]?.removeAttribute("aria-current");
    at = (at + by + marks.length) % marks.length;
    marks[at].setAttribute("aria-current", "true");
    found.textContent = `${at + 1} of ${marks.length}`;
    transcript.goTo(marks[at].closest(".turn"));
  }

  if (form) {
    input.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(search, WAIT);
    });
    input.addEventListener("keydown", (event) => {
      if (event.key === "Enter") {
        event.preventDefault();
        go(event.shiftKey ? -1 : 1);
      } else if (event.key === "Escape" && input.value) {
        event.preventDefault();
        input.value = "";
        search();
      }
    });
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("click", (event) => {
      const does = event.target.closest("[data-does]")?.dataset.does;
      if (does) go(does === "next" ? 1 : -1);
    });
  }
  return { focus: () => input?.focus() };
}

function clear(turns) {
  for (const mark of turns.flatMap((turn) => [...turn.querySelectorAll("mark")])) {
    const parent = mark.parentNode;
    mark.replaceWith(mark.textContent);
    parent.normalize();
  }
}

// Mark each place of some words in an element that holds nothing but text.
function markIn(element, words) {
  const text = element?.textContent ?? "";
  const searched = plain(text);
  if (searched.length !== text.length) return []; // letters that change their number with their case
  const made = [];
  const parts = [];
  let from = 0;
  for (let to = searched.indexOf(words); to !== -1; to = searched.indexOf(words, from)) {
    const mark = document.createElement("mark");
    mark.textContent = text.slice(to, to + words.length);
    parts.push(text.slice(from, to), mark);
    made.push(mark);
    from = to + words.length;
  }
  if (made.length) element.replaceChildren(...parts, text.slice(from));
  return made;
}
