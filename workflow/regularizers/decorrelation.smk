use rule train_run as train_decorrelation with:
    wildcard_constraints:
        variant=experiment.variant_pattern("decorrelation"),
