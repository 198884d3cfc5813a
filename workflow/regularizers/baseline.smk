use rule train_run as train_baseline with:
    wildcard_constraints:
        variant=experiment.variant_pattern("baseline"),
