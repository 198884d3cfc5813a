"""Selection: weights on the way, measured, and what choosing among them on a test set would gain; docs/selection.md."""


rule evaluate_kept:
    input:
        weights="results/runs/{run}/weights.safetensors",
        sets=experiment.sets,
    output:
        experiment.selection.pattern,
    log:
        "results/logs/selection/{run}.{iteration}.log",
    wildcard_constraints:
        run=r"[\w-]+\.[\w-]+\.s\d+\.[0-9a-f]{8}",
        iteration=r"\d+",
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
        iteration=lambda wildcards: int(wildcards.iteration),
    message:
        "evaluate {wildcards.run}, iteration {wildcards.iteration}"
    shell:
        "python -m harness evaluate {params.experiment:q} --run {wildcards.run:q}"
        " --iteration {params.iteration:q} 2>&1 | tee {log:q}"


rule selection_report:
    input:
        experiment.selection.rows,
        experiment.records,
        rules.aggregate.output,
    output:
        report(experiment.selection.reports(".html", ".png"), caption="../report/selection.rst", category="Selection"),
        experiment.selection.reports(".csv", ".md", ".tex", ".pdf"),
    log:
        f"results/logs/{experiment.name}/selection.log",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        experiment=experiment.path,
        code=experiment.code("report"),
    message:
        f"{experiment.name}: what choosing weights on a test set would gain"
    shell:
        "python -m harness selection {params.experiment:q} 2>&1 | tee {log:q}"


rule selection:
    input:
        experiment.selection.reports(".csv", ".png"),
    message:
        f"{experiment.name}: selection done"
