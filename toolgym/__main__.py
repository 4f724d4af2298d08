"""`python -m toolgym`: the `toolgym` command."""

from toolgym.cli import main

if __name__ == "__main__":
    main()
