"""The report in a real browser: it fits a phone and a desk, sorts, prints, and neither errs nor asks the network."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from harness.reporting.templates import CONTENT_POLICY
from tests.reporting.unfinished import NAME

pytestmark = pytest.mark.thorough

PROBE = """<script>
const trouble = [];
addEventListener("error", (event) => trouble.push(String(event.message)));
addEventListener("securitypolicyviolation", (event) => trouble.push(event.violatedDirective + " " + event.blockedURI));
console.error = (...words) => trouble.push(words.join(" "));
addEventListener("load", () => {
  const table = document.querySelector("table.sortable");
  const column = () => [...table.tBodies[0].rows].map((row) => row.cells[1].dataset.sort).filter(Boolean).map(Number);
  const head = table.tHead.rows[0].cells[1];
  head.click();
  const down = column();
  head.click();
  const root = document.documentElement;
  const pictures = [...document.querySelectorAll("figure[id] img")].filter((image) => image.naturalWidth > 0).length;
  const result = {trouble, down, up: column(), wide: root.scrollWidth, inner: root.clientWidth, pictures};
  parent.postMessage(JSON.stringify(result), "*");
});
</script>"""

FRAME = """<!DOCTYPE html><html lang="en"><title>frame</title><body style="margin:0"><script>
addEventListener("message", (event) => { document.body.dataset.result = event.data; });
</script><iframe src="probed.html" style="border:0;width:{width}px;height:1200px"></iframe></body></html>"""


def chromium(*arguments: str) -> str:
    """Run the browser and return what it prints."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("no chromium on this machine")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--virtual-time-budget=10000"]
    done = subprocess.run([found, *flags, *arguments], capture_output=True, text=True, timeout=300, check=True)
    return done.stdout


@pytest.mark.parametrize("width", [390, 1280])
def test_report_fits_sorts_and_loads_nothing(unfinished: Path, tmp_path: Path, width: int) -> None:
    page = (unfinished / "reports" / NAME / "report.html").read_text()
    assert CONTENT_POLICY in html.unescape(page)
    (tmp_path / "probed.html").write_text(page.replace("</title>", f"</title>{PROBE}", 1))
    (tmp_path / "frame.html").write_text(FRAME.replace("{width}", str(width)))
    printed = chromium("--dump-dom", f"--window-size={width + 600},1300", (tmp_path / "frame.html").as_uri())
    found = re.search(r'data-result="([^"]*)"', printed)
    assert found, printed[-500:]
    result: dict[str, Any] = json.loads(html.unescape(found[1]))
    assert result["trouble"] == []
    assert result["inner"] == width
    assert result["wide"] <= width
    assert result["pictures"] == page.count('<button class="zoom"') > 3
    assert len(result["down"]) >= 3
    assert result["down"] == sorted(result["down"], reverse=True)
    assert result["up"] == sorted(result["up"])


def test_report_prints(unfinished: Path, tmp_path: Path) -> None:
    page = unfinished / "reports" / NAME / "report.html"
    chromium("--no-pdf-header-footer", f"--print-to-pdf={tmp_path / 'r.pdf'}", page.as_uri())
    content = (tmp_path / "r.pdf").read_bytes()
    assert content.startswith(b"%PDF")
    assert 3 <= len(re.findall(rb"/Type\s*/Page\b", content)) <= 40
