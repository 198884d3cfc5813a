"""Mistakes in experiment files, which ``check`` meets first."""

from __future__ import annotations

from pathlib import Path

from tests.bad_inputs.case import BASE, EXPERIMENT, Case, Make, written

CHECK = f"check {EXPERIMENT}"


def text(id: str, given: str, content: str | bytes, answer: str) -> Case:
    """A file with this content."""
    return Case(f"yaml-{id}", given, CHECK, f"{EXPERIMENT}: {answer}", written(EXPERIMENT, content))


def edit(id: str, given: str, old: str, new: str, answer: str) -> Case:
    """The experiment with one piece of text in place of another."""
    assert old in BASE, old
    return text(id, given, BASE.replace(old, new), answer)


def _folder(folder: Path) -> None:
    (folder / "folder.yaml").mkdir()


def _data_root(content: str) -> Make:
    return written(
        EXPERIMENT, BASE.replace("scale: 4", f"scale: 4\ndata_root: {content}").replace("embedded_test", "Set5")
    )


BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)

CASES = [
    Case("yaml-missing", "a file that is not there", "check my.yaml", "my.yaml: no such file; files there: mine.yaml"),
    Case(
        "yaml-unknown",
        "a name of no experiment",
        "check lapptop",
        "lapptop: no such experiment; give a file, or one of: demo, denoise, ...",
    ),
    Case(
        "yaml-folder", "a folder", "check folder.yaml", "folder.yaml: cannot be read (... Is a directory...)", _folder
    ),
    text("empty", "an empty file", "", "file: empty: input should be an object"),
    edit(
        "batches",
        "`batches: sometimes`",
        "scale: 4",
        "scale: 4\nbatches: sometimes",
        "batches: 'sometimes': input should be 'auto', 'keep' or 'online'",
    ),
    text("list", "a list in place of a mapping", "- a\n- b\n", "file: a list: input should be an object"),
    text("latin1", "a file that is not UTF-8", "description: caf\u00e9".encode("latin-1"), "cannot be read (...)"),
    text("control", "a control character", "a: \x07b", "not valid YAML: ..."),
    text(
        "tab",
        "indented with a tab",
        "training:\n\tcrop: 4\n",
        "line 2, column 1: not valid YAML: found character '\\t' that cannot start any token",
    ),
    text("bracket", "an open bracket", "networks: [srresnet\nscale: 4\n", "line 2, column 6: not valid YAML: ..."),
    text(
        "python",
        "a tag that makes Python objects",
        "a: !!python/object/apply:os.system [ls]\n",
        "line 1, column 4: not valid YAML: could not determine a constructor for the tag ...",
    ),
    text(
        "list-key",
        "a list as a key",
        "? [a]\n: b\n",
        "line 1, column 3: not valid YAML: a key must be text or a number, not a list",
    ),
    text(
        "bomb",
        "aliases of aliases that unfold to a billion values",
        BOMB,
        "unfolds to more than 1,000,000 values; write out what it means",
    ),
    text(
        "circle",
        "an alias inside its own value",
        "a: &a [*a]\n",
        "an alias stands inside its own value; write out what it means",
    ),
    text(
        "deep",
        "brackets a thousand deep",
        "a: " + "[" * 3000 + "]" * 3000,
        "nested too deeply to be read; write it flatter",
    ),
    text(
        "date", "a date", "description: 2026-11-22\n", "file: only text, numbers, lists and mappings are allowed (...)"
    ),
    edit(
        "twice",
        "a key given twice",
        "scale: 4\n",
        "scale: 4\nscale: 2\n",
        "line 3, column 1: not valid YAML: key 'scale' is given twice",
    ),
    edit(
        "unknown-key",
        "a misspelt key",
        "variants:",
        "variant:",
        "variants: required, but not given\nmine.yaml: variant: unknown key; allowed: ...variants...",
    ),
    edit(
        "unknown-training-key",
        "a misspelt key of the training",
        "patch:",
        "pacth:",
        "training.patch: required, but not given\nmine.yaml: training.pacth: unknown key; allowed: ...patch...",
    ),
    edit("missing-key", "a key left out", "scale: 4\n", "", "scale: required, but not given"),
    edit("text-number", "a number in quotes", "scale: 4", "scale: '4'", "scale: '4': input should be a valid integer"),
    edit(
        "exponent",
        "1e-3, which YAML 1.1 takes for text",
        "0.001",
        "1e-3",
        "training.learning_rate: '1e-3' is text to YAML, not a number; write 1.0e-3",
    ),
    edit("nan", "not a number", "0.001", ".nan", "training.learning_rate: nan: input should be a finite number"),
    edit(
        "negative",
        "a negative number",
        "iterations: 4",
        "iterations: -4",
        "training.iterations: -4: input should be greater than 0",
    ),
    edit(
        "fraction",
        "a fraction where a whole number belongs",
        "batch_size: 2",
        "batch_size: 2.5",
        "training.batch_size: 2.5: input should be a valid integer",
    ),
    edit("empty-list", "an empty list", "[srresnet_tiny]", "[]", "networks: an empty list; give at least 1"),
    edit(
        "one-name",
        "a name where a list belongs",
        "[srresnet_tiny]",
        "srresnet_tiny",
        "networks: 'srresnet_tiny': input should be a valid array",
    ),
    edit(
        "network",
        "an unknown network",
        "srresnet_tiny",
        "srresent_tiny",
        "networks: 'srresent_tiny': unknown; allowed: ...",
    ),
    edit(
        "variant",
        "an unknown variant",
        "[baseline]",
        "[baseline, dropuot]",
        "variants: 'dropuot': unknown; allowed: ...",
    ),
    edit(
        "dataset",
        "an unknown data set",
        "embedded_test",
        "Set55",
        "evaluation.datasets: 'Set55': unknown; allowed: ...",
    ),
    edit(
        "train-on-test",
        "a benchmark as training data",
        "data: embedded_train",
        "data: Set5",
        "training.data: 'Set5': unknown; allowed: ...",
    ),
    edit(
        "heldout",
        "held-out data that is the training data",
        "embedded_heldout",
        "embedded_train",
        "training.heldout: 'embedded_train': must not be the training data",
    ),
    edit(
        "degradation",
        "an unknown degradation",
        "[clean]",
        "[clean, jepg]",
        "evaluation.degradations: 'jepg': unknown; allowed: ...",
    ),
    edit("metric", "an unknown metric", "[psnr_rgb]", "[psnr]", "evaluation.metrics: 'psnr': unknown; allowed: ..."),
    edit("seed-twice", "a seed given twice", "seeds: [0]", "seeds: [0, 0]", "seeds: 0: a duplicate run: given twice"),
    edit("seed-negative", "a negative seed", "seeds: [0]", "seeds: [-1]", "seeds: -1: must not be negative"),
    edit(
        "crop",
        "a crop that the scale does not divide",
        "crop: 32",
        "crop: 34",
        "...: must be a multiple of the scale 4",
    ),
    edit(
        "patch",
        "a patch larger than the crop",
        "patch: 32",
        "patch: 64",
        "training: patch 64: must not be greater than crop 32",
    ),
    edit(
        "window",
        "an aligned crop shared by the views",
        "patch: 32",
        "patch: 32\n  window: view",
        "training.window: 'view': input should be 'image' or 'batch'",
    ),
    edit(
        "crops",
        "an unknown way to draw crops",
        "crop: 32",
        "crop: 32\n  crops: subimages",
        "training.crops: 'subimages': input should be 'photographs' or 'sub_images'",
    ),
    edit(
        "sub-images",
        "crops that are larger than a sub-image",
        "crop: 32",
        "crop: 484\n  crops: sub_images",
        "training.crop: 484: must be at most 480, because variant 'baseline' crops sub-images of that size",
    ),
    text(
        "views",
        "a batch that two views do not divide",
        BASE.replace("batch_size: 2", "batch_size: 3").replace("[baseline]", "[baseline, two_views]"),
        "training.batch_size: 3: must be a multiple of 2: variant 'two_views' has 2 views",
    ),
    edit(
        "device",
        "an unknown device",
        "device: cpu",
        "device: gpu",
        "training.device: 'gpu': input should be 'cpu' or 'cuda'",
    ),
    edit(
        "baseline",
        "a baseline that is no variant",
        "seeds: [0]",
        "seeds: [0]\nbaseline: dropout",
        "baseline: 'dropout': must be one of the variants: baseline",
    ),
    Case(
        "yaml-name",
        "a file name with spaces",
        ("check", "my experiment.yaml"),
        "my experiment.yaml: name: 'my experiment': use letters, digits, _ and - only, with a letter or digit first",
        written("my experiment.yaml", BASE),
    ),
    Case(
        "data-missing",
        "a data folder that is not there",
        CHECK,
        "before this can run:\n  - Set5: no folder elsewhere/benchmarks/Set5; run `python -m harness fetch Set5`, or `python -m harness adopt Set5 FOLDER` for a copy you have",
        _data_root("elsewhere"),
    ),
    Case(
        "weights-missing",
        "a metric whose weight file is not there",
        CHECK,
        "before this can run:\n  - metric lpips: weights lacks alexnet-owt-7be5be79.pth (...), LPIPS_v0.1_alex-df73285e.pth (...); run `python -m harness fetch-weights lpips`, or put the files there",
        written(EXPERIMENT, BASE.replace("[psnr_rgb]", "[psnr_rgb, lpips]")),
    ),
    Case(
        "name-bad",
        "a regularizer's name in capitals",
        "new-regularizer Bad",
        "new-regularizer: name 'Bad': use lower-case letters, digits and _, such as my_dropout",
    ),
    Case(
        "run-unknown",
        "a run that the experiment does not span",
        "train mine.yaml --run srresnet_tiny.dropout.s0",
        "mine.yaml: no run 'srresnet_tiny.dropout.s0'; there are 1, such as ...",
    ),
    Case(
        "evaluate-nothing",
        "neither a run nor a reference",
        "evaluate mine.yaml",
        "evaluate: give one of --run, --reference, --external and --weights",
    ),
    Case(
        "reference-unknown",
        "a control row that there is not",
        "evaluate mine.yaml --reference untrained",
        "mine.yaml: reference 'untrained' is unknown; choose from: bicubic, ..., untrained.srresnet_tiny",
    ),
    Case(
        "fetch-unknown",
        "an unknown data set to fetch",
        "fetch Set55",
        "configs/datasets.yaml: no dataset 'Set55'; there are: ...",
    ),
    Case(
        "fetch-weights-unknown",
        "an unknown metric to fetch weights for",
        "fetch-weights lpisp",
        "metric 'lpisp' is unknown; choose from: ...",
    ),
]
