"""Reporting: all tables, figures and the report are pure functions of the files named as inputs."""


rule aggregate:
    input:
        experiment.metrics,
    output:
        f"results/{experiment.name}/metrics.parquet",
    log:
        f"results/logs/{experiment.name}/aggregate.log",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        experiment=experiment.path,
        code=experiment.code("report"),
    message:
        f"{experiment.name}: merge metrics"
    shell:
        "python -m harness aggregate {params.experiment:q} 2>&1 | tee {log:q}"


rule tables:
    input:
        rules.aggregate.output,
        experiment.records,
    output:
        report(experiment.tables(".html"), caption="../report/table.rst", category="Tables"),
        experiment.tables(".csv", ".md", ".tex"),
    log:
        f"results/logs/{experiment.name}/tables.log",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        experiment=experiment.path,
        code=experiment.code("report"),
    message:
        f"{experiment.name}: write tables"
    shell:
        "python -m harness tables {params.experiment:q} 2>&1 | tee {log:q}"


rule figures:
    input:
        rules.tables.output,
        experiment.weights,
        experiment.external_weights,
    output:
        report(experiment.figures(".png"), caption="../report/figure.rst", category="Figures"),
        experiment.figures(".csv", ".json", ".pdf"),
    log:
        f"results/logs/{experiment.name}/figures.log",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        experiment=experiment.path,
        code=experiment.code("report"),
    message:
        f"{experiment.name}: draw figures"
    shell:
        "python -m harness figures {params.experiment:q} 2>&1 | tee {log:q}"


rule report:
    input:
        rules.tables.output,
        rules.figures.output,
        experiment.external_weights,
        experiment.tuning.inputs,
        experiment.analyses.reports(".csv", ".png"),
        experiment.selection.reports(".csv", ".png"),
    output:
        report(
            f"reports/{experiment.name}/report.html",
            caption="../report/report.rst",
            category="Report",
        ),
    log:
        f"results/logs/{experiment.name}/report.log",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        experiment=experiment.path,
        code=experiment.code("report"),
        ablations=experiment.ablations_there,
    message:
        f"{experiment.name}: write the report"
    shell:
        "python -m harness report {params.experiment:q} 2>&1 | tee {log:q}"
