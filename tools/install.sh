#!/bin/sh
# Makes .venv hold what requirements.lock pins, once: a second call returns at once. PYTHON names an interpreter.
set -eu
cd "$(dirname "$0")/.."
place=$(pwd -P)
wanted="$(cat requirements.lock pyproject.toml tools/install.sh | cksum) $place"
[ "$(cat .venv/.installed 2>/dev/null)" = "$wanted" ] && exit 0

find_python() {
    [ -n "${PYTHON:-}" ] && set -- "$PYTHON" || set -- python3.11 python3.12 python3 python
    for candidate in "$@"; do
        if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    echo "install: no Python 3.11 or 3.12 found (tried: ${PYTHON:-python3.11, python3.12, python3, python}); install one," \
        "or name it: make install PYTHON=/path/to/python3.11" >&2
    return 1
}

# A package that was being unpacked when an install was cut off looks installed, and a moved or copied folder holds
# scripts of its old place: both environments are built anew.
if [ -d .venv ] && { [ -e .venv/.unfinished ] || ! head -c 400 .venv/bin/pip 2>/dev/null | grep -qF "$place/.venv/"; }; then
    echo "install: .venv is unfinished or from another folder; building it anew"
    rm -rf .venv
fi
if [ ! -d .venv ]; then
    python=$(find_python)
    mkdir .venv
    touch .venv/.unfinished
    "$python" -m venv .venv || {
        echo "install: $python cannot make virtual environments; on Debian and Ubuntu install python3-venv" >&2
        exit 1
    }
fi
touch .venv/.unfinished
rm -f .venv/.installed

quiet=-q
[ -t 1 ] && quiet=
pip() {
    command .venv/bin/python -m pip --disable-pip-version-check --no-input "$@"
}
echo "install: pinned packages into .venv with $(.venv/bin/python --version); once, in minutes; 3 GB, or 7 with CUDA"
# torch first, and no build isolation: basicsr is built from source and names torch as a build requirement, so an
# isolated build would download another torch. setuptools and wheel must be there for it.
pip install $quiet -c requirements.lock torch torchvision setuptools wheel
pip install $quiet --no-build-isolation -r requirements.lock
# Both builds of OpenCV arrive and share one folder; the last one wins, and only the headless one runs without libGL.
pip install $quiet --force-reinstall --no-deps -c requirements.lock opencv-python-headless
pip install $quiet --no-build-isolation --no-deps -e .
pip check >/dev/null || { pip check >&2; exit 1; }
rm .venv/.unfinished
echo "$wanted" >.venv/.installed
echo "install: done"
