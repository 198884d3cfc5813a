"""Tuning: trials are runs, one choice among them, and then the runs with what was chosen; see docs/tuning.md.

Which runs these are nobody knows before the choice: it is the one checkpoint of the workflow.
"""


checkpoint chosen:
    input:
        experiment.tuning.trials,
    output:
        experiment.tuning.chosen,
    log:
        f"results/logs/{experiment.name}/choose.log",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        experiment=experiment.path,
        code=experiment.code("choose"),
        trials=experiment.tuning.digest,
    message:
        f"{experiment.name}: choose options by held-out images"
    shell:
        "python -m harness choose {params.experiment:q} 2>&1 | tee {log:q}"


rule tuning:
    input:
        experiment.tuning.trials,
        # A choice that cannot be used is told without the frames of its reading.
        reporting_to(WorkflowError)(lambda wildcards: experiment.tuning.results(checkpoints.chosen.get().output[0])),
    output:
        f"results/{experiment.name}/tuning/metrics.parquet",
        report(experiment.tuning.reports(".html", ".png"), caption="../report/tuning.rst", category="Tuning"),
        experiment.tuning.reports(".csv", ".md", ".tex", ".pdf"),
    log:
        f"results/logs/{experiment.name}/tuning.log",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        experiment=experiment.path,
        code=experiment.code("report"),
    message:
        f"{experiment.name}: compare default and chosen options"
    shell:
        "python -m harness tuning {params.experiment:q} 2>&1 | tee {log:q}"
