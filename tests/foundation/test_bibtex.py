"""BibTeX is read as LaTeX would read it, or refused with the line that is wrong."""

from __future__ import annotations

import pytest

from harness.foundation.bibtex import Entry, parse, plain
from harness.foundation.errors import HarnessError

GOOD = r"""
% a comment, with @ in it
@Article{mueller2020, Title = {On {SR} of
   ``images''}, author = "M{\"u}ller, Anna and van der Berg, J. and others", year = 2020,
  pages = {1--9}, eprint = {2001.00001}, archiveprefix = {arXiv}
}
@misc{tool,
  howpublished = {\url{https://example.org}},
}
"""


def test_entries_are_read_and_written_back() -> None:
    found = parse(GOOD, "x.bib")
    assert list(found) == ["mueller2020", "tool"]
    paper = found["mueller2020"]
    assert paper.kind == "article"
    assert paper.fields["title"] == "On {SR} of ``images''"
    assert paper.fields["year"] == "2020"
    assert paper.text() == (
        "Anna M\u00fcller, J. van der Berg, et al. On SR of \u201cimages\u201d. 2020, pages 1\u20139, arXiv 2001.00001."
    )
    written = "\n".join(entry.bibtex() for entry in found.values())
    assert parse(written, "y.bib") == found
    long = Entry("misc", "k", {"author": " and ".join(["Tomkins-Tinch, Christopher H."] * 20)})
    assert parse(long.bibtex(), "z.bib") == {"k": long}, "wrapped at blanks alone"
    assert max(map(len, long.bibtex().splitlines())) <= 110


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("@misc{a, title = {x}}\n@misc{a, title = {y}}", "line 2: 'a' is given twice"),
        ("@misc{a, title = {x}, title = {y}}", "line 1: a: title is given twice"),
        ("@misc{a,\n title = {x}\n year = 1}", "line 3: a: a comma is missing after title"),
        ("@misc{a, title = {x {y}}", "line 1: a: its closing brace is missing"),
        ("@misc{a, title: {x}}", "line 1: a: write fields as name"),
        ("@misc{a, title = {x {y}", "line 1: a: title: its braces do not balance"),
        ("@misc{a, title = x}", "line 1: a: title: put the value in braces"),
        ("@misc{a, title = { }}", "line 1: a: title: is empty"),
        ('@misc{a, title = "x} y"}', "line 1: a: title: its braces do not balance"),
        ("words\n@misc{a, title = {x}}", "line 1: begin an entry as @article"),
        ("@misc{, title = {x}}", "line 1: begin an entry"),
        ("@misc(a, title = {x})", "line 1: begin an entry"),
    ],
)
def test_a_mistake_is_one_line(text: str, problem: str) -> None:
    with pytest.raises(HarnessError) as error:
        parse(text, "x.bib")
    assert str(error.value).startswith(f"x.bib: {problem}")
    assert "\n" not in str(error.value)


def test_accents_become_letters() -> None:
    assert (
        plain(r"{\c{c}} \'e {\'{e}} Ne{\v{s}}i{\'c} {\"o} {\"{O}}")
        == "\u00e7 \u00e9 \u00e9 Ne\u0161i\u0107 \u00f6 \u00d6"
    )
