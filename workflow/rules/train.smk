"""Training: one rule that matches nothing by itself; each file in workflow/regularizers inherits it for its variants."""


rule train_run:
    input:
        **experiment.packs,
    output:
        weights="results/runs/{network}.{variant}.s{seed}.{hash}/weights.safetensors",
        history="results/runs/{network}.{variant}.s{seed}.{hash}/history.csv",
        record="results/runs/{network}.{variant}.s{seed}.{hash}/run.json",
    log:
        "results/logs/train/{network}.{variant}.s{seed}.{hash}.log",
    wildcard_constraints:
        network=r"[\w-]+",
        variant="(?!)",
        seed=r"\d+",
        hash="[0-9a-f]{8}",
    conda:
        experiment.environment
    threads: experiment.training.threads
    resources:
        gpu=experiment.gpus,
        mem_mb=lambda wildcards, attempt: experiment.training_megabytes * attempt,
        runtime=lambda wildcards, attempt: experiment.training_minutes * attempt,
    params:
        experiment=experiment.path,
        code=lambda wildcards: experiment.training_code(wildcards.network, wildcards.variant),
    message:
        "train {wildcards.network} with {wildcards.variant}, seed {wildcards.seed}"
    shell:
        "python -m harness train {params.experiment:q} --run {wildcards.network:q}.{wildcards.variant:q}"
        ".s{wildcards.seed:q}.{wildcards.hash:q} 2>&1 | tee -a {log:q}"


use rule train_run as train_other with:
    input:
        **experiment.packs,
        teacher=experiment.teacher,
    wildcard_constraints:
        variant=experiment.other_variants_pattern,
