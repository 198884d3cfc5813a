"""Data: training images decoded once, benchmarks degraded once."""


rule pack:
    input:
        code=experiment.code("data"),
    output:
        "results/training_data/{dataset}/index.json",
        "results/training_data/{dataset}/pixels.bin",
    log:
        "results/logs/pack/{dataset}.log",
    conda:
        "../../environment.yml"
    threads: workflow.cores
    shell:
        'python -m harness pack "$experiment" {wildcards.dataset} --jobs {threads} 2>&1 | tee {log}'


rule benchmark:
    input:
        code=experiment.code("data"),
    output:
        expand(
            "results/benchmarks/{{dataset}}/{degradation}/manifest.tsv",
            degradation=["hr", *experiment.degradations],
        ),
    log:
        "results/logs/benchmark/{dataset}.log",
    wildcard_constraints:
        dataset=experiment.datasets_pattern("benchmark", "embedded"),
    conda:
        "../../environment.yml"
    threads: workflow.cores
    shell:
        'python -m harness benchmark "$experiment" {wildcards.dataset} --jobs {threads} 2>&1 | tee {log}'


rule photographs:
    input:
        code=experiment.code("data"),
    output:
        "results/benchmarks/{dataset}/real/manifest.tsv",
    log:
        "results/logs/photographs/{dataset}.log",
    wildcard_constraints:
        dataset=experiment.datasets_pattern("real_paired", "real_unpaired"),
    conda:
        "../../environment.yml"
    threads: workflow.cores
    shell:
        'python -m harness benchmark "$experiment" {wildcards.dataset} --jobs {threads} 2>&1 | tee {log}'
