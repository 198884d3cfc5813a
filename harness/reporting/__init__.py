"""From rows of metrics to claims: aggregation, statistics, tables, figures and the report.

Everything here is a pure function of ``metrics.parquet``, the run folders and the benchmark images: the same inputs
give the same bytes.
"""
