#!/bin/sh
# Runs the demo's workflow. May be killed at any moment and started again.
set -eu
cd "$(dirname "$0")/.."
mkdir -p .snakemake

# Snakemake and others keep caches at home and ask what the user is called; both may be unknown in a container.
writable() {
    [ -n "$1" ] && mkdir -p "$1" 2>/dev/null && [ -w "$1" ]
}
if ! writable "${HOME:+$HOME/.config}" || ! writable "${XDG_CACHE_HOME:-$HOME/.cache}"; then
    HOME=$(pwd)/.snakemake/home
    export HOME
    unset XDG_CACHE_HOME XDG_CONFIG_HOME XDG_DATA_HOME
    mkdir -p "$HOME"
fi
id -un >/dev/null 2>&1 || export LOGNAME="${LOGNAME:-user}"

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
