"""`python -m siptg`: the same as the command `siptg`."""

from siptg.app.cli import main

main()
