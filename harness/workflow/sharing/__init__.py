"""Results in one file that other people can check: see :mod:`harness.workflow.sharing.bundle`."""
