"""A harness that compares regularizers for blind image super-resolution, end to end.

Data walks through the subpackages in one direction: ``datasets`` -> ``degradations`` -> ``training`` (with ``networks``
and ``regularizers``) -> ``evaluation`` -> ``reporting``. Every stage is one command, ``python -m harness <stage>``.
Importing the package costs nothing; torch is imported by the stages that compute with it. From here on ``basicsr``,
``pyiqa`` and ``torchvision`` can be imported, whichever part of the harness comes first.
"""

from __future__ import annotations

import harness.foundation.compat  # noqa: F401

__version__ = "0.1.0"
