"""`python -m pipelines.cli` is the bullion command."""

from pipelines.cli import main

if __name__ == "__main__":
    main()
