"""What kept code is worth: programs without `--cache`, with an empty folder, and with what that start has kept.

usage: kept.py SERVER ROUNDS MODULE...   MODULE is a program of the benchmark, which works once for each line that it reads

Prints a table in Markdown: milliseconds of processors, that is of all threads of `run`. The three take turns, the fastest round
counts.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

# What is run: options, and what the program reads.
CASES = {"to its main loop": ([], b""), "one turn": ([], b"\n"), "`--compile-all`": (["--compile-all"], b"")}


def run(server, module, options, work):
    """Milliseconds by the clock and of processors; and what is said of functions."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [server, "run", "-v", *options, module], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    process.stdin.write(work)
    process.stdin.close()
    said = process.stderr.read().decode()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{module}: {said}")
    functions = re.search(r"(\d+) functions from the cache, (\d+) compiled", said)
    counts = tuple(map(int, functions.groups())) if functions else None
    return (time.perf_counter() - began) * 1e3, (used.ru_utime + used.ru_stime) * 1e3, counts


def measured(server, rounds, module, options, work):
    """The least times of the three, how many functions, and how many bytes they are in the folder."""
    least = [[float("inf")] * 2 for _ in range(3)]
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            kept = ["--cache", folder]
            for index, more in enumerate([[], kept, kept]):
                clock, processors, counts = run(server, module, options + more, work)
                least[index] = [min(least[index][0], clock), min(least[index][1], processors)]
            found, compiled = counts
            if not found or compiled:
                sys.exit(f"{module}: {found} functions from the cache, {compiled} compiled")
            size = sum(path.stat().st_size for path in Path(folder).iterdir())
    return least, found, size


def main():
    server, rounds, modules = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
    print("| program | | functions | kept kB | no cache ms | first ms | second ms | second : no cache | first : no cache | second : no cache, by the clock |")
    print("|---|---|--:|--:|--:|--:|--:|--:|--:|--:|")
    for module in modules:
        for case, (options, work) in CASES.items():
            least, functions, size = measured(server, rounds, module, options, work)
            (clock, none), (_, first), (second_clock, second) = least
            print(
                f"| {Path(module).stem} | {case} | {functions} | {size / 1000:.0f} | {none:.1f} | {first:.1f} | {second:.1f} "
                f"| {second / none:.2f} | {first / none:.2f} | {second_clock / clock:.2f} |",
                flush=True,
            )


main()
