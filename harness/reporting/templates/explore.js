// The explorer: filters over the page's own numbers; a table, a chart of differences and the images follow them.
(() => {
  const holder = document.getElementById("data");
  if (!holder) return;
  const data = JSON.parse(holder.textContent);
  const ALL = -1, SHOWN = 60, NAMES = ["metric", "network", "scope", "column", "against"];
  const { make } = window.pageTools;
  const part = (name) => document.getElementById(`explore-${name}`);
  const index = new Map(data.cells.map((cell) => [cell.slice(0, 5).join(), cell]));
  const FIELDS = ["state", "mean", "difference", "low", "high", "significant", "verdict", "seeds", "total", "each"];
  const cellOf = (metric, network, scope, column, method) => {
    const found = index.get([metric, network, scope, column, method].join());
    return found && Object.fromEntries(FIELDS.map((name, place) => [name, found[place + 5]]));
  };
  const view = { metric: 0, network: ALL, scope: 0, column: ALL, against: data.baseline };
  const order = { table: null, images: null };
  let every = false;

  // --- numbers as text
  const known = (value) => typeof value === "number";
  const text = (value, metric) => known(value) ? value.toFixed(data.metrics[metric].decimals) : String(value ?? "");
  const signed = (value, metric) => {
    const shown = text(value, metric);
    return Number(shown) === 0 ? `+${shown.replace("-", "")}` : value > 0 ? `+${shown}` : shown;
  };
  const networks = () => view.network === ALL ? data.networks.map((_, place) => place) : [view.network];
  const columnsOf = () => [...new Set(data.cells.filter((cell) => cell[0] === view.metric && cell[2] === view.scope)
    .map((cell) => cell[3]))].sort((a, b) => a - b);
  const wide = () => view.column === ALL ? columnsOf().at(-1) : view.column;
  const methodsOf = (network) => data.methods.map((_, place) => place)
    .filter((method) => cellOf(view.metric, network, view.scope, wide(), method));

  // The difference to what the view compares with: with interval where the statistics have one.
  const gain = (network, method) => {
    const cell = cellOf(view.metric, network, view.scope, wide(), method);
    if (view.against === data.baseline) {
      const one = cell.seeds === 1;
      return { value: cell.difference, low: one ? null : cell.low, high: one ? null : cell.high,
        sure: cell.significant, one, state: cell.state, each: one ? [] : cell.each ?? [], verdict: cell.verdict };
    }
    const other = cellOf(view.metric, network, view.scope, wide(), view.against);
    const value = other && known(cell.mean) && known(other.mean) ? cell.mean - other.mean : null;
    return { value, low: null, high: null, sure: false, one: false, state: cell.state, each: [], verdict: "" };
  };

  // --- filters
  const choices = () => ({
    metric: data.metrics.map((item, place) => [place, item.title]),
    network: [...(data.networks.length > 1 ? [[ALL, "all networks"]] : []),
      ...data.networks.map((name, place) => [place, name])],
    scope: data.scopes.map((item, place) => [place, item.label])
      .filter(([place]) => data.cells.some((cell) => cell[0] === view.metric && cell[2] === place)),
    column: [...(columnsOf().length > 1 ? [[ALL, "all"]] : []),
      ...columnsOf().map((place) => [place, data.columns[place].label])],
    against: data.methods.map((item, place) => [place, item.label])
      .filter(([place]) => place === data.baseline || data.methods[place].kind !== "trained"),
  });
  const settle = () => {
    for (const name of NAMES) {
      const allowed = choices()[name];
      if (!allowed.some(([value]) => value === view[name])) view[name] = allowed.length ? allowed[0][0] : 0;
      const select = document.getElementById(`filter-${name}`);
      select.replaceChildren(...allowed.map(([value, label]) => make("option", { value }, label)));
      select.value = String(view[name]);
      select.disabled = allowed.length < 2;
    }
  };
  const remember = () => {
    const words = NAMES.map((name) => `${name}=${view[name]}`).join("&");
    try { history.replaceState(null, "", `#view?${words}`); } catch { /* a page inside another may not */ }
  };
  const recall = () => {
    if (!location.hash.startsWith("#view?")) return;
    for (const [name, value] of new URLSearchParams(location.hash.slice(6))) {
      if (NAMES.includes(name) && Number.isInteger(Number(value))) view[name] = Number(value);
    }
  };

  // --- a table whose rows are sorted as data: head is a list of texts, rows are lists of {node, sort}
  const grid = (table, name, head, rows, most = Infinity) => {
    const chosen = order[name];
    const turn = (place) => {
      order[name] = { place, down: !(chosen && chosen.place === place && chosen.down) };
      render();
      table.tHead.rows[0].cells[place].focus();
    };
    const heads = head.map((title, place) => {
      const cell = make("th", { scope: "col", tabindex: "0", class: place && rows.some((r) => known(r[place].sort))
        ? "n" : "" }, title);
      if (chosen && chosen.place === place) cell.setAttribute("aria-sort", chosen.down ? "descending" : "ascending");
      cell.addEventListener("click", () => turn(place));
      cell.addEventListener("keydown", (event) => {
        if (event.key === "Enter" || event.key === " ") { event.preventDefault(); turn(place); }
      });
      return cell;
    });
    const compare = (a, b) => {
      const x = a[chosen.place].sort, y = b[chosen.place].sort, sign = chosen.down ? -1 : 1;
      if (known(x) && known(y)) return sign * (x - y);
      if (known(x) || known(y)) return known(x) ? -1 : 1;
      return sign * String(x ?? "").localeCompare(String(y ?? ""));
    };
    const sorted = chosen && chosen.place < head.length ? [...rows].sort(compare) : rows;
    table.tHead.replaceChildren(make("tr", {}, ...heads));
    table.tBodies[0].replaceChildren(...sorted.slice(0, most).map((row) => make("tr", {}, ...row.map((cell, place) =>
      make(place ? "td" : "th", place ? { class: (known(cell.sort) ? "n " : "") + (cell.kind ?? "") }
        : { scope: "row" }, ...[cell.node].flat())))));
  };

  // --- views
  const titled = (network, method) => view.network === ALL && data.networks.length > 1
    ? `${data.networks[network]}: ${data.methods[method].label}` : data.methods[method].label;
  const mainTable = () => {
    const shown = view.column === ALL ? columnsOf() : [view.column];
    const others = view.column === ALL ? [] : data.metrics.map((_, place) => place).filter((m) => m !== view.metric);
    const rows = networks().flatMap((network) => methodsOf(network).map((method) => [
      { node: titled(network, method), sort: titled(network, method) },
      ...shown.map((column) => valueCell(view.metric, network, column, method)),
      ...others.map((metric) => valueCell(metric, network, view.column, method)),
    ]));
    grid(part("table"), "table", ["method", ...shown.map((place) => data.columns[place].label),
      ...others.map((place) => data.metrics[place].title)], rows);
  };
  const valueCell = (metric, network, column, method) => {
    const cell = cellOf(metric, network, view.scope, column, method);
    if (!cell) return { node: "–", sort: null };
    const there = ["ok", "partial"].includes(cell.state);
    const node = [there ? text(cell.mean, metric) : cell.state];
    if (there && known(cell.difference)) {
      node.push(make("small", {}, signed(cell.difference, metric) + (cell.significant ? "*" : "")));
    }
    const kind = (data.columns[column].name === "average" ? "avg " : "") + (there ? "" : "bad");
    return { node, sort: there && known(cell.mean) ? cell.mean : null, kind };
  };
  const imageTable = () => {
    const sets = data.images.filter((set) => set.metric === view.metric && networks().includes(set.network)
      && (data.scopes[view.scope].name === "average" || data.scopes[view.scope].name === set.dataset)
      && (view.column === ALL || data.columns[view.column].name === set.degradation));
    const best = data.metrics[view.metric].higher ? Math.max : Math.min;
    const rows = sets.flatMap((set) => set.names.map((name, place) => {
      const values = set.values.map((list) => list[place]);
      const top = best(...values.filter(known));
      const label = data.columns.find((item) => item.name === set.degradation)?.label ?? set.degradation;
      return [
        { node: opener(set, name), sort: name },
        ...(data.networks.length > 1 ? [{ node: data.networks[set.network], sort: data.networks[set.network] }] : []),
        { node: set.dataset, sort: set.dataset },
        { node: label, sort: label },
        ...values.map((value) => ({ sort: value,
          node: value === top ? make("strong", {}, text(value, view.metric)) : text(value, view.metric) })),
      ];
    }));
    grid(part("images"), "images", ["image", ...(data.networks.length > 1 ? ["network"] : []), "data set",
      "degradation", ...data.methods.map((item) => item.label)], rows, every ? Infinity : SHOWN);
    const left = rows.length - SHOWN;
    part("more").hidden = every || left <= 0;
    part("more").textContent = `Show ${left} more rows`;
    part("no-images").hidden = rows.length > 0;
    part("no-images").textContent = `No values of single images in this view${data.leftOut
      ? ": there are too many for the page, which holds those of the first metrics; all are in the metrics file" : ""}.`;
  };
  const opener = (set, name) => {
    const found = data.crops.findIndex((crop) => crop.network === set.network && crop.dataset === set.dataset
      && crop.degradation === set.degradation && crop.image === name);
    if (found < 0) return name;
    const button = make("button", { class: "thumb", type: "button", title: `crops of ${name} side by side` },
      make("img", { src: data.thumbs[data.crops[found].thumb], alt: "", width: "40", height: "40" }), name);
    button.addEventListener("click", () => window.pageTools.openCrops(data, found));
    return button;
  };
  const chart = () => {
    const rows = networks().flatMap((network) => methodsOf(network).filter((method) => method !== view.against)
      .map((method) => ({ title: titled(network, method), method: data.methods[method], ...gain(network, method) })));
    const label = data.metrics[view.metric], where = data.columns[wide()];
    const against = data.methods[view.against].label;
    const axis = `${label.title}: difference to ${against}${label.unit ? `, ${label.unit}` : ""}`;
    window.pageTools.forest(part("forest"), rows, { axis, format: (value) => signed(value, view.metric) });
    const better = label.higher ? "Right of the line is better" : "Left of the line is better";
    const paired = view.against === data.baseline
      ? "Lines: 95% intervals, paired by seed and image. Filled: significant in its table; hollow: not shown to "
        + "differ. Small dots: single seeds. One seed: no interval, since it says nothing about other seeds."
      : "Differences of means; intervals are computed for differences to the baseline only.";
    const over = where.name === "average" ? "Average" : `Degradation: ${where.label}`;
    part("says").textContent = `${over}, ${data.scopes[view.scope].label}. ${better}. ${paired}`;
  };
  const csv = () => {
    const quote = (value) => /[",\n]/.test(String(value)) ? `"${String(value).replaceAll('"', '""')}"` : String(value);
    const lines = [["metric", "network", "scope", "column", "method", ...FIELDS.slice(0, 9)]];
    for (const cell of data.cells) {
      const [metric, network, scope, column, method] = cell;
      if (metric !== view.metric || scope !== view.scope || !networks().includes(network)) continue;
      if (view.column !== ALL && column !== view.column) continue;
      lines.push([data.metrics[metric].name, data.networks[network], data.scopes[scope].name,
        data.columns[column].name, data.methods[method].name, ...cell.slice(5, 14).map((value) => value ?? "")]);
    }
    const content = lines.map((line) => line.map(quote).join(",")).join("\n");
    part("csv").href = `data:text/csv;charset=utf-8,${encodeURIComponent(content + "\n")}`;
  };
  const render = () => {
    settle();
    mainTable();
    chart();
    imageTable();
    csv();
  };
  if (!data.cells.length) return;
  recall();
  for (const name of NAMES) {
    document.getElementById(`filter-${name}`).addEventListener("change", (event) => {
      view[name] = Number(event.target.value);
      every = false;
      render();
      remember();
    });
  }
  part("more").addEventListener("click", () => { every = true; render(); });
  document.getElementById("explore").hidden = false;
  render();
  let room = part("forest").clientWidth;
  addEventListener("resize", () => {
    if (part("forest").clientWidth !== room) { room = part("forest").clientWidth; chart(); }
  });
})();
