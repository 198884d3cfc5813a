use rule train_run as train_cutblur with:
    wildcard_constraints:
        variant=experiment.variant_pattern("cutblur"),
