use rule train_run as train_adaptive_dropout with:
    wildcard_constraints:
        variant=experiment.variant_pattern("adaptive_dropout"),
