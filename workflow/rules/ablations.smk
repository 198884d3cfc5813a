"""Ablations: one study is one file in configs/ablations; its runs are trained and evaluated by the rules for all runs."""


rule ablation:
    input:
        # A mistake in a study is told without the frames of its reading.
        reporting_to(WorkflowError)(lambda wildcards: experiment.ablation_inputs(wildcards.study)),
    output:
        f"results/{experiment.name}/ablations/{{study}}.parquet",
        report(
            multiext(f"reports/{experiment.name}/ablations/{{study}}/", "table.html", "figure.png"),
            caption="../report/ablation.rst",
            category="Ablations",
            subcategory="{study}",
        ),
        multiext(f"reports/{experiment.name}/ablations/{{study}}/", "table.md", "table.csv", "table.tex", "figure.pdf"),
    log:
        f"results/logs/{experiment.name}/ablations/{{study}}.log",
    wildcard_constraints:
        study="|".join(experiment.ablations) or "(?!)",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        experiment=experiment.path,
        code=experiment.code("report"),
        study=lambda wildcards: experiment.ablation_digest(wildcards.study),
    message:
        f"{experiment.name}: ablation {{wildcards.study}}"
    shell:
        "python -m harness ablation {params.experiment:q} {wildcards.study:q} 2>&1 | tee {log:q}"


rule ablations:
    input:
        expand(rules.ablation.output, study=experiment.ablations),
    message:
        f"{experiment.name}: all ablations done"


for study in experiment.ablations:

    rule:
        name:
            f"ablation_{study}"
        input:
            expand(rules.ablation.output, study=study),
        message:
            f"{experiment.name}: ablation done"


if experiment.selection.there:

    include: "selection.smk"


if experiment.tuning.there:

    include: "tuning.smk"
