"""A strict enough reader of HTML: tags nest, ids are unique, links lead somewhere, nothing is loaded from elsewhere."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

_VOID = {"meta", "img", "br", "hr", "link", "input", "col"}
_INSIDE = tuple(f"data:{kind};base64," for kind in ("application/pdf", "text/csv", "application/x-bibtex"))
_LOADING = {"src", "srcset", "poster", "data", "background", "action", "formaction", "ping"}


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.problems: list[str] = []
        self.ids: list[str] = []
        self.targets: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _VOID:
            self.open.append(tag)
        if tag in ("link", "iframe", "object", "embed", "base", "form"):
            self.problems.append(f"<{tag}>")
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name == "href":
                inside = (value or "").startswith(_INSIDE)
                if not (inside and "download" in dict(attrs)):
                    self.targets.append(value or "")
            if name in _LOADING and not (value or "").startswith(("data:image/png;base64,", "data:image/webp;base64,")):
                self.problems.append(f"{name}={value!r}")
        if tag == "img" and not dict(attrs).get("alt"):
            self.problems.append("img without alt")

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.problems.append(f"</{tag}> out of place")

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def problems(page: str, folder: Path | None = None) -> list[str]:
    """Return what is wrong with a page; an empty list if nothing is.

    A link leads to a place in the page; where its folder is given, to a file below that folder, too.
    """
    reader = _Reader()
    reader.feed(page)
    reader.close()
    found = reader.problems + [f"<{tag}> never closed" for tag in reader.open]
    found += [f"id {name!r} twice" for name in set(reader.ids) if reader.ids.count(name) > 1]
    found += [f"link {to!r}" for to in reader.targets if not _leads(to, reader.ids, folder)]
    text = "".join(reader.text)
    found += [word for word in ("@import", "url(", "fetch(", "XMLHttpRequest") if word in text]
    if not page.lower().startswith("<!doctype html>"):
        found.append("no doctype")
    return found


def _leads(target: str, ids: list[str], folder: Path | None) -> bool:
    if target.startswith("#"):
        return target[1:] in ids
    return folder is not None and ".." not in target and (folder / target).is_file()


def visible_text(page: str) -> str:
    """Return all text of a page with single spaces."""
    reader = _Reader()
    reader.feed(page)
    return " ".join("".join(reader.text).split())
