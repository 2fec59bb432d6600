// The operator's console: choosing many rows at a time, and hearing what came of it.
import "../console.css";

const boxes = (form) => [...form.querySelectorAll('input[name="item"]')];

function tell(form) {
  const all = boxes(form);
  const ticked = all.filter((box) => box.checked).length;
  const head = form.querySelector("[data-all]");
  head.checked = ticked > 0 && ticked === all.length;
  head.indeterminate = ticked > 0 && ticked < all.length;
  form.querySelector("[data-count]").textContent = ticked ? `${ticked} selected` : "";
  form.querySelector("[data-chosen]").disabled = ticked === 0;
}

for (const head of document.querySelectorAll("[data-all]")) {
  const { form } = head;
  form.addEventListener("change", (event) => {
    if (event.target === head) boxes(form).forEach((box) => (box.checked = head.checked));
    tell(form);
  });
  tell(form);
}
window.addEventListener("pageshow", () => document.querySelectorAll("[data-all]").forEach((head) => tell(head.form)));

document.querySelector("[data-answer]")?.focus();

// An overview that asks and gets no answer is no longer true.
document.addEventListener("htmx:afterRequest", ({ detail }) => {
  const stale = document.getElementById("stale");
  if (stale && detail.elt.id === "live") stale.hidden = detail.successful === true;
});

// On a narrow screen the bar scrolls: have the page that is open in view.
document.querySelector(".console-bar [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
