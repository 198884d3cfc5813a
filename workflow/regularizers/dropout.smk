use rule train as train_dropout with:
    wildcard_constraints:
        variant=experiment.variant_pattern("dropout"),
