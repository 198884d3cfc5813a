"""The doctor finds what is wrong and says what to do; what is fine it calls fine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.datasets.patches import pack
from harness.evaluation.weight_files import WEIGHT_FILES
from harness.experiment import Experiment, load_experiment
from harness.foundation import layout
from harness.foundation.devices import visible_gpus
from harness.foundation.errors import HarnessError
from harness.workflow.doctor import environment, machine, material
from harness.workflow.doctor.environment import Probe
from harness.workflow.doctor.findings import Finding, table
from harness.workflow.doctor.probe import MODULES, attempt
from tests.conftest import ROOT

DEMO = ROOT / "configs" / "experiments" / "demo.yaml"
PAPER = ROOT / "configs" / "experiments" / "paper.yaml"
FINE = Probe(dict.fromkeys(MODULES), {"build": None, "gpus": [], "bf16": False})


@pytest.fixture(scope="module")
def paper() -> Experiment:
    return load_experiment(PAPER)


def doctor(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join(filter(None, (variables.pop("FIRST", ""), str(ROOT))))
    command = [sys.executable, "-m", "harness", "doctor", *arguments]
    environment = {**os.environ, "PYTHONPATH": paths, **variables}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def levels(findings: list[Finding], level: str) -> list[str]:
    return [finding.text for finding in findings if finding.level == level]


def test_a_healthy_house(tmp_path: Path) -> None:
    answer = doctor(tmp_path, str(DEMO), CUDA_VISIBLE_DEVICES="")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    lines = answer.stdout.splitlines()
    assert "0 problems" in lines[-1]
    subjects = [line.split()[1] for line in lines[:-1]]
    wanted = [
        "experiment",
        "python",
        "packages",
        "imports",
        "gpus",
        "writing",
        "home",
        "disk",
        "slurm",
        "data",
        "weights",
    ]
    assert list(dict.fromkeys(subject for subject in subjects if subject in wanted)) == wanted
    assert len({line.index(line.split(maxsplit=2)[2]) for line in lines[:-1]}) == 1, "texts are aligned"
    assert list(tmp_path.iterdir()) == [], "nothing stays behind"


def test_a_library_that_ends_its_process_is_named_and_the_status_is_1(tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("import os\nos._exit(9)\n")
    answer = doctor(tmp_path, "nothing.yaml", FIRST=str(tmp_path))
    assert answer.returncode == 1, answer.stderr
    assert "Traceback" not in answer.stdout + answer.stderr
    problems = [line for line in answer.stdout.splitlines() if line.startswith("problem")]
    assert "nothing.yaml: no such file" in problems[0]
    assert "torch: ended its process with status 9; run `make install`" in problems[1]
    assert "torch could not be asked" in problems[2]
    assert len(problems) == 3


def test_nothing_heavy_is_imported_but_by_the_probe() -> None:
    code = "import harness.workflow.doctor.examine, harness.workflow.forecast.plan, sys; "
    code += "print({'torch', 'pyiqa'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_python_and_packages_are_compared_with_their_pins(tmp_path: Path) -> None:
    assert environment.python(">=3.11,<3.13", "3.13.1").level == "problem"
    assert environment.python(">=3.11,<3.13", "3.12.4").level == "ok"
    dependencies = '["numpy>=2.0", "pandas>=99", "no-such-package", "pillow>=11"]'
    (tmp_path / "pyproject.toml").write_text(f'[project]\nrequires-python = ">=3.11"\ndependencies = {dependencies}')
    numpy, pillow = (str(environment.installed(name)) for name in ("numpy", "pillow"))
    (tmp_path / "requirements.lock").write_text(f"# pins\nnumpy=={numpy}\npillow==11.0\nscipy==0.1\nnot-here==1\n")
    found = environment.packages(tmp_path)
    assert [text.split(";")[0] for text in levels(found, "problem")] == [
        f"pandas {environment.installed('pandas')} is not within >=99",
        "no-such-package is not installed",
    ]
    direct, indirect = levels(found, "warning")
    assert f"pillow {pillow} is allowed, but 11.0 of requirements.lock is what was tested" in direct
    assert f"1 indirect ones differ from requirements.lock: scipy {environment.installed('scipy')}" in indirect
    with pytest.raises(HarnessError, match=r"pyproject\.toml: cannot be read .*; run from a whole checkout"):
        environment.packages(tmp_path / "nowhere")


def test_local_version_labels_are_no_difference() -> None:
    assert "+" not in str(environment.installed("torch"))
    assert environment.installed("no-such-package") is None


def test_imports() -> None:
    assert attempt("json") is None
    assert attempt("no_such_module") == "No module named 'no_such_module'"
    assert [finding.level for finding in environment.imports(FINE)] == ["ok"]
    broken = Probe({"torch": None, "cv2": "libGL.so.1: cannot open shared object file"}, None)
    (problem,) = environment.imports(broken)
    assert problem.level == "problem"
    assert "opencv-python-headless" in problem.text
    assert environment.imports(Probe({}, None))[0].level == "problem"


def test_gpus(paper: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def found(names: list[str], build: str | None, experiment: Experiment | None, bf16: bool = True) -> list[Finding]:
        return list(environment.gpus(Probe({}, {"build": build, "gpus": names, "bf16": bf16}), experiment))

    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    (lacking,) = found([], None, paper)
    assert lacking.level == "problem"
    assert f"0 can be used, 1 are needed by {PAPER}" in lacking.text
    assert found([], None, load_experiment(DEMO))[0].level == "ok"
    assert found(["H", "H", "L"], "12.8", paper)[0].text == "2 x H, 1 x L"
    monkeypatch.setenv("PATH", "/nowhere")  # no nvidia-smi that knows how many there are
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    assert len(visible_gpus()) == 2
    assert "torch is a CPU build" in found([], None, None)[0].text
    assert found([], None, None)[0].level == "warning"
    assert found([], "12.8", paper)[0].level == "problem"
    assert "the driver cannot run" in found([], "12.8", paper)[0].text
    settings = PAPER.read_text().replace("device: cuda", "device: cuda\n  precision: bf16")
    (tmp_path / "bf16.yaml").write_text(settings)
    assert "use fp32" in levels(found(["old"], "12.8", load_experiment(tmp_path / "bf16.yaml"), False), "warning")[0]


def test_folders_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    found = list(machine.writable({tmp_path / "file" / "results": True, tmp_path / "data" / "deep": False}))
    assert [finding.level for finding in found] == ["problem", "ok"]
    assert f"{tmp_path / 'file'} cannot be written (Not a directory)" in found[0].text
    assert [finding.level for finding in machine.writable({tmp_path / "file" / "x": False})] == ["warning"]
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_home_that_snakemake_cannot_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "new"))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("LOGNAME", "somebody")
    assert machine.home() == Finding("ok", "home", f"caches can be written to {tmp_path}/new/.cache")
    monkeypatch.setenv("HOME", "/proc/nowhere")
    assert machine.home().text.startswith("/proc/nowhere/.cache: cannot be written (")
    assert "run `export HOME=FOLDER`" in machine.home().text
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert machine.home().level == "ok"


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, "no home folder is known, and Snakemake needs one; run `export HOME=FOLDER`"),
        ({"HOME": "/tmp"}, "user 45678 has no name, and Snakemake asks for it; run `export LOGNAME=user` first"),
        ({"HOME": "/tmp", "LOGNAME": "user"}, "caches can be written to /tmp/.cache"),
    ],
)
def test_a_user_whom_the_system_does_not_know(variables: dict[str, str], expected: str) -> None:
    """As in a container that is started with a number for a user."""
    if os.getuid() != 0:
        pytest.skip("only root can become somebody else")
    code = "import os; from harness.workflow.doctor import machine; os.setuid(45678); print(machine.home().text)"
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **variables}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.startswith(expected)


def test_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert machine.disk(10**18).level == "problem"
    assert "but 1000000000.0 GB will be written; free some" in machine.disk(10**18).text
    assert machine.disk(1).level == "ok"
    monkeypatch.setattr(machine, "_LITTLE_DISK", 1e18)
    assert machine.disk(None).level == "warning"


def test_a_locked_workflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert list(machine.lock()) == []
    (tmp_path / ".snakemake" / "locks").mkdir(parents=True)
    (tmp_path / ".snakemake" / "locks" / "0.output.lock").touch()
    assert "snakemake --unlock" in next(iter(machine.lock())).text


@pytest.mark.parametrize(
    ("commands", "level", "text"),
    [
        ({}, "ok", "only needed with --executor slurm"),
        ({"sbatch": "exit 0", "sinfo": "echo no controller >&2; exit 1"}, "warning", "sinfo fails (no controller)"),
        ({"sbatch": "exit 0"}, "warning", "sinfo gives no answer"),
        ({"sbatch": "exit 0", "sinfo": "exit 0"}, "ok", "are here"),
    ],
)
def test_slurm(
    commands: dict[str, str], level: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "snakemake_executor_plugin_slurm.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    for name, body in commands.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    found = machine.slurm()
    assert (found.level, text in found.text) == (level, True), found


def test_data(paper: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = list(material.data(paper, tmp_path, deep=False))
    assert [finding.level for finding in found] == ["problem"] * 9
    assert "run `python -m harness fetch DIV2K_train`" in found[0].text
    everything = list(material.data(None, tmp_path, deep=False))
    assert [finding.level for finding in everything] == ["ok", "ok"]
    assert "embedded_test (4)" in everything[1].text
    (tmp_path / "benchmarks" / "Set5").mkdir(parents=True)
    assert "Set5: no images" in levels(list(material.data(None, tmp_path, deep=False)), "warning")[0]
    deep = list(material.data(load_experiment(DEMO), tmp_path, deep=True))
    assert next(finding.text for finding in deep) == "embedded_train: 8 images, all as in the manifest"
    pack("embedded_train", tmp_path, layout.pack("embedded_train"), jobs=1)
    deep = list(material.data(load_experiment(DEMO), tmp_path, deep=True))
    assert "results: 1 results, all as they were written" in levels(deep, "ok")
    pixels = layout.pack("embedded_train") / "pixels.bin"
    pixels.write_bytes(b"\0" * pixels.stat().st_size)
    deep = list(material.data(load_experiment(DEMO), tmp_path, deep=True))
    assert ["8 of 8 images are not what was packed" in text for text in levels(deep, "problem")] == [True]


def test_every_missing_weight_file_is_named(paper: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_WEIGHTS", str(tmp_path))
    found = list(material.weights(None))
    for name, file in WEIGHT_FILES.items():
        assert sum(name in text and file.url in text for text in levels(found, "warning")) == 1
    needed = list(material.weights(paper))
    assert [text.split(";")[0] for text in levels(needed, "problem")] == [
        f"{tmp_path / 'niqe_modelparameters.mat'}: missing, for niqe"
    ]
    (tmp_path / "RN50.pt").write_bytes(b"another file")
    (tmp_path / "niqe_modelparameters.mat").write_bytes(b"no checksum is stated")
    found = list(material.weights(paper))
    assert "truncated or another file" in levels(found, "problem")[0]
    assert "1 of 9 files" in levels(found, "ok")[0]


def test_a_table_has_one_line_per_finding() -> None:
    lines = table([Finding("ok", "a", "fine"), Finding("problem", "longer", "two\nlines")])
    assert lines == ["ok       a       fine", "problem  longer  two lines"]
    assert table([]) == []
