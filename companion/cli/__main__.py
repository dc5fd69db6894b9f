"""``python -m companion.cli``: the command line where the `companion` script is not installed."""

from companion.cli import main

if __name__ == "__main__":
    main()
