"""What is asked of `publish`, `import`, `cite`, `show`, `watch`, `--without` and others by mistake; bundles that were altered."""

from __future__ import annotations

import zipfile
from pathlib import Path

from tests.bad_inputs.case import EXPERIMENT, Case, Make, both, cut, nothing, replaced, written

BUNDLE = "mine.zip"
PUBLISH, IMPORT = f"publish {EXPERIMENT} --out {BUNDLE}", f"import {BUNDLE}"
RUN, RUN_SHOWN = "results/runs/srresnet_tiny.baseline.s0.*", "results/runs/srresnet_tiny.baseline.s0..."
NO_PLACE = "cannot be written (nothing can be made in this folder); choose another place"
IN_THE_WAY = "something else lies there, or its name cannot be used: move it away"
NO_NAME = "no experiment, run or entry of a catalogue"


def _bundle(folder: Path) -> None:
    from tests.bad_inputs.conftest import call

    assert call(*PUBLISH.split()) == 0


def _without_a_member(folder: Path) -> None:
    _bundle(folder)
    with zipfile.ZipFile(folder / BUNDLE) as old:
        content = {entry.filename: old.read(entry) for entry in old.infolist()}
    with zipfile.ZipFile(folder / BUNDLE, "w") as new:
        for name, data in content.items():
            if not name.endswith("history.csv"):
                new.writestr(name, data)


def _other_zip(folder: Path) -> None:
    with zipfile.ZipFile(folder / BUNDLE, "w") as archive:
        archive.writestr("photograph.txt", "none")


def _project(citations: str, bibliography: str) -> Make:
    """Return what adds a project's own citations."""

    def make(folder: Path) -> None:
        (folder / "configs").mkdir()
        (folder / "configs/citations.yaml").write_text(citations)
        (folder / "configs/references.bib").write_text(bibliography)

    return make


def _case(id: str, given: str, command: str, answer: str, make: Make = nothing, finished: bool = False) -> Case:
    return Case(f"sharing-{id}", given, command, answer, make, finished=finished)


CASES = [
    _case(
        "publish-unknown",
        "an unknown experiment to publish",
        "publish mien --out x.zip",
        "mien: no such experiment; give a file, or one of: ...",
    ),
    _case(
        "publish-no-zip",
        "a bundle that is to be no zip file",
        f"publish {EXPERIMENT} --out mine.tar",
        "publish: --out mine.tar: a bundle is a zip file; write mine.zip",
    ),
    _case(
        "publish-early",
        "results to publish that are not there yet",
        PUBLISH,
        "publish: results/mine/metrics.parquet: missing, and ... more; run `python -m harness aggregate EXPERIMENT` to make it again",
    ),
    _case(
        "publish-altered",
        "results to publish that somebody edited",
        PUBLISH,
        f"{RUN_SHOWN}/history.csv: not what was written (SHA-256 ..., written ...); run `python -m harness train EXPERIMENT --run srresnet_tiny.baseline.s0...` to make it again",
        replaced(f"{RUN}/history.csv", "iteration,loss\n1,0.0\n"),
        True,
    ),
    _case(
        "publish-proc",
        "a bundle where no file can be made",
        f"publish {EXPERIMENT} --out /proc/mine.zip",
        f"/proc/mine.zip: {NO_PLACE}",
    ),
    _case(
        "publish-proc-folder",
        "a bundle in a folder that is not there and cannot be made",
        f"publish {EXPERIMENT} --out /proc/mine/bundles/mine.zip",
        f"/proc/mine/bundles/mine.zip: {NO_PLACE}",
    ),
    _case(
        "publish-below-file",
        "a bundle below a file",
        f"publish {EXPERIMENT} --out {EXPERIMENT}/{BUNDLE}",
        f"{EXPERIMENT}/{BUNDLE}: cannot be written (Not a directory); {IN_THE_WAY}",
    ),
    _case(
        "publish-folder",
        "a folder that is called as the bundle",
        PUBLISH,
        f"{BUNDLE}: cannot be written (Is a directory); {IN_THE_WAY}",
        lambda folder: (folder / BUNDLE).mkdir(),
    ),
    _case(
        "evaluate-output-proc",
        "rows to write where no file can be made",
        f"evaluate {EXPERIMENT} --weights x.pth --network srresnet_tiny --output /proc/rows.csv",
        f"/proc/rows.csv: {NO_PLACE}",
    ),
    _case(
        "representatives-below-file",
        "representative degradations, with a file where their folder belongs",
        f"representatives {EXPERIMENT} my_set",
        f"configs/representatives/my_set.yaml: cannot be written (Not a directory); {IN_THE_WAY}",
        written("configs", ""),
    ),
    _case(
        "overview-below-file",
        "an overview, with a file where the reports belong",
        "overview",
        f"reports/index.html: cannot be written (...); {IN_THE_WAY}",
        written("reports", ""),
    ),
    _case(
        "import-proc",
        "a bundle to import where no folder can be made",
        f"{IMPORT} --into /proc/results",
        f"/proc/results: {NO_PLACE}",
        _bundle,
        True,
    ),
    _case(
        "import-nowhere",
        "a bundle that is not there",
        IMPORT,
        "mine.zip: cannot be read (No such file or directory); name a file that `publish` wrote",
    ),
    _case(
        "import-text",
        "an experiment in place of a bundle",
        f"import {EXPERIMENT}",
        f"{EXPERIMENT}: not a whole zip file (...); ask for the bundle again",
    ),
    _case(
        "import-zip",
        "another zip file in place of a bundle",
        IMPORT,
        "mine.zip: 0 files MANIFEST.json in it; name what `publish` wrote",
        _other_zip,
    ),
    _case(
        "import-cut",
        "a bundle cut in half",
        IMPORT,
        "mine.zip: not a whole zip file (...); ask for the bundle again",
        both(_bundle, cut(BUNDLE, 0.5)),
        True,
    ),
    _case(
        "import-member",
        "a bundle from which a file was taken",
        IMPORT,
        "mine.zip: '...history.csv' is listed but missing; this bundle is not trusted, nothing is imported",
        _without_a_member,
        True,
    ),
    _case(
        "import-signature",
        "the signature of other results",
        f"{IMPORT} --signature {'0' * 64}",
        f"mine.zip: signature ..., not {'0' * 64}; these are other results: ask again",
        _bundle,
        True,
    ),
    _case(
        "import-short",
        "a signature of three digits",
        f"{IMPORT} --signature abc",
        "mine.zip: --signature abc: too short to tell; give 12 digits or more",
        _bundle,
        True,
    ),
    _case(
        "import-different",
        "a bundle that differs from one's own results",
        IMPORT,
        f"{RUN_SHOWN}/history.csv: differs from mine.zip; nothing is imported: move it away, or use --into",
        both(_bundle, replaced(f"{RUN}/history.csv", "iteration,loss\n1,0.0\n")),
        True,
    ),
    _case(
        "import-into-file",
        "a file to import into",
        f"{IMPORT} --into {EXPERIMENT}",
        f"{EXPERIMENT}: cannot be written (Not a directory); something else lies there, or its name cannot be used: move it away",
        _bundle,
        True,
    ),
    _case(
        "cite-unknown-key",
        "a citation that no bibliography has",
        f"cite {EXPERIMENT}",
        "configs/citations.yaml: metrics.mine: 'me2026': no such entry in configs/references.bib; add it there, or correct the key",
        _project("metrics: {mine: [me2026]}\n", "@misc{you2026, title = {Yours}}\n"),
    ),
    _case(
        "cite-bibtex",
        "a bibliography in which a comma is missing",
        f"cite {EXPERIMENT}",
        "configs/references.bib: line 3: me2026: a comma is missing after title",
        _project("metrics: {mine: [me2026]}\n", "@misc{me2026,\n  title = {Mine}\n  year = 2026\n}\n"),
    ),
    _case(
        "show-nothing",
        "a name that stands for nothing",
        "show nothing_like_it",
        f"show: 'nothing_like_it': {NO_NAME}; `python -m harness list` has all names",
    ),
    _case(
        "show-case",
        "a name of which only a letter is wrong",
        "show Dropuot",
        f"show: 'Dropuot': {NO_NAME}; did you mean 'dropout'?",
    ),
    _case(
        "show-file",
        "a file that is not there, to show",
        "show mien.yaml",
        "show: 'mien.yaml': no such file; `python -m harness list experiments` has those that are found by name",
    ),
    _case(
        "show-run",
        "a run of an experiment that lies elsewhere",
        "show srresnet_tiny.mine.s0",
        "show: 'srresnet_tiny.mine.s0': no run of an experiment in configs/experiments; name the file of its experiment: `python -m harness show RUN --experiment FILE`",
    ),
    _case(
        "show-run-of-another",
        "a run that its experiment does not have",
        f"show srresnet_tiny.mine.s0 --experiment {EXPERIMENT}",
        f"{EXPERIMENT}: no run 'srresnet_tiny.mine.s0'; there are 1, such as {RUN_SHOWN[len('results/runs/') :]}",
    ),
    _case(
        "watch-unknown",
        "an unknown experiment to watch",
        "watch mien",
        "mien: no such experiment; give a file, or one of: ...",
    ),
    _case(
        "without-unknown",
        "a data set to leave out that is not evaluated",
        f"check {EXPERIMENT} --without Set5",
        f"{EXPERIMENT}: --without Set5 (or HARNESS_WITHOUT): not evaluated here; there are: embedded_test",
    ),
    _case(
        "without-all",
        "all data sets to leave out",
        f"plan {EXPERIMENT} --without embedded_test",
        f"{EXPERIMENT}: --without embedded_test: nothing would be left of evaluation.datasets",
    ),
    _case(
        "merge-nothing",
        "a folder to merge that holds no results",
        "merge nowhere",
        "merge: nowhere: no results there; name a folder with runs/ and metrics/ in it",
    ),
    _case(
        "report-early",
        "a report before the metrics are merged",
        f"report {EXPERIMENT}",
        "results/mine/metrics.parquet: no such metrics file; run the evaluation that writes it",
    ),
]
