use rule train_run as train_input_mask with:
    wildcard_constraints:
        variant=experiment.variant_pattern("input_mask"),
