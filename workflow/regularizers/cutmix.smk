use rule train_run as train_cutmix with:
    wildcard_constraints:
        variant=experiment.variant_pattern("cutmix"),
