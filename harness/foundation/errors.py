"""The one exception that users see: a mistake or a missing thing, told in one line."""

from __future__ import annotations


class HarnessError(Exception):
    """An error the user can cause and mend.

    The message is one line (or, for preflight, one line per problem); it names the file and the field and says
    what to do. The command line prints it without a traceback and exits with status 2.
    """
