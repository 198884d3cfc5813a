"""A harness that compares regularizers for blind image super-resolution, end to end.

Data walks through the subpackages in one direction: ``datasets`` -> ``degradations`` -> ``training`` (with ``networks``
and ``regularizers``) -> ``evaluation`` -> ``reporting``. Every stage is one command, ``python -m harness <stage>``.
Importing the package costs nothing; torch is imported by the stages that compute with it.
"""

from __future__ import annotations

__version__ = "0.1.0"
