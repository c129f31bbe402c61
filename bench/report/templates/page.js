"use strict";
(() => {
  const MINUS = "\u2212";
  const PAGE = 100;

  // Tables: sorted by any column, from what their cells show.

  const value = (text) => Number.parseFloat(text.replaceAll(MINUS, "-").replace(/[,<]/g, ""));

  const compare = (numeric, direction, column) => (one, other) => {
    const a = one.text(column);
    const b = other.text(column);
    if (!numeric) return direction * a.localeCompare(b, "en", { numeric: true });
    const x = value(a);
    const y = value(b);
    // Rows without a value stay last, whichever way the column runs.
    if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y);
    return direction * (x - y);
  };

  const sortable = (table, sort) => {
    [...table.tHead.rows[0].cells].forEach((heading, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...heading.childNodes);
      button.addEventListener("click", () => {
        const falling = heading.getAttribute("aria-sort") === "ascending";
        for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
        heading.setAttribute("aria-sort", falling ? "descending" : "ascending");
        sort(compare(heading.classList.contains("number"), falling ? -1 : 1, column));
      });
      heading.append(button);
    });
  };

  const asRow = (element) => ({
    element: () => element,
    text: (column) => element.cells[column].textContent,
    words: element.textContent.toLowerCase(),
    group: element.dataset.group,
  });

  for (const table of document.querySelectorAll("table.sortable:not(.audit)")) {
    const body = table.tBodies[0];
    if (body.rows.length < 2) continue;
    sortable(table, (order) => body.append(...[...body.rows].map(asRow).sort(order).map((row) => row.element())));
  }

  // The audit table: rows of the page, or of the data beside it, a page of them at a time.

  const openAround = (element) => {
    for (let fold = element?.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
    element?.querySelector(":scope > details")?.setAttribute("open", "");
  };

  const FILES = { r: ["trial.json", "record"], f: ["failure.json", "failure"], l: ["log.txt", "log"] };

  const cell = (tag, text, css) => {
    const made = document.createElement(tag);
    made.textContent = text;
    if (css) made.className = css;
    return made;
  };

  const fileLinks = (root, folder, letters) => {
    const made = cell("td", "", "w");
    for (const letter of letters) {
      const [file, word] = FILES[letter];
      const link = cell("a", word);
      link.href = `${root}/${encodeURIComponent(folder)}/${file}`;
      const part = cell("span", "", "part");
      part.append(link);
      made.append(part);
    }
    return made;
  };

  const unpacked = (data, table) => {
    const numeric = [...table.tHead.rows[0].cells].map((heading) => heading.classList.contains("number"));
    const root = data.dataset.root;
    return JSON.parse(data.textContent).flatMap(([group, colour, label, environment, start, rows]) =>
      rows.map((values) => {
        const letters = values.at(-1);
        const folder = values.at(-2) || `${start}--seed-${values[0]}--${values.at(-3)}`;
        const texts = [label, environment, ...values.slice(0, -2), folder];
        const element = () => {
          const row = document.createElement("tr");
          const head = cell("th", label);
          head.scope = "row";
          head.prepend(cell("i", "", `swatch s${colour}`));
          row.append(head, ...texts.slice(1).map((text, place) => cell("td", text, numeric[place + 1] ? "" : "w")));
          row.append(fileLinks(root, folder, letters));
          return row;
        };
        return { element, text: (column) => texts[column] ?? "", words: texts.join(" ").toLowerCase(), group };
      }),
    );
  };

  const audit = document.querySelector("table.audit");
  if (audit) {
    const data = document.getElementById("trial-data");
    const body = audit.tBodies[0];
    const rows = data ? unpacked(data, audit) : [...body.rows].map(asRow);
    const size = data ? PAGE : Number.POSITIVE_INFINITY;
    const [search, all, before, after, count] = ["search", "all", "before", "after", "count"].map((name) =>
      document.getElementById(`trial-${name}`),
    );
    let group = "";
    let first = 0;

    const matching = () => {
      const asked = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      return rows.filter(
        (row) =>
          (!group || row.group === group || row.group.startsWith(`${group}-`)) &&
          asked.every((word) => row.words.includes(word)),
      );
    };

    const show = (from = 0) => {
      const found = matching();
      first = Math.min(Math.max(from, 0), Math.max(found.length - 1, 0));
      const shown = found.slice(first, first + size);
      body.replaceChildren(...shown.map((row) => row.element()));
      const part = shown.length < found.length ? `${first + 1} to ${first + shown.length} of ` : "";
      const number = (many) => many.toLocaleString("en-US");
      count.textContent = `${part}${number(found.length)} of ${number(rows.length)} trials`;
      all.hidden = found.length === rows.length;
      for (const button of [before, after]) button.hidden = found.length <= size;
      before.disabled = first === 0;
      after.disabled = first + size >= found.length;
    };

    const follow = () => {
      const place = /^#trials-([\d-]+)$/.exec(location.hash);
      if (!place) return openAround(document.getElementById(location.hash.slice(1)));
      group = place[1];
      search.value = "";
      show();
      document.getElementById("trials").scrollIntoView();
    };

    sortable(audit, (order) => {
      rows.sort(order);
      show();
    });
    search.addEventListener("input", () => show());
    before.addEventListener("click", () => show(first - size));
    after.addEventListener("click", () => show(first + size));
    all.addEventListener("click", () => {
      group = "";
      search.value = "";
      show();
      search.focus();
    });
    // A second click on the same link changes no hash but must filter, or open, again.
    document.addEventListener("click", (event) => {
      if (event.target.closest('a[href^="#"]')) setTimeout(follow);
    });
    window.addEventListener("hashchange", follow);
    audit.closest("section").querySelector(".filter").hidden = false;
    show();
    follow();
  }

  // Learning curves: one figure at a time, by where, what and over what.

  const curves = document.getElementById("learning");
  const charts = curves ? [...curves.querySelectorAll("figure[data-where]")] : [];
  if (charts.length > 1) {
    const asked = { ...charts[0].dataset };
    const bar = document.createElement("div");
    bar.className = "chooser";
    const fits = (chart, keys) => keys.every((key) => chart.dataset[key] === asked[key]);
    // What was asked for last is kept; the rest gives way where there is no such chart.
    const pick = (first = "where") => {
      const rest = ["where", "what", "over"].filter((key) => key !== first);
      const wanted = [["where", "what", "over"], [first, rest[0]], [first, rest[1]], [first]];
      const keys = wanted.find((keys) => charts.some((chart) => fits(chart, keys)));
      const found = charts.find((chart) => fits(chart, keys));
      Object.assign(asked, found.dataset);
      for (const chart of charts) chart.hidden = chart !== found;
      for (const select of bar.querySelectorAll("select")) select.value = asked[select.name];
    };
    for (const [key, name] of Object.entries({ where: "Environment", what: "Shown", over: "Over" })) {
      const values = [...new Set(charts.map((chart) => chart.dataset[key]))];
      if (values.length < 2) continue;
      const select = document.createElement("select");
      select.name = key;
      select.setAttribute("aria-label", name);
      select.append(...values.map((value) => new Option(value, value)));
      select.addEventListener("change", () => {
        asked[key] = select.value;
        pick(key);
      });
      bar.append(select);
    }
    curves.prepend(bar);
    pick();
    document.addEventListener("click", (event) => {
      const link = event.target.closest("a[data-curves]");
      if (!link) return;
      asked.where = link.dataset.curves;
      pick();
    });
  }

  // Legends: each name becomes a button that shows or hides its algorithm in every figure.

  const hiding = document.createElement("style");
  document.head.append(hiding);
  const hidden = new Set();
  const legends = [...document.querySelectorAll(".legend li")];

  const showSeries = () => {
    hiding.textContent = [...hidden].map((series) => `figure svg [id*="-s${series}-"]{display:none}`).join("");
    for (const item of legends) {
      item.firstElementChild.setAttribute("aria-pressed", String(!hidden.has(item.dataset.series)));
    }
  };

  for (const item of legends) {
    const button = document.createElement("button");
    button.type = "button";
    button.title = "Show or hide in every figure";
    button.append(...item.childNodes);
    button.addEventListener("click", () => {
      const series = item.dataset.series;
      if (!hidden.delete(series)) hidden.add(series);
      showSeries();
    });
    item.append(button);
  }
  if (legends.length) showSeries();

  // Figures: the nearest point or row under the pointer, or the one that the arrow keys have reached, in words. What is
  // told, and where it lies in the drawing, stands beside each figure as JSON.

  const tip = document.createElement("div");
  tip.className = "tip";
  tip.setAttribute("role", "status");
  tip.hidden = true;
  document.body.append(tip);

  const spoken = (number) => {
    const size = Math.abs(number);
    const places = size >= 1000 ? 0 : size >= 10 ? 1 : size >= 0.1 || size === 0 ? 2 : 3;
    const shape = { minimumFractionDigits: places, maximumFractionDigits: places };
    return number.toLocaleString("en-US", shape).replace("-", MINUS);
  };
  const percent = (number) => `${Math.round(100 * number)} %`;
  const isShown = (one) => ![one.series].flat().some((series) => hidden.has(String(series)));

  const words = (panel, series, place) => {
    const write = panel.yShare ? percent : spoken;
    const [low, high] = [series.low?.[place] ?? null, series.high?.[place] ?? null];
    const interval = low !== null && high !== null ? ` [${write(low)}, ${write(high)}]` : "";
    const x = series.xs[place];
    const where = panel.xShare ? percent(x) : spoken(x);
    return [series.label, `${panel.y}: ${write(series.ys[place])}${interval}`, `${panel.x}: ${where}; n = ${series.n}`];
  };

  const clear = () => {
    for (const lit of document.querySelectorAll("figure svg.lit")) {
      lit.classList.remove("lit");
      for (const part of lit.querySelectorAll(".lit")) part.classList.remove("lit");
      lit.querySelector(".cursor")?.remove();
    }
    tip.hidden = true;
  };

  const light = (svg, gid) => {
    svg.classList.add("lit");
    for (const part of svg.querySelectorAll(`[id*="${gid}-"]`)) part.classList.add("lit");
  };

  const place = (x, y) => {
    tip.hidden = false;
    const { width, height } = tip.getBoundingClientRect();
    const space = document.documentElement.clientWidth;
    const left = x + 14 + width < space ? x + 14 : x - 14 - width;
    tip.style.left = `${Math.min(Math.max(4, left), Math.max(4, space - width - 4))}px`;
    tip.style.top = `${Math.max(4, y - height - 10)}px`;
  };

  const write = (lines) => {
    tip.replaceChildren(...lines.map((line, index) => cell(index ? "span" : "strong", line)));
  };

  const point = (svg, panel, series, index) => {
    clear();
    light(svg, `-${panel.place}-s${series.series}`);
    const [x, y] = [series.px[index], series.py[index]];
    const cursor = document.createElementNS(svg.namespaceURI, "circle");
    for (const [name, number] of Object.entries({ cx: x, cy: y, r: 3.6 })) cursor.setAttribute(name, number);
    cursor.setAttribute("class", "cursor");
    svg.append(cursor);
    write(words(panel, series, index));
    const spot = new DOMPoint(x, y).matrixTransform(svg.getScreenCTM());
    place(spot.x, spot.y);
  };

  const told = (series, index) => series.px[index] !== null && series.py[index] !== null;

  const nearest = (panel, at) => {
    let best = null;
    for (const series of panel.series.filter(isShown)) {
      for (const index of series.xs.keys()) {
        if (!told(series, index)) continue;
        // Along x counts more: one reads a curve at a place.
        const far = Math.hypot(2 * (series.px[index] - at.x), series.py[index] - at.y);
        if (!best || far < best.far) best = { far, series, index };
      }
    }
    return best;
  };

  const AROUND = 6;
  const holds = ({ frame: [left, top, width, height] }) => (at) =>
    at.x > left - AROUND && at.x < left + width + AROUND && at.y > top - AROUND && at.y < top + height + AROUND;

  for (const plot of document.querySelectorAll(".plot")) {
    const svg = plot.querySelector("svg");
    const data = plot.parentElement.querySelector("script.numbers");
    if (!svg || !data) continue;
    const panels = JSON.parse(data.textContent).map((panel, index) => ({ ...panel, place: index }));
    const curves = panels.filter((panel) => panel.series?.length);
    let spot = null;

    plot.addEventListener("pointermove", (event) => {
      const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
      // A row is told wherever one points along it, its name included.
      const row = panels[0].rows?.filter(isShown).find(({ top, height }) => at.y >= top && at.y < top + height);
      if (row) {
        clear();
        for (const panel of panels) light(svg, `-${panel.place}-s${row.series.join("-s")}-r${row.row}`);
        write([row.tip]);
        return place(event.clientX, event.clientY);
      }
      const panel = curves.find((one) => holds(one)(at));
      const found = panel && nearest(panel, at);
      if (!found) return clear();
      spot = { panel, series: found.series, index: found.index };
      point(svg, panel, found.series, found.index);
    });
    plot.addEventListener("pointerleave", clear);
    plot.addEventListener("blur", clear);
    if (!curves.length) continue;

    const choices = () => curves.flatMap((panel) => panel.series.filter(isShown).map((series) => ({ panel, series })));
    const first = () => {
      const [choice] = choices();
      return choice && { ...choice, index: choice.series.xs.length - 1 };
    };
    const move = (along, across) => {
      const all = choices();
      if (!all.length) return;
      const now = all.findIndex((choice) => choice.series === spot?.series);
      if (now < 0) spot = first();
      else {
        const next = all[(now + across + all.length) % all.length];
        const last = next.series.xs.length - 1;
        spot = { ...next, index: Math.min(Math.max(spot.index + along, 0), last) };
      }
      if (told(spot.series, spot.index)) point(svg, spot.panel, spot.series, spot.index);
    };
    const keys = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    plot.setAttribute("aria-describedby", "keys");
    plot.addEventListener("focus", () => plot.matches(":focus-visible") && move(0, 0));
    plot.addEventListener("keydown", (event) => {
      if (event.key === "Escape") return clear();
      if (!(event.key in keys)) return;
      event.preventDefault();
      move(...keys[event.key]);
    });
  }

  // On paper: everything open, nothing hidden.

  window.addEventListener("beforeprint", () => {
    clear();
    for (const fold of document.querySelectorAll("details")) fold.open = true;
  });
})();
