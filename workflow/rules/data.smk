"""Data: training images decoded once, benchmarks degraded once."""


rule pack:
    output:
        "results/training_data/{dataset}/index.json",
        "results/training_data/{dataset}/pixels.bin",
    log:
        "results/logs/pack/{dataset}.log",
    wildcard_constraints:
        dataset=experiment.names,
    conda:
        "../../environment.yml"
    threads: 4
    resources:
        mem_mb=lambda wildcards, attempt: 8000 * attempt,
        runtime=lambda wildcards, attempt: 120 * attempt,
    params:
        experiment=experiment.path,
        code=experiment.code("pack"),
        source=lambda wildcards: experiment.source(wildcards.dataset),
    message:
        "decode {wildcards.dataset} for training"
    shell:
        "python -m harness pack {params.experiment:q} {wildcards.dataset:q} --jobs {threads} 2>&1 | tee {log:q}"


rule benchmark:
    output:
        expand(
            "results/benchmarks/x{scale}/{{dataset}}/{degradation}/manifest.tsv",
            scale=experiment.scale,
            degradation=["hr", *experiment.degradations],
        ),
        experiment.index("{dataset}"),
    log:
        "results/logs/benchmark/{dataset}.log",
    wildcard_constraints:
        dataset=experiment.datasets_pattern("benchmark", "embedded"),
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
        "degrade {wildcards.dataset}"
    shell:
        "python -m harness benchmark {params.experiment:q} {wildcards.dataset:q} --of evaluation --jobs {threads}"
        " 2>&1 | tee {log:q}"


rule photographs:
    output:
        f"results/benchmarks/x{experiment.scale}/{{dataset}}/real/manifest.tsv",
    log:
        "results/logs/photographs/{dataset}.log",
    wildcard_constraints:
        dataset=experiment.datasets_pattern("real_paired", "real_unpaired"),
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
        "take photographs of {wildcards.dataset}"
    shell:
        "python -m harness benchmark {params.experiment:q} {wildcards.dataset:q} --jobs {threads} 2>&1 | tee {log:q}"


rule benchmarks:
    input:
        experiment.manifests,
    message:
        f"{experiment.name}: all benchmarks done"
