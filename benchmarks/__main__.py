"""`python -m benchmarks`, from the repository's root."""

from __future__ import annotations

import os
import sys


def main() -> None:
    # Read by NumPy, scikit-learn and torch when they are imported, here and in the workers.
    for library in ("OMP", "OPENBLAS", "MKL"):
        os.environ[f"{library}_NUM_THREADS"] = "1"
    from benchmarks.command import main as command

    sys.exit(command(sys.argv[1:]))


if __name__ == "__main__":
    main()
