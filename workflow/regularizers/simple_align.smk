use rule train_run as train_simple_align with:
    wildcard_constraints:
        variant=experiment.variant_pattern("simple_align"),
