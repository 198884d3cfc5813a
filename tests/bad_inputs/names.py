"""Names that mean something to a shell, a path, a pattern or a table, in a project's own catalogues."""

from __future__ import annotations

import yaml

from tests.bad_inputs.case import BASE, EXPERIMENT, Case, Make, both, written

CHECK = f"check {EXPERIMENT}"
SHAPE = "use letters, digits, _ and - only, with a letter or digit first"
MEANING = "a {} cannot be called so: tables or folders give this name another meaning; choose another one"
HOSTILE = ("y$(touch PWNED)", "../../esc", "a b", "a;b", "-rf", "{x}", "x/y")
EMBEDDED = {"kind": "embedded", "images": 1, "files": {"cat": "skimage:data/chelsea.png"}, "licence": "CC0"}
METRIC = {"function": "somewhere:metric", "higher_is_better": True, "protocol": "none"}


def catalogue(file: str, content: object) -> Make:
    """Return what writes a catalogue of the project's own."""
    return written(f"configs/{file}.yaml", yaml.safe_dump(content))


def named(name: str, number: int) -> list[Case]:
    """A name in every catalogue, and in the experiment that asks for it."""
    entries: dict[str, tuple[str, object, str]] = {
        "data set": ("datasets", {name: EMBEDDED}, ""),
        "network": ("networks", {name: {"path": "somewhere:Network"}}, ""),
        "variant": ("regularizers", {name: {"regularizer": "baseline"}}, ""),
        "degradation": ("degradations", {"benchmark": {name: {"blur": 1.0}}}, " benchmark:"),
        "training degradation": ("degradations", {"training": {name: {}}}, " training:"),
        "metric": ("metrics", {name: METRIC}, ""),
    }
    cases = [
        Case(
            f"name-{kind.replace(' ', '-')}-{number}",
            f"a {kind} called `{name}`",
            CHECK,
            f"...configs/{file}.yaml:{section} {name!r}: {SHAPE}",
            catalogue(file, content),
        )
        for kind, (file, content, section) in entries.items()
    ]
    outside = BASE + yaml.safe_dump({"external": {name: {"weights": "x.pth", "network": "srresnet"}}})
    answer = f"{EXPERIMENT}: external: {name!r}: {SHAPE}"
    return [
        *cases,
        Case(f"name-model-{number}", f"a model called `{name}`", CHECK, answer, written(EXPERIMENT, outside)),
    ]


def reserved(kind: str, name: str, file: str, content: object, section: str = "") -> Case:
    """A name that tables or folders keep for themselves."""
    answer = f"...configs/{file}.yaml:{section} {name!r}: {MEANING.format(kind)}"
    return Case(f"name-{file}-{name}", f"a {kind} called `{name}`", CHECK, answer, catalogue(file, content))


def experiment_called(name: str) -> Case:
    """An experiment of that name."""
    answer = f"{name}.yaml: name: {name!r}: {MEANING.format('experiment')}"
    return Case(
        f"name-experiment-{name}",
        f"an experiment called `{name}`",
        ("check", f"{name}.yaml"),
        answer,
        written(f"{name}.yaml", BASE),
    )


def _own(name: str) -> Make:
    experiment = BASE.replace("[embedded_test]", yaml.safe_dump([name], default_flow_style=True).strip())
    return both(catalogue("datasets", {name: EMBEDDED}), written(EXPERIMENT, experiment))


CASES = [
    *(case for number, name in enumerate(HOSTILE) for case in named(name, number)),
    *(
        Case(
            f"name-command-{number}",
            f"a data set called `{name}`, made by the command of its job",
            ("benchmark", EXPERIMENT, "--jobs", "1", "--", name),
            f"...configs/datasets.yaml: {name!r}: {SHAPE}",
            _own(name),
        )
        for number, name in enumerate(HOSTILE)
    ),
    reserved("data set", "real", "datasets", {"real": EMBEDDED}),
    reserved("data set", "Average", "datasets", {"Average": EMBEDDED}),
    reserved("degradation", "hr", "degradations", {"benchmark": {"hr": {"blur": 1.0}}}, " benchmark:"),
    reserved("degradation", "real", "degradations", {"benchmark": {"real": {"blur": 1.0}}}, " benchmark:"),
    reserved("metric", "main", "metrics", {"main": METRIC}),
    reserved("network", "spandrel", "networks", {"spandrel": {"path": "somewhere:Network"}}),
    experiment_called("runs"),
    experiment_called("logs"),
    Case(
        "name-number",
        "a name that YAML takes for a truth value",
        CHECK,
        "...configs/datasets.yaml: line 1, column 1: not valid YAML: YAML reads this key as False, not as text; write it in quotes",
        written("configs/datasets.yaml", "no: {}\n"),
    ),
    Case(
        "name-long",
        "a name of 65 characters",
        CHECK,
        f"...configs/datasets.yaml: '{'x' * 65}': a data set's name of 65 characters; use 64 or fewer",
        catalogue("datasets", {"x" * 65: EMBEDDED}),
    ),
    Case(
        "name-case",
        "a name that differs from one of the harness in case only",
        CHECK,
        "...configs/datasets.yaml: 'set5': differs from the harness's entry 'Set5' in case only; rename one of them",
        catalogue("datasets", {"set5": EMBEDDED}),
    ),
    Case(
        "name-mark",
        "a variant called as a folder with options is",
        CHECK,
        "configs/regularizers.yaml: 'dropout--rate_0p5': -- stands between a regularizer and its options in the names of folders; use one - or _",
        catalogue("regularizers", {"dropout--rate_0p5": {"regularizer": "dropout"}}),
    ),
    Case(
        "name-of-another",
        "a variant called like another regularizer's folder",
        CHECK,
        "regularizers.yaml: regularizer: 'pack.age:Mine' and the variant 'pack_age_Mine': the folders of both would be called pack_age_Mine; rename one of them",
        catalogue(
            "regularizers", {"mine": {"regularizer": "pack.age:Mine"}, "pack_age_Mine": {"regularizer": "baseline"}}
        ),
    ),
    Case(
        "name-section",
        "a misspelt section of the degradations",
        CHECK,
        "...configs/degradations.yaml: 'tarining': unknown key; allowed: benchmark, training",
        catalogue("degradations", {"tarining": {}}),
    ),
    Case(
        "name-gray-pattern",
        "a degradation whose gray noise is shared by the views",
        CHECK,
        "...configs/degradations.yaml: training.mine.gray_pattern: 'view': input should be 'image' or 'batch'",
        catalogue("degradations", {"training": {"mine": {"gray_pattern": "view"}}}),
    ),
    Case(
        "name-embedded",
        "an embedded photograph whose name leads out of the folder",
        CHECK,
        "...configs/datasets.yaml: cat: files: '../../esc': the name is no name of a file; rename it",
        catalogue("datasets", {"cat": {**EMBEDDED, "files": {"../../esc": "skimage:data/chelsea.png"}}}),
    ),
    Case(
        "name-pattern",
        "a pattern that leads out of the folder",
        CHECK,
        "...configs/datasets.yaml: mine: pattern '../{name}': must lie below the data set's folder",
        catalogue("datasets", {"mine": {"kind": "folder", "folder": "x", "pattern": "../{name}", "licence": "mine"}}),
    ),
    Case(
        "name-manifest",
        "a manifest whose image leads out of the folder",
        "adopt mine data/x",
        "...configs/manifests/mine.tsv: line 2: '../../esc' leads out of the folder of the images",
        both(
            catalogue(
                "datasets",
                {"mine": {"kind": "benchmark", "images": 1, "folder": "x", "manifest": "mine", "licence": "mine"}},
            ),
            written("data/x/y.png", b""),
            written("configs/manifests/mine.tsv", f"name\twidth\theight\tsha256\n../../esc\t1\t1\t{'0' * 64}\n"),
        ),
    ),
]
