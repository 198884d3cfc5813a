use rule train_run as train_empirical_centroid with:
    input:
        **experiment.packs,
        teacher=experiment.teacher,
    wildcard_constraints:
        variant=experiment.variant_pattern("empirical_centroid"),
