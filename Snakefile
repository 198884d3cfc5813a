"""Blind-SR regularizer benchmark: snakemake [--configfile configs/experiments/NAME.yaml] [TARGET] --cores N --resources gpu=M"""

from glob import glob

from snakemake.utils import min_version

from harness.workflow import Plan, experiment_file, reporting_to

min_version("9.0")

with reporting_to(WorkflowError):
    experiment = Plan(experiment_file(workflow.configfiles, config))

# A prefix replaces Snakemake's own, which makes failures count. Jobs run the Python that plans them, activated or not, and
# read the experiment from a variable: as a parameter its path would part experiments that share a run.
shell.prefix(f"set -euo pipefail; export PATH='{Plan.python_folder()}':$PATH; experiment='{experiment.path}'; ")


include: "workflow/rules/data.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/report.smk"


for regularizer in sorted(glob(f"{workflow.basedir}/workflow/regularizers/*.smk")):

    include: regularizer


onstart:
    with reporting_to(WorkflowError):
        experiment.preflight(workflow.dag.needrun_jobs(), workflow.global_resources)


rule all:
    default_target: True
    input:
        rules.tables.output,
        rules.figures.output,
        rules.report.output,


rule benchmarks:
    input:
        experiment.manifests,


rule train:
    input:
        experiment.weights,


rule evaluate:
    input:
        experiment.metrics,
