"""`python -m gputail` is `gputail`."""

import sys

from gputail.cli import main

if __name__ == "__main__":
    sys.exit(main())
