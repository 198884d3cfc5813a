"""Sets of many degradations: their images, made by one job for each data set, and one evaluation per checkpoint and set."""

for data_set in experiment.systematic.datasets:

    rule:
        name:
            "benchmark_" + data_set.replace("-", "_")
        input:
            [ancient(path) for path in experiment.systematic.before(data_set)],
        output:
            experiment.systematic.images(data_set),
        log:
            "results/logs/benchmark/{dataset}.systematic.log",
        wildcard_constraints:
            dataset=data_set,
        conda:
            "../../environment.yml"
        threads: 4
        resources:
            mem_mb=lambda wildcards, attempt: 8000 * attempt,
            runtime=lambda wildcards, attempt: 120 * attempt,
        params:
            experiment=experiment.path,
            code=experiment.code("benchmark"),
            source=lambda wildcards: experiment.source(wildcards.dataset),
            scale=experiment.scale,
        message:
            "degrade {wildcards.dataset} in many ways"
        shell:
            "python -m harness benchmark {params.experiment:q} {wildcards.dataset:q} --of systematic --jobs {threads}"
            " 2>&1 | tee {log:q}"


use rule evaluate_run as evaluate_run_systematic with:
    input:
        weights="results/runs/{run}/weights.safetensors",
        sets=lambda wildcards: experiment.systematic.index(wildcards.part),
    output:
        "results/metrics/{run}/{part}.parquet",
    log:
        "results/logs/evaluate/{run}.{part}.log",
    wildcard_constraints:
        run=r"[\w-]+\.[\w-]+\.s\d+\.[0-9a-f]{8}",
        part=experiment.systematic.pattern,
    params:
        experiment=experiment.path,
        code=experiment.code("evaluate"),
        attempt=lambda wildcards: experiment.attempt(wildcards.run, wildcards.part),
        options=lambda wildcards: experiment.systematic.options(wildcards.part),
    message:
        "evaluate {wildcards.run} on {wildcards.part}"


use rule evaluate_reference as evaluate_reference_systematic with:
    input:
        sets=lambda wildcards: experiment.systematic.index(wildcards.part),
    output:
        "results/metrics/{reference}/{part}.parquet",
    log:
        "results/logs/evaluate/{reference}.{part}.log",
    wildcard_constraints:
        reference=experiment.references_pattern,
        part=experiment.systematic.pattern,
    params:
        experiment=experiment.path,
        code=experiment.code("evaluate"),
        attempt=lambda wildcards: experiment.attempt(wildcards.reference, wildcards.part),
        options=lambda wildcards: experiment.systematic.options(wildcards.part),
    message:
        "evaluate {wildcards.reference} on {wildcards.part}"


use rule evaluate_external as evaluate_external_systematic with:
    input:
        weights=lambda wildcards: experiment.weights_of(wildcards.external),
        sets=lambda wildcards: experiment.systematic.index(wildcards.part),
    output:
        "results/metrics/{external}/{part}.parquet",
    log:
        "results/logs/evaluate/{external}.{part}.log",
    wildcard_constraints:
        external=r"external\.[\w-]+\.[0-9a-f]{8}",
        part=experiment.systematic.pattern,
    params:
        experiment=experiment.path,
        code=lambda wildcards: experiment.external_code(wildcards.external),
        attempt=lambda wildcards: experiment.attempt(wildcards.external, wildcards.part),
        options=lambda wildcards: experiment.systematic.options(wildcards.part),
    message:
        "evaluate {wildcards.external} on {wildcards.part}"
