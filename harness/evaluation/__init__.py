"""Evaluation: checkpoints and references on degraded benchmarks, one tidy row per image and metric."""
