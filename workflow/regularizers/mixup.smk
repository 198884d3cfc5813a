use rule train_run as train_mixup with:
    wildcard_constraints:
        variant=experiment.variant_pattern("mixup"),
