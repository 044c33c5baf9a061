"""The worker's side of `benchmarks.worker`, for any Python: needs nothing but itself."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable


def serve(make: Callable[[dict[str, object]], tuple[str, Callable[[int], float]]]) -> None:
    """Build what is timed from the settings in the first argument, then answer until stdin ends.

    make : settings -> a description and a function from repetitions to seconds. What it prints
    goes to stderr, as stdout carries the answers.
    """
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    description, seconds = make(json.loads(sys.argv[1]))
    print(json.dumps({"ready": description}), file=answers, flush=True)
    for line in sys.stdin:
        took = seconds(int(json.loads(line)["run"]))
        print(json.dumps({"seconds": took}), file=answers, flush=True)
