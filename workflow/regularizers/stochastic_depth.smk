use rule train_run as train_stochastic_depth with:
    wildcard_constraints:
        variant=experiment.variant_pattern("stochastic_depth"),
