"""Analyses: what every trained network has learned, one job per checkpoint; see docs/analysis.md."""


rule analyse:
    input:
        weights="results/runs/{run}/weights.safetensors",
        sets=experiment.sets,
    output:
        experiment.analyses.pattern,
    log:
        "results/logs/analyse/{run}.{iteration}.log",
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
        code=experiment.code("analyse"),
        taps=lambda wildcards: experiment.analyses.taps(wildcards.run),
        iteration=lambda wildcards: int(wildcards.iteration),
    message:
        "analyse {wildcards.run}, iteration {wildcards.iteration}"
    shell:
        "python -m harness analyse {params.experiment:q} --run {wildcards.run:q}"
        " --iteration {params.iteration:q} 2>&1 | tee {log:q}"


rule analysis_report:
    input:
        experiment.analyses.rows,
        rules.aggregate.output,
    output:
        report(experiment.analyses.reports(".html", ".png"), caption="../report/analysis.rst", category="Analysis"),
        experiment.analyses.reports(".csv", ".md", ".tex", ".pdf"),
    log:
        f"results/logs/{experiment.name}/analysis.log",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        experiment=experiment.path,
        code=experiment.code("report"),
    message:
        f"{experiment.name}: compare what the networks have learned"
    shell:
        "python -m harness analysis {params.experiment:q} 2>&1 | tee {log:q}"


rule analysis:
    input:
        experiment.analyses.reports(".csv", ".png"),
    message:
        f"{experiment.name}: all analyses done"
