"""Evaluation: one job per checkpoint for all datasets, degradations and metrics."""


rule evaluate_run:
    input:
        code=experiment.code("evaluate"),
        weights="results/runs/{run}/weights.safetensors",
        manifests=experiment.manifests,
    output:
        f"results/metrics/{{run}}/{experiment.evaluation}.parquet",
    log:
        "results/logs/evaluate/{run}.log",
    wildcard_constraints:
        run=r"[\w-]+\.[\w-]+\.s\d+\.[0-9a-f]{8}",
    conda:
        "../../environment.yml"
    threads: experiment.training.threads
    resources:
        gpu=min(1, experiment.gpus),
    shell:
        'python -m harness evaluate "$experiment" --run {wildcards.run} 2>&1 | tee {log}'


rule evaluate_reference:
    input:
        code=experiment.code("evaluate"),
        manifests=experiment.manifests,
    output:
        f"results/metrics/{{reference}}/{experiment.evaluation}.parquet",
    log:
        "results/logs/evaluate/{reference}.log",
    wildcard_constraints:
        reference="bicubic",
    conda:
        "../../environment.yml"
    threads: experiment.training.threads
    shell:
        'python -m harness evaluate "$experiment" --reference {wildcards.reference} 2>&1 | tee {log}'
