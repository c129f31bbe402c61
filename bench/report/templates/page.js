"use strict";
(() => {
  const keyOf = (row, column) => row.cells[column].dataset.key;

  const compare = (numeric, direction, column) => (one, other) => {
    const a = keyOf(one, column);
    const b = keyOf(other, column);
    // Rows without a value stay last, whichever way the column runs.
    if (a === "" || b === "") return (a === "") - (b === "");
    return direction * (numeric ? Number(a) - Number(b) : a.localeCompare(b, "en", { numeric: true }));
  };

  const sortBy = (table, heading, column) => {
    const falling = heading.getAttribute("aria-sort") === "ascending";
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", falling ? "descending" : "ascending");
    const body = table.tBodies[0];
    const order = compare(heading.classList.contains("number"), falling ? -1 : 1, column);
    body.append(...[...body.rows].sort(order));
  };

  for (const table of document.querySelectorAll("table.sortable")) {
    if (table.tBodies[0].rows.length < 2) continue;
    [...table.tHead.rows[0].cells].forEach((heading, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...heading.childNodes);
      button.addEventListener("click", () => sortBy(table, heading, column));
      heading.append(button);
    });
  }

  const openAround = (element) => {
    for (let fold = element?.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
  };

  const audit = document.querySelector("table.audit");
  if (audit) {
    const rows = [...audit.tBodies[0].rows];
    const search = document.getElementById("trial-search");
    const all = document.getElementById("trial-all");
    const count = document.getElementById("trial-count");
    let group = "";

    const show = () => {
      const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const row of rows) {
        const inGroup = !group || row.dataset.group === group || row.dataset.group.startsWith(`${group}-`);
        const text = row.textContent.toLowerCase();
        row.hidden = !(inGroup && words.every((word) => text.includes(word)));
        shown += !row.hidden;
      }
      count.textContent = `${shown} of ${rows.length} trials`;
      all.hidden = shown === rows.length;
    };

    const follow = () => {
      const place = /^#trials-([\d-]+)$/.exec(location.hash);
      if (!place) return openAround(document.getElementById(location.hash.slice(1)));
      group = place[1];
      search.value = "";
      show();
      document.getElementById("trials").scrollIntoView();
    };

    search.addEventListener("input", show);
    all.addEventListener("click", () => {
      group = "";
      search.value = "";
      show();
      search.focus();
    });
    // A second click on the same link changes no hash but must filter again.
    document.addEventListener("click", (event) => {
      if (event.target.closest("a.trace")) setTimeout(follow);
    });
    window.addEventListener("hashchange", follow);
    audit.closest("section").querySelector(".filter").hidden = false;
    show();
    follow();
  }

  window.addEventListener("beforeprint", () => {
    for (const fold of document.querySelectorAll("details")) fold.open = true;
  });
})();
