// What the page's scripts share, and the chart of differences with intervals as SVG.
window.pageTools = (() => {
  const fill = (element, attributes, children) => {
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  };
  const make = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);
  const draw = (tag, attributes = {}, ...children) =>
    fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);

  // One row far away must not squeeze all others: extents are taken from the middle one on while none is eight times
  // the one before; what lies beyond is cut off with an arrow, and its number says where it is.
  const reach = (extents) => {
    const sorted = extents.filter(Number.isFinite).sort((a, b) => a - b);
    if (!sorted.length) return 1;
    let place = Math.floor((sorted.length - 1) / 2);
    while (place + 1 < sorted.length && sorted[place + 1] <= 8 * Math.max(sorted[place], 1e-12)) place += 1;
    return sorted[place] || sorted.at(-1) || 1;
  };
  const ticks = (low, high, most) => {
    const rough = (high - low) / most, power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((factor) => factor * power).find((value) => value >= rough);
    const found = [];
    for (let value = Math.ceil(low / step) * step; value <= high + step / 1e6; value += step) found.push(value);
    return [found, Math.max(0, -Math.floor(Math.log10(step) + 1e-9))];
  };
  const stepOf = (places) => places.length > 1 ? places[1] - places[0] : 1;
  const numbers = (row, format) => {
    if (row.value === null || row.value === undefined) return row.state === "ok" ? "–" : row.state;
    const interval = row.low === null ? "" : ` [${format(row.low)}, ${format(row.high)}]`;
    return format(row.value) + (row.sure ? "*" : "") + interval + (row.one ? " (one seed)" : "");
  };

  const forest = (box, rows, { axis, format }) => {
    const width = Math.max(280, box.clientWidth), narrow = width < 480;
    const names = narrow ? 8 : Math.min(210, 30 + 7 * Math.max(...rows.map((row) => row.title.length), 4));
    const room = narrow ? 12 : 20 + 7 * Math.max(...rows.map((row) => numbers(row, format).length), 4);
    const each = narrow ? 44 : 30, top = 6, bottom = 40, height = top + each * rows.length + bottom;
    const limit = reach(rows.flatMap((row) => row.value === null ? []
      : [Math.max(Math.abs(row.value), Math.abs(row.low ?? row.value), Math.abs(row.high ?? row.value))]));
    const ends = rows.flatMap((row) => [row.low ?? row.value, row.high ?? row.value])
      .filter((value) => Number.isFinite(value)).map((value) => Math.max(-limit, Math.min(limit, value)));
    const pad = 0.06 * (Math.max(0, ...ends) - Math.min(0, ...ends) || 1);
    const low = Math.min(0, ...ends) - pad, high = Math.max(0, ...ends) + pad;
    const left = names, right = width - room;
    const x = (value) => left + (Math.max(low, Math.min(high, value)) - low) / (high - low) * (right - left);
    const image = draw("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img",
      "aria-label": `${axis}. ${rows.map((row) => `${row.title}: ${numbers(row, format)}`).join("; ")}` });
    const [places, digits] = ticks(low, high, narrow ? 4 : 6);
    for (const value of places) {
      image.append(draw("line", { class: "tick", x1: x(value), x2: x(value), y1: top, y2: height - bottom }),
        draw("text", { x: x(value), y: height - bottom + 15, "text-anchor": "middle" }, (Math.abs(value) < stepOf(places) / 2 ? 0 : value).toFixed(digits)));
    }
    image.append(draw("line", { class: "zero", x1: x(0), x2: x(0), y1: top, y2: height - bottom }),
      draw("text", { x: (left + right) / 2, y: height - 6, "text-anchor": "middle" }, axis));
    rows.forEach((row, place) => image.append(line(row, place)));
    box.replaceChildren(image);

    function line(row, place) {
      const y = top + each * place + (narrow ? 30 : each / 2), color = row.method.color ?? "var(--soft)";
      const words = numbers(row, format), wordsY = narrow ? y - 14 : y + 4;
      const group = draw("g", { class: "row", "data-method": row.method.name },
        draw("title", {}, `${row.title}: ${words}${row.verdict ? `, ${row.verdict}` : ""}`),
        draw("rect", { class: place % 2 ? "" : "band", x: 0, y: top + each * place, width, height: each }),
        draw("text", { x: 6, y: wordsY, class: "name" }, row.title),
        draw("text", { x: width - 6, y: wordsY, "text-anchor": "end", class: "numbers" }, words));
      if (!Number.isFinite(row.value)) return group;
      if (Number.isFinite(row.low) && row.high >= low && row.low <= high) {
        group.append(draw("line", { x1: x(row.low), x2: x(row.high), y1: y, y2: y, stroke: color, "stroke-width": 2.5 }));
      }
      for (const value of row.each) {
        if (value >= low && value <= high) group.append(draw("circle", { cx: x(value), cy: y + 8, r: 2, fill: color }));
      }
      const beyond = (value) => value < low - 1e-12 ? -1 : value > high + 1e-12 ? 1 : 0;
      for (const side of new Set([row.low ?? row.value, row.high ?? row.value].map(beyond))) {
        if (side) group.append(arrow(x(side < 0 ? low : high), y, side, color));
      }
      if (!beyond(row.value)) {
        group.append(draw("circle", { cx: x(row.value), cy: y, r: 5, fill: row.sure ? color : "var(--paper)",
          stroke: color, "stroke-width": 2 }));
      }
      return group;
    }
  };
  const arrow = (x, y, side, color) =>
    draw("path", { class: "beyond", d: `M ${x} ${y - 6} l ${9 * side} 6 l ${-9 * side} 6 z`, fill: color });
  return { make, draw, forest, reach };
})();
