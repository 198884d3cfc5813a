"""Reporting: all tables, figures and the report are pure functions of the files named as inputs."""


rule aggregate:
    output:
        f"results/{experiment.name}/metrics.parquet",
    input:
        experiment.metrics,
        code=experiment.code("report"),
    log:
        f"results/logs/{experiment.name}/aggregate.log",
    shell:
        "python -m harness aggregate {experiment.path} 2>&1 | tee {log}"


rule tables:
    output:
        experiment.tables,
    input:
        rules.aggregate.output,
        experiment.records,
        code=experiment.code("report"),
    log:
        f"results/logs/{experiment.name}/tables.log",
    shell:
        "python -m harness tables {experiment.path} 2>&1 | tee {log}"


rule figures:
    output:
        experiment.figures,
    input:
        rules.aggregate.output,
        experiment.records,
        experiment.weights,
        code=experiment.code("report"),
    log:
        f"results/logs/{experiment.name}/figures.log",
    shell:
        "python -m harness figures {experiment.path} 2>&1 | tee {log}"


rule report:
    output:
        report(
            f"reports/{experiment.name}/report.html",
            caption="../report/report.rst",
            category="Report",
        ),
    input:
        rules.tables.output,
        rules.figures.output,
        experiment.records,
        code=experiment.code("report"),
    log:
        f"results/logs/{experiment.name}/report.log",
    shell:
        "python -m harness report {experiment.path} 2>&1 | tee {log}"
