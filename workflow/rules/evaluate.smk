"""Evaluation: one job per checkpoint for all datasets, degradations and metrics."""


rule evaluate_run:
    output:
        f"results/metrics/{{run}}/{experiment.evaluation}.parquet",
    input:
        code=experiment.code("evaluate"),
        weights="results/runs/{run}/weights.safetensors",
        manifests=experiment.manifests,
    wildcard_constraints:
        run=r"[\w-]+\.[\w-]+\.s\d+\.[0-9a-f]{8}",
    log:
        "results/logs/evaluate/{run}.log",
    threads: experiment.training.threads
    resources:
        gpu=min(1, experiment.gpus),
    shell:
        "python -m harness evaluate {experiment.path} --run {wildcards.run} 2>&1 | tee {log}"


rule evaluate_reference:
    output:
        f"results/metrics/{{reference}}/{experiment.evaluation}.parquet",
    input:
        code=experiment.code("evaluate"),
        manifests=experiment.manifests,
    wildcard_constraints:
        reference="bicubic",
    log:
        "results/logs/evaluate/{reference}.log",
    threads: experiment.training.threads
    shell:
        "python -m harness evaluate {experiment.path} --reference {wildcards.reference} 2>&1 | tee {log}"
