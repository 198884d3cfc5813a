use rule train_run as train_degradation_weighted with:
    wildcard_constraints:
        variant=experiment.variant_pattern("degradation_weighted"),
