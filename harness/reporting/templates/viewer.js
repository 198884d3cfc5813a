// The theme, and the dialog that shows figures large and crops side by side.
(() => {
  const { make } = window.pageTools;
  const root = document.documentElement, button = document.getElementById("theme");
  const stored = () => { try { return localStorage.getItem("theme"); } catch { return null; } };
  const dark = () => (root.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light"))
    === "dark";
  const say = () => { button.textContent = dark() ? "Light" : "Dark"; };
  if (["dark", "light"].includes(stored())) root.dataset.theme = stored();
  button.hidden = false;
  say();
  button.addEventListener("click", () => {
    root.dataset.theme = dark() ? "light" : "dark";
    try { localStorage.setItem("theme", root.dataset.theme); } catch { /* a private window forgets */ }
    say();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", say);

  const dialog = document.getElementById("viewer"), body = document.getElementById("viewer-body");
  let turn = null;
  const show = (title, ...children) => {
    document.getElementById("viewer-title").textContent = title;
    body.replaceChildren(...children);
    if (!dialog.open) dialog.showModal();
    body.scrollTop = 0;
  };
  document.getElementById("viewer-close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  dialog.addEventListener("close", () => { turn = null; });
  dialog.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step && turn) { event.preventDefault(); turn(step); }
  });
  for (const figure of document.querySelectorAll("figure[id]")) {
    const image = figure.querySelector("img"), opener = figure.querySelector("button.zoom");
    if (!image || !opener) continue;
    opener.addEventListener("click", () => {
      turn = null;
      const large = make("img", { src: image.src, alt: image.alt, class: "large" });
      large.addEventListener("click", () => large.classList.toggle("full"));
      show(figure.dataset.title, large, make("p", { class: "soft" }, figure.querySelector("figcaption p").textContent,
        " Click the picture for its full size."));
    });
  }

  // A case is one picture of tiles: crops in the first row, error maps in the second; a tile is cut out by its offset.
  const tile = (crop, column, row, shown) => make("div", { class: "tile", style: `width:${shown}px;height:${shown}px` },
    make("img", { src: crop.sprite, alt: "", style: `width:${shown * crop.panels.length}px;height:${2 * shown}px;`
      + `left:${-shown * column}px;top:${-shown * row}px` }));
  let scale = 1;
  window.pageTools.openCrops = (data, first) => {
    const open = (place) => {
      const crop = data.crops[place];
      if (!dialog.open) dialog.showModal();
      const fit = (body.clientWidth - 32) / (crop.panels.length + 1) - 14;
      const shown = Math.round(scale * Math.max(96, Math.min(2 * crop.side, fit)));
      const width = `width:${shown}px`;
      turn = (step) => open((place + step + data.crops.length) % data.crops.length);
      const panels = crop.panels.map((panel, column) => make("figure", { class: "crop", style: width },
        tile(crop, column, 0, shown), ...(panel.error ? [tile(crop, column, 1, shown)] : []),
        make("figcaption", {}, panel.title, make("br"), panel.text)));
      const whole = make("figure", { class: "crop", style: width }, make("div", { class: "whole" },
        make("img", { src: data.thumbs[crop.thumb], alt: `${crop.image}, whole` }),
        make("span", { class: "frame", style: crop.frame })), make("figcaption", {}, "where the crop lies"));
      const label = data.columns.find((item) => item.name === crop.degradation)?.label ?? crop.degradation;
      const sizes = make("p", { class: "sizes" }, ...[["Smaller", 1 / 1.5], ["Larger", 1.5], ["Previous", -1],
        ["Next", 1]].map(([text, value], number) => {
        const item = make("button", { type: "button" }, text);
        item.addEventListener("click", () => {
          if (number < 2) scale = Math.max(0.3, Math.min(6, scale * value));
          open(number < 2 ? place : (place + value + data.crops.length) % data.crops.length);
          body.querySelectorAll(".sizes button")[number].focus();
        });
        return item;
      }));
      show(`${crop.image}, ${crop.dataset}, ${label}`, sizes, make("div", { class: "crops" }, whole, ...panels),
        make("p", { class: "soft" }, data.cropsSay, ` Arrow keys: the next of ${data.crops.length} cases.`));
    };
    scale = 1;
    open(first);
  };
})();
