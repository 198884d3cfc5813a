#!/bin/sh
# Runs the demo's workflow and shows its table. May be killed at any moment and started again.
set -eu
cd "$(dirname "$0")/.."
report=reports/demo
mkdir -p .snakemake

# One workflow at a time. The lock is inherited by snakemake, so it also holds when only this script was killed.
if command -v flock >/dev/null; then
    exec 9>.snakemake/demo.lock
    flock -n 9 || { echo "demo: an earlier run is still at work in this folder; waiting for it to end"; flock 9; }
fi

snakemake() {
    .venv/bin/python -m snakemake --configfile configs/experiments/demo.yaml --cores all "$@"
}
# Nobody else is at work here, so locks are left over from a run that was killed.
[ -z "$(ls -A .snakemake/locks 2>/dev/null)" ] || snakemake --unlock
snakemake --rerun-incomplete

echo
cat "$report/tables/main.md"
echo
echo "report: $(pwd)/$report/report.html"
