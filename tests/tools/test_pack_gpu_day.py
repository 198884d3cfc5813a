"""The pack for a bare GPU machine: what it names, and what it holds."""

from __future__ import annotations

import subprocess
import tarfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tools.pack_gpu_day import CODE, left_out, pack, requirements


def test_it_names_what_training_needs_beside_torch() -> None:
    names = {Requirement(text).name for text in requirements()}
    assert {"numpy", "scipy", "pandas", "pydantic", "safetensors"} <= names
    assert not names & {"torch", "pyarrow", "basicsr", "snakemake", "opencv-python-headless"}


@pytest.mark.thorough
def test_it_holds_the_code_and_the_packages(tmp_path: Path) -> None:
    (tmp_path / "wheels").mkdir()
    (tmp_path / "wheels" / "module.py").write_text("")
    assert 0 < pack(tmp_path / "wheels", tmp_path / "day.tar.xz") < 5_000_000
    with tarfile.open(tmp_path / "day.tar.xz") as archive:
        names = archive.getnames()
    expected = {"gpu_day/packages/module.py", "gpu_day/benchmarks/gpu_day.py", "gpu_day/configs/networks.yaml"}
    assert expected <= set(names)


def test_it_holds_what_is_committed_and_names_what_is_not(tmp_path: Path) -> None:
    root, packages = tmp_path / "checkout", tmp_path / "packages"
    packages.mkdir()
    for name in CODE:
        path = root / name if "." in name else root / name / "a.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("committed")
    identity = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
    for words in (("init", "-q"), ("add", "-A"), (*identity, "commit", "-q", "-m", "first")):
        subprocess.run(["git", "-C", str(root), *words], check=True)
    assert left_out(root) == []
    (root / "harness" / "a.py").write_text("changed")
    (root / "tools" / "a.py").unlink()
    (root / "tests" / "b.py").write_text("new")
    subprocess.run(["git", "-C", str(root), "add", "tests/b.py"], check=True)
    pack(packages, tmp_path / "day.tar.xz", root)
    with tarfile.open(tmp_path / "day.tar.xz") as archive:
        files = {member.name: archive.extractfile(member).read() for member in archive if member.isfile()}
    expected = {f"gpu_day/{name}" if "." in name else f"gpu_day/{name}/a.py" for name in CODE}
    assert files == dict.fromkeys(expected, b"committed")
    assert left_out(root) == ["harness/a.py", "tests/b.py", "tools/a.py"]
    with pytest.raises(SystemExit, match="call this in a git checkout with a commit of the code"):
        pack(packages, tmp_path / "none.tar.xz", packages)
