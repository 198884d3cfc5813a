use rule train_run as train_moa with:
    wildcard_constraints:
        variant=experiment.variant_pattern("moa"),
