use rule train_run as train_cutout with:
    wildcard_constraints:
        variant=experiment.variant_pattern("cutout"),
