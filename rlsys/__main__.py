"""`python -m rlsys`: the command line."""

from rlsys.cli import main

main()
