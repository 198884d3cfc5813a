use rule train_run as train_sam with:
    wildcard_constraints:
        variant=experiment.variant_pattern("sam"),
