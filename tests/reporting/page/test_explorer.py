"""The interactive part of the report: its data by itself, and its filters, sorting and pictures in a real browser."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.reporting.figures.style import reach
from harness.reporting.page.report import write_report
from tests.reporting import synthetic
from tests.reporting.conftest import Written, write
from tests.reporting.page.test_browser import chromium

PROBE = """<script>
const trouble = [];
addEventListener("error", (event) => trouble.push(String(event.message)));
addEventListener("unhandledrejection", (event) => trouble.push(String(event.reason)));
addEventListener("securitypolicyviolation", (event) => trouble.push(event.violatedDirective + " " + event.blockedURI));
console.error = console.warn = (...words) => trouble.push(words.join(" "));
addEventListener("load", () => {
  const found = {}, get = (id) => document.getElementById(id);
  const choose = (name, text) => {
    const select = get("filter-" + name);
    select.value = [...select.options].find((option) => option.textContent === text).value;
    select.dispatchEvent(new Event("change"));
  };
  const texts = (rows, place) => [...rows].map((row) => row.cells[place].firstChild.textContent);
  const table = get("explore-table"), images = get("explore-images"), viewer = get("viewer");
  const chart = () => [...document.querySelectorAll("#explore-forest g.row .numbers")].map((item) => item.textContent);
  const heads = (grid) => [...grid.tHead.rows[0].cells].map((cell) => cell.textContent);
  found.start = {heads: heads(table), psnr: texts(table.tBodies[0].rows, 1), chart: chart()};
  choose("metric", "SSIM (Y)");
  found.ssim = texts(table.tBodies[0].rows, 1);
  choose("scope", "Set5");
  choose("column", "blur");
  found.blur = {heads: heads(table), images: new Set(texts(images.tBodies[0].rows, 2)).size,
    rows: images.tBodies[0].rows.length, chart: chart()};
  choose("against", "bicubic");
  found.against = chart();
  found.hash = location.hash;
  table.tHead.rows[0].cells[1].click();
  found.sorted = {first: texts(table.tBodies[0].rows, 1), mark: table.tHead.rows[0].cells[1].ariaSort};
  document.activeElement.dispatchEvent(new KeyboardEvent("keydown", {key: "Enter", bubbles: true}));
  found.turned = texts(table.tBodies[0].rows, 1);
  choose("metric", "PSNR (RGB)");
  choose("column", "all");
  choose("scope", "all data sets, averaged");
  while (!get("explore-more").hidden) get("explore-more").click();
  const buttons = [...images.querySelectorAll("button.thumb")];
  buttons[0].click();
  found.viewer = {buttons: buttons.length, open: viewer.open, title: get("viewer-title").textContent,
    tiles: viewer.querySelectorAll(".tile").length};
  viewer.dispatchEvent(new KeyboardEvent("keydown", {key: "ArrowRight"}));
  found.viewer.next = get("viewer-title").textContent;
  get("viewer-close").click();
  found.viewer.closed = !viewer.open;
  document.querySelector("#figure-forest .zoom").click();
  found.large = viewer.open && viewer.querySelectorAll("img.large").length;
  viewer.close();
  const paper = () => getComputedStyle(document.body).backgroundColor;
  found.theme = [paper()];
  get("theme").click();
  found.theme.push(paper(), localStorage.getItem("theme"));
  const asked = performance.getEntriesByType("resource").map((item) => item.name);
  found.asked = asked.filter((name) => !name.startsWith("data:"));
  found.trouble = trouble;
  document.body.dataset.result = JSON.stringify(found);
});
</script>"""


def data_of(page: Path) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page.read_text(), re.DOTALL)
    assert found
    document: dict[str, Any] = json.loads(found[1])
    return document


@pytest.mark.thorough
def test_the_page_holds_the_numbers_of_tables_and_images(plain: Written, page: Path) -> None:
    data = data_of(page)
    names = [item["name"] for item in data["methods"]]
    keys = ("clean", "Set5", "dropout")
    places = [
        [item["name"] for item in data[key]].index(name) for key, name in zip(("columns", "scopes"), keys, strict=False)
    ]
    cell = next(c for c in data["cells"] if c[:5] == [0, 0, places[1], places[0], names.index("dropout")])
    rows = plain.rows[(plain.rows["dataset"] == "Set5") & (plain.rows["degradation"] == "clean")]
    means = rows[rows["metric"] == "psnr_rgb"].groupby(["variant", "seed", "image"], dropna=False)["value"].mean()
    by_seed = means.groupby(["variant", "seed"]).mean()
    assert cell[6] == pytest.approx(by_seed["dropout"].mean(), abs=1e-3)
    assert cell[14] == pytest.approx(list(by_seed["dropout"] - by_seed["baseline"]), abs=1e-3)
    found = next(s for s in data["images"] if (s["metric"], s["dataset"], s["degradation"]) == (0, "Set5", "clean"))
    assert found["values"][names.index("dropout")] == pytest.approx(
        list(means["dropout"].groupby("image").mean()), abs=1e-3
    )
    assert {crop["image"] for crop in data["crops"]} <= {name for s in data["images"] for name in s["names"]}
    assert len(data["crops"]) == 3


def test_names_cannot_end_the_data(tmp_path: Path) -> None:
    study = synthetic.study(datasets=("Set5",), seeds=(0,), methods=("baseline", "</script><b>"))
    written = write(tmp_path, study, synthetic.metric_rows(study))
    page = write_report(written.metrics, study, written.runs, tmp_path / "none", tmp_path / "r.html")
    assert "</script><b>" not in page.read_text()
    assert data_of(page)["methods"][-1]["name"] == "</script><b>"


@pytest.mark.parametrize(
    ("extents", "expected"), [([], 1.0), ([0.1, 0.2, 0.3], 0.3), ([0.1, 0.2, 0.3, 9.0], 0.3), ([0.0, 0.0, 2.0], 2.0)]
)
def test_what_lies_far_away_does_not_squeeze_the_rest(extents: list[float], expected: float) -> None:
    assert reach([*extents, np.nan]) == expected


@pytest.mark.thorough
def test_filters_sorting_and_pictures_in_a_browser(page: Path) -> None:
    probed = page.with_name("probed.html")
    probed.write_text(page.read_text().replace("</title>", f"</title>{PROBE}", 1))
    printed = chromium("--dump-dom", "--window-size=1440,1200", probed.as_uri())
    answer = re.search(r'data-result="([^"]*)"', printed)
    assert answer, printed[-500:]
    found: dict[str, Any] = json.loads(html.unescape(answer[1]))
    assert found["trouble"] == []
    assert found["asked"] == []
    assert found["start"]["heads"] == ["method", *list_of_degradations(), "average"]
    assert all(re.fullmatch(r"\d+\.\d\d", text) for text in found["start"]["psnr"])
    assert len(found["start"]["chart"]) == 4
    assert all(re.fullmatch(r"\d+\.\d{4}", text) for text in found["ssim"])
    assert found["blur"]["heads"] == ["method", "blur", "PSNR (RGB)"]
    assert (found["blur"]["images"], found["blur"]["rows"]) == (1, 5)
    assert found["blur"]["chart"] != found["start"]["chart"]
    assert all("[" in text for text in found["blur"]["chart"])
    assert not any("[" in text for text in found["against"])
    assert found["hash"].startswith("#view?metric=1&")
    numbers = [float(text) for text in found["sorted"]["first"]]
    assert numbers == sorted(numbers, reverse=True)
    assert found["sorted"]["mark"] == "descending"
    assert [float(text) for text in found["turned"]] == numbers[::-1]
    assert found["viewer"]["open"]
    assert found["viewer"]["closed"]
    assert found["viewer"]["buttons"] == 3
    assert found["viewer"]["tiles"] == 2 + 5 + 1  # the methods' weights are not there: bicubic alone has errors
    assert found["viewer"]["next"] != found["viewer"]["title"]
    assert found["large"] == 1
    assert found["theme"][0] != found["theme"][1]
    assert found["theme"][2] in ("dark", "light")


def list_of_degradations() -> list[str]:
    return ["clean", "blur", "noise", "JPEG", "blur + noise", "blur + JPEG", "noise + JPEG", "blur + noise + JPEG"]
