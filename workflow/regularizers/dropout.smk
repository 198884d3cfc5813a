use rule train_run as train_dropout with:
    wildcard_constraints:
        variant=experiment.variant_pattern("dropout"),
