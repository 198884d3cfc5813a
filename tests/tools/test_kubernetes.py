"""The script of the Kubernetes profile with a stand-in for kubectl: it submits YAML, whatever folders are called."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import ROOT

PLACES = ("plain", "a b", "it's; $(touch PWNED)", "x: # y", '"q" & {z}')


def submitted(tmp_path: Path, place: str) -> tuple[dict[str, Any], Path]:
    """Submit a script in a folder of this name; return the job as Kubernetes would read it, and the script."""
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "kubectl").write_text('#!/bin/sh\ncat >"$SUBMITTED"\n')
    (tools / "kubectl").chmod(0o755)
    folder = tmp_path / place
    folder.mkdir()
    script = folder / "job.sh"
    script.write_text("echo done >ran\n")
    environment = os.environ | {
        "PATH": f"{tools}:{os.environ['PATH']}",
        "SUBMITTED": str(tmp_path / "submitted.yaml"),
        "HARNESS_IMAGE": "registry/image:1",
        "HARNESS_CLAIM": "claim",
        "HARNESS_MOUNT": str(folder),
    }
    command = ["sh", str(ROOT / "profiles/kubernetes/job.sh"), "submit", "2", "4000", "60", "1", str(script)]
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
    return yaml.safe_load((tmp_path / "submitted.yaml").read_text()), script


@pytest.mark.parametrize("place", PLACES)
def test_folders_of_any_name_reach_the_pod_as_they_are(tmp_path: Path, place: str) -> None:
    job, script = submitted(tmp_path, place)
    pod = job["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["workingDir"] == container["volumeMounts"][0]["mountPath"] == str(script.parent)
    assert container["resources"]["limits"] == {"cpu": "2", "memory": "4000Mi", "nvidia.com/gpu": 1}
    assert container["command"][-1].replace("$$", "$") == str(script), "Kubernetes reads $$ as $"
    assert not list(tmp_path.rglob("PWNED"))


def test_the_pod_runs_the_script(tmp_path: Path) -> None:
    job, script = submitted(tmp_path, "a b")
    (container,) = job["spec"]["template"]["spec"]["containers"]
    shell, option, text, path = container["command"]
    text = text.replace("kill -TERM -1", "exit 143")  # which is meant for a pod, not for this machine
    done = subprocess.run([shell, option, text, path], cwd=script.parent, check=False, start_new_session=True)
    assert done.returncode == 0
    assert (script.parent / "ran").read_text() == "done\n"
