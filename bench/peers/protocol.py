"""What every peer shares: JSON lines, {"call": name, "args": {...}} in and {"result": ...} or {"error": ...} out, and a
clock. A peer takes the output for its answers before it imports the library that it is about.
"""

import json
import os
import sys
import time


def take_output():
    """A file for the answers. Whatever a library prints goes to stderr, so that it does not pass for one."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return answers


def serve(peer, answers):
    """Answers with the peer's methods until the input ends."""
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = {"result": getattr(peer, request["call"])(**request["args"])}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers)


class Clock:
    """Wall time and the process's CPU time of a block, in milliseconds."""

    def __enter__(self):
        self.wall, self.cpu = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_):
        self.wall = (time.perf_counter() - self.wall) * 1000
        self.cpu = (time.process_time() - self.cpu) * 1000

    def sample(self):
        return {"wall": self.wall, "cpu": self.cpu}
