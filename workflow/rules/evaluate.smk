"""Evaluation: one job per checkpoint for all datasets, degradations and metrics; see systematic.smk for many more."""


rule evaluate_run:
    input:
        weights="results/runs/{run}/weights.safetensors",
        sets=experiment.sets,
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
        mem_mb=lambda wildcards, attempt: 8000 * attempt,
        runtime=lambda wildcards, attempt: 120 * attempt,
    params:
        experiment=experiment.path,
        code=experiment.code("evaluate"),
        attempt=lambda wildcards: experiment.attempt(wildcards.run),
        options=[],
    message:
        "evaluate {wildcards.run}"
    shell:
        "python -m harness evaluate {params.experiment:q} --run {wildcards.run:q}"
        " --attempt {params.attempt:q} {params.options:q} 2>&1 | tee {log:q}"


rule evaluate_reference:
    input:
        sets=experiment.sets,
    output:
        f"results/metrics/{{reference}}/{experiment.evaluation}.parquet",
    log:
        "results/logs/evaluate/{reference}.log",
    wildcard_constraints:
        reference=experiment.references_pattern,
    conda:
        "../../environment.yml"
    threads: experiment.training.threads
    resources:
        mem_mb=lambda wildcards, attempt: 8000 * attempt,
        runtime=lambda wildcards, attempt: 120 * attempt,
    params:
        experiment=experiment.path,
        code=experiment.code("evaluate"),
        attempt=lambda wildcards: experiment.attempt(wildcards.reference),
        options=[],
    message:
        "evaluate {wildcards.reference}"
    shell:
        "python -m harness evaluate {params.experiment:q} --reference {wildcards.reference:q}"
        " --attempt {params.attempt:q} {params.options:q} 2>&1 | tee {log:q}"


rule evaluate_external:
    input:
        weights=lambda wildcards: experiment.weights_of(wildcards.external),
        sets=experiment.sets,
    output:
        f"results/metrics/{{external}}/{experiment.evaluation}.parquet",
    log:
        "results/logs/evaluate/{external}.log",
    wildcard_constraints:
        external=r"external\.[\w-]+\.[0-9a-f]{8}",
    conda:
        "../../environment.yml"
    threads: experiment.training.threads
    resources:
        gpu=min(1, experiment.gpus),
        mem_mb=lambda wildcards, attempt: 8000 * attempt,
        runtime=lambda wildcards, attempt: 120 * attempt,
    params:
        experiment=experiment.path,
        code=lambda wildcards: experiment.external_code(wildcards.external),
        attempt=lambda wildcards: experiment.attempt(wildcards.external),
        options=[],
    message:
        "evaluate {wildcards.external}"
    shell:
        "python -m harness evaluate {params.experiment:q} --external {wildcards.external:q}"
        " --attempt {params.attempt:q} {params.options:q} 2>&1 | tee {log:q}"


if experiment.systematic.there:

    include: "systematic.smk"
