"""``python -m harness``: see :mod:`harness.commands.app`."""

from harness.commands.app import main

if __name__ == "__main__":
    main()
