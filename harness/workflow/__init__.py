"""What Snakemake and people ask before anything runs, and what joins several machines."""
