#!/bin/sh
# A Slurm of two nodes with two counted GPUs each, all on this machine, to test the workflow with: start FOLDER, stop FOLDER.
# As root, on Debian or Ubuntu, after: apt-get install -y --no-install-recommends slurm-wlm munge
# It takes the place of the machine's own Slurm configuration, if there is one: for containers and virtual machines only.
set -eu
[ $# -eq 2 ] || { sed -n 2,4p "$0" | cut -c3- >&2; exit 2; }
folder=$2

stop() {
    for name in slurmd.n1 slurmd.n2 slurmctld munged; do
        [ ! -s "$folder/$name.pid" ] || kill "$(cat "$folder/$name.pid")" 2>/dev/null || true
    done
}

start() {
    [ ! -e /etc/slurm/slurm.conf ] || grep -q 'ClusterName=harness-test' /etc/slurm/slurm.conf ||
        { echo "local_slurm: /etc/slurm/slurm.conf is another cluster's; not touched" >&2; exit 1; }
    mkdir -p "$folder/state" /run/munge
    chown munge: /run/munge
    if ! munge -n >/dev/null 2>&1; then
        runuser -u munge -- munged
        cp /run/munge/munged.pid "$folder/munged.pid"
    fi
    # Slurm counts devices by their files; character devices, so that it sets CUDA_VISIBLE_DEVICES.
    for gpu in 0 1; do [ -e "$folder/gpu$gpu" ] || mknod "$folder/gpu$gpu" c 1 3; done
    printf 'Name=gpu File=%s\n' "$folder/gpu0" "$folder/gpu1" >/etc/slurm/gres.conf
    host=$(hostname -s)
    cat >/etc/slurm/slurm.conf <<END
ClusterName=harness-test
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool.%n
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.%n.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
ReturnToService=2
MinJobAge=3600
SchedulerParameters=sched_interval=2,bf_interval=2,requeue_delay=2
SlurmdParameters=config_overrides
GresTypes=gpu
NodeName=n[1-2] NodeHostname=$host NodeAddr=127.0.0.1 Port=[17001-17002] CPUs=4 RealMemory=8000 Gres=gpu:2
PartitionName=main Nodes=n[1-2] Default=YES MaxTime=INFINITE State=UP
END
    slurmctld
    slurmd -N n1
    slurmd -N n2
    for _ in $(seq 40); do
        [ "$(sinfo -h -t idle -o %D)" != 2 ] || break
        sleep 0.5
    done
    sinfo -N -o "%N %T %c %m %G"
}

case $1 in
start) start ;;
stop) stop ;;
*) exit 2 ;;
esac
