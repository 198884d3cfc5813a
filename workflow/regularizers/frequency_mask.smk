use rule train_run as train_frequency_mask with:
    wildcard_constraints:
        variant=experiment.variant_pattern("frequency_mask"),
