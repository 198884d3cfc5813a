"""Data: training images decoded once, benchmarks degraded once."""


rule pack:
    output:
        "results/training_data/{dataset}/index.json",
        "results/training_data/{dataset}/pixels.bin",
    input:
        code=experiment.code("data"),
    log:
        "results/logs/pack/{dataset}.log",
    threads: workflow.cores
    shell:
        "python -m harness pack {experiment.path} {wildcards.dataset} --jobs {threads} 2>&1 | tee {log}"


rule benchmark:
    output:
        expand(
            "results/benchmarks/{{dataset}}/{degradation}/manifest.tsv",
            degradation=["hr", *experiment.degradations],
        ),
    input:
        code=experiment.code("data"),
    wildcard_constraints:
        dataset=experiment.datasets_pattern("benchmark", "embedded"),
    log:
        "results/logs/benchmark/{dataset}.log",
    threads: workflow.cores
    shell:
        "python -m harness benchmark {experiment.path} {wildcards.dataset} --jobs {threads} 2>&1 | tee {log}"


rule photographs:
    output:
        "results/benchmarks/{dataset}/real/manifest.tsv",
    input:
        code=experiment.code("data"),
    wildcard_constraints:
        dataset=experiment.datasets_pattern("real_paired", "real_unpaired"),
    log:
        "results/logs/photographs/{dataset}.log",
    threads: workflow.cores
    shell:
        "python -m harness benchmark {experiment.path} {wildcards.dataset} --jobs {threads} 2>&1 | tee {log}"
