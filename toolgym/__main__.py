"""`python -m toolgym`: the `toolgym` command."""

from toolgym.cli import main

main()
