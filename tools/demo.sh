#!/bin/sh
# Runs the demo's workflow. May be killed at any moment and started again.
set -eu
cd "$(dirname "$0")/.."
mkdir -p .snakemake

# One workflow at a time. Snakemake inherits the lock, so it also holds where only make was killed.
if command -v flock >/dev/null; then
    exec 9>.snakemake/demo.lock
    flock -n 9 || { echo "demo: an earlier run is still at work in this folder; waiting for it to end"; flock 9; }
fi

set -- .venv/bin/python -m snakemake --configfile configs/experiments/demo.yaml --cores all
# Nobody else is at work here, so locks are left over from a run that was killed.
[ -z "$(ls -A .snakemake/locks 2>/dev/null)" ] || "$@" --unlock
# In place of this shell, so that signals reach it.
exec "$@" --quiet host --rerun-incomplete
