"""Blind-SR regularizer benchmark: snakemake [TARGET] --cores N --resources gpu=M [--configfile configs/experiments/NAME.yaml]"""

from snakemake.utils import min_version

from harness.workflow.snakefile import Plan, experiment_file, reporting_to

min_version("9.0")

with reporting_to(WorkflowError):
    given = workflow.overwrite_configfiles or workflow.configfiles
    experiment = Plan(experiment_file(given, workflow.config_settings.config), first=workflow.is_main_process)
shell.prefix(experiment.shell_prefix)


include: "workflow/rules/data.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/analysis.smk"
include: "workflow/rules/ablations.smk"


for regularizer in experiment.rule_files:

    include: regularizer


onstart:
    with reporting_to(WorkflowError):
        experiment.preflight(workflow.dag.needrun_jobs(), workflow.global_resources, workflow.non_local_exec)
        experiment.begin_stage()


onsuccess:
    experiment.say_outlook()


rule all:
    default_target: True
    input:
        rules.tables.output,
        rules.figures.output,
        rules.report.output,
        experiment.section_reports(".html", ".png"),
    message:
        f"{experiment.name}: all done"


rule train:
    input:
        experiment.weights,
    message:
        f"{experiment.name}: all runs done"


rule evaluate:
    input:
        experiment.metrics,
    message:
        f"{experiment.name}: all metrics done"
