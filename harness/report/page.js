"use strict";
document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.classList.contains("copy")) copy(button);
  else if (button.closest("th")) sort(button.closest("th"));
});
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((each) => { each.open = true; }));
function sort(head) {
  const body = head.closest("table").tBodies[0];
  const place = head.cellIndex, number = head.dataset.kind === "number";
  const down = head.getAttribute("aria-sort") === "ascending";
  for (const each of head.parentNode.cells) each.setAttribute("aria-sort", "none");
  head.setAttribute("aria-sort", down ? "descending" : "ascending");
  const key = (row) => {
    const cell = row.cells[place];
    return number ? (cell.dataset.key === undefined ? null : Number(cell.dataset.key)) : cell.textContent;
  };
  const rows = Array.from(body.rows, (row) => [key(row), row]);
  rows.sort(([a], [b]) => {
    if (a === null || b === null) return (a === null) - (b === null); // without a figure: last, either way
    const order = number ? a - b : a.localeCompare(b, undefined, { numeric: true });
    return down ? -order : order;
  });
  body.append(...rows.map(([, row]) => row));
}
function copy(button) {
  const source = document.getElementById(button.dataset.from);
  const said = (word) => { button.textContent = word; setTimeout(() => { button.textContent = "copy"; }, 1500); };
  const select = () => { getSelection().selectAllChildren(source); said("selected: press Ctrl+C"); };
  if (navigator.clipboard) navigator.clipboard.writeText(source.textContent).then(() => said("copied"), select);
  else select();
}
