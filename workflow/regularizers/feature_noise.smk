use rule train_run as train_feature_noise with:
    wildcard_constraints:
        variant=experiment.variant_pattern("feature_noise"),
