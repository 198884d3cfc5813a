"""Reporting: all tables, figures and the report are pure functions of the files named as inputs."""


rule aggregate:
    input:
        experiment.metrics,
        code=experiment.code("report"),
    output:
        f"results/{experiment.name}/metrics.parquet",
    log:
        f"results/logs/{experiment.name}/aggregate.log",
    conda:
        "../../environment.yml"
    shell:
        'python -m harness aggregate "$experiment" 2>&1 | tee {log}'


rule tables:
    input:
        rules.aggregate.output,
        experiment.records,
        code=experiment.code("report"),
    output:
        experiment.tables,
    log:
        f"results/logs/{experiment.name}/tables.log",
    conda:
        "../../environment.yml"
    shell:
        'python -m harness tables "$experiment" 2>&1 | tee {log}'


rule figures:
    input:
        rules.aggregate.output,
        experiment.records,
        experiment.weights,
        code=experiment.code("report"),
    output:
        experiment.figures,
    log:
        f"results/logs/{experiment.name}/figures.log",
    conda:
        "../../environment.yml"
    shell:
        'python -m harness figures "$experiment" 2>&1 | tee {log}'


rule report:
    input:
        rules.tables.output,
        rules.figures.output,
        experiment.records,
        code=experiment.code("report"),
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
    shell:
        'python -m harness report "$experiment" 2>&1 | tee {log}'
