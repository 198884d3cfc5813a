#!/bin/sh
# One Kubernetes Job per job of the workflow: submit THREADS MEM_MB MINUTES GPUS SCRIPT, status NAME, cancel NAME...
# HARNESS_IMAGE names the image, HARNESS_CLAIM a ReadWriteMany claim, HARNESS_MOUNT where this pod has it mounted, too.
set -eu
action=$1
shift

# A text as YAML takes it, whatever it holds: folders may be called anything.
quoted() {
    printf "'%s'" "$(printf %s "$1" | sed "s/'/''/g")"
}

submit() {
    name="harness-$(date +%s)-$$"
    limits="cpu: '$1', memory: ${2}Mi"
    [ "$4" -eq 0 ] || limits="$limits, nvidia.com/gpu: $4"
    script=$(quoted "$(printf %s "$5" | sed 's/\$/$$/g')") # $(NAME) would be a variable of Kubernetes
    # The pod's first process passes SIGTERM on to all others, so that an evicted run saves its state.
    kubectl create -f - >&2 <<END
apiVersion: batch/v1
kind: Job
metadata: {name: $name, labels: {app: sr-regularizer-harness}}
spec:
  backoffLimit: 0
  activeDeadlineSeconds: $(($3 * 60))
  ttlSecondsAfterFinished: 86400
  template:
    spec:
      restartPolicy: Never
      terminationGracePeriodSeconds: 120
      containers:
        - name: job
          image: $(quoted "${HARNESS_IMAGE:?name the image, see docs/clusters.md}")
          workingDir: $(quoted "$PWD")
          command: [sh, -c, 'trap "kill -TERM -1" TERM; sh "\$0" & wait \$! && exit 0; code=\$?; wait; exit \$code', $script]
          resources: {requests: {$limits}, limits: {$limits}}
          volumeMounts: [{name: shared, mountPath: $(quoted "$HARNESS_MOUNT")}, {name: memory, mountPath: /dev/shm}]
      volumes:
        - {name: shared, persistentVolumeClaim: {claimName: $(quoted "$HARNESS_CLAIM")}}
        - {name: memory, emptyDir: {medium: Memory}}
END
    echo "$name"
}

status() {
    counts=$(kubectl get job "$1" -o 'jsonpath={.status.succeeded}/{.status.failed}') || counts=/
    case $counts in
    1/*) echo success ;;
    */1) echo failed ;;
    *) echo running ;;
    esac
}

case $action in
submit) submit "$@" ;;
status) status "$@" ;;
cancel) kubectl delete job "$@" ;;
*) exit 2 ;;
esac
