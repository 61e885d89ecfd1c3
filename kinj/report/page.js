"use strict";
// What makes the page easier to read where scripts run: values under the pointer, rows that can be hidden, tables that sort.
// Without it the page says the same: values stand in the tables, and browsers show each <title> by themselves.

const tip = document.body.appendChild(document.createElement("div"));
tip.className = "tip";
tip.setAttribute("role", "status");
tip.hidden = true;

let shown = null;
function show(mark) {
  shown = mark;
  for (const old of document.querySelectorAll(".near")) old.classList.remove("near");
  tip.hidden = !mark;
  if (!mark) return;
  mark.element.classList.add("near");
  tip.textContent = mark.text;
  const box = mark.element.getBoundingClientRect();
  const x = box.left + box.width / 2 - tip.offsetWidth / 2;
  const above = box.top - tip.offsetHeight - 8;
  tip.style.left = Math.max(6, Math.min(x, document.documentElement.clientWidth - tip.offsetWidth - 6)) + "px";
  tip.style.top = (above < 6 ? box.bottom + 8 : above) + "px";
}

for (const plot of document.querySelectorAll("figure svg")) {
  const marks = [];
  for (const title of plot.querySelectorAll("title")) {
    marks.push({ element: title.parentElement, text: title.textContent });
    title.remove();  // else the browser shows it a second time
  }
  const there = () => marks.filter((mark) => !mark.element.closest(".off"));
  const far = ({ element }, x, y) => {
    const box = element.getBoundingClientRect();
    return Math.hypot(Math.max(box.left - x, 0, x - box.right), Math.max(box.top - y, 0, y - box.bottom), 0);
  };
  const middle = ({ element }, x, y) => {
    const box = element.getBoundingClientRect();
    return Math.hypot((box.left + box.right) / 2 - x, (box.top + box.bottom) / 2 - y);
  };
  const point = ({ clientX: x, clientY: y }) => {
    const near = there().filter((mark) => far(mark, x, y) < 16);
    near.sort((a, b) => middle(a, x, y) - middle(b, x, y));
    show(near[0]);
  };
  plot.addEventListener("pointermove", point);
  plot.addEventListener("pointerdown", point);
  plot.addEventListener("pointerleave", () => show(null));
  if (!marks.length) continue;
  let at = -1;
  plot.setAttribute("tabindex", "0");
  plot.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (event.key === "Escape") show(null);
    if (!step || !there().length) return;
    event.preventDefault();
    at = (at + step + there().length) % there().length;
    show(there()[at]);
  });
  plot.addEventListener("blur", () => show(null));
}
// A plot that gets the focus is scrolled into view, and the event comes late: the value goes with its mark, it does not vanish.
window.addEventListener("scroll", () => show(shown), { passive: true });

for (const arms of document.querySelectorAll("fieldset.arms")) {
  arms.hidden = false;
  arms.addEventListener("change", ({ target }) => {
    for (const one of arms.parentElement.querySelectorAll(`[data-arm="${target.dataset.toggles}"]`)) {
      one.classList.toggle("off", !target.checked);
    }
  });
}

const worth = (row, column) => {
  const cell = row.cells[column];
  return cell.dataset.order === undefined ? cell.textContent.trim() : Number(cell.dataset.order);
};
const compare = (a, b) =>
  a === b ? 0
  : a === "" ? 1
  : b === "" ? -1
  : typeof a === "number" && typeof b === "number" ? a - b
  : typeof a === "number" ? -1
  : typeof b === "number" ? 1
  : a.localeCompare(b, undefined, { numeric: true });

for (const table of document.querySelectorAll("table")) {
  const body = table.tBodies[0];
  if (body.rows.length < 2) continue;
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      for (const other of head.parentElement.cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const rows = [...body.rows].sort((a, b) => compare(worth(a, column), worth(b, column)) * (down ? -1 : 1));
      body.append(...rows);
    });
  });
}

window.addEventListener("beforeprint", () => {
  for (const fold of document.querySelectorAll("details:not([open])")) {
    fold.open = true;
    fold.dataset.closed = "";
  }
});
window.addEventListener("afterprint", () => {
  for (const fold of document.querySelectorAll("details[data-closed]")) {
    fold.open = false;
    delete fold.dataset.closed;
  }
});
