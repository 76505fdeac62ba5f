"""From starting a server to the first stop at main, with gdb and lldb; and both with the same program compiled natively.

usage: startup.py SERVER ROUNDS FOLDER MEGABYTES...   FOLDER has MEGABYTES.wasm and its native twin MEGABYTES

Prints a table in Markdown. All take turns; the fastest round counts, since other processes can only slow it
down. Processor time is that of all processes together: it says what a start costs where the clock says more about the rest of
the machine.
"""

import os
import resource
import subprocess
import sys
import time

GOAL = 1.2

GDB = ["gdb", "-nx", "-batch", "-iex", "set debuginfod enabled off", "-iex", "set confirm off"]
LLDB = ["lldb-22", "-x", "-b"]


def commands(option, *lines):
    return [word for line in lines for word in (option, line)]


def run(command, sign):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if sign not in done.stdout:
        sys.exit(f"{command}: no {sign!r}\n{done.stdout}{done.stderr}")


def native_gdb(program):
    run(GDB + commands("-ex", "break main", "run", "kill") + [program], "Breakpoint 1, main")


def native_lldb(program):
    # By its full name: the shell that lldb starts by itself takes time.
    run(LLDB + commands("-o", "breakpoint set -n main", "process launch --shell-expand-args false", "kill") + [program],
        "stop reason = breakpoint 1")


def served(server, module, client):
    process = subprocess.Popen(
        [server, "--once", ":0", module], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    announced = process.stderr.readline()
    if not announced.startswith("Listening on "):
        sys.exit(f"{server}: {announced}")
    client(announced.rsplit(":", 1)[1].strip())
    process.communicate()


def with_gdb(port):
    run(GDB + commands("-ex", f"target remote :{port}", "break main", "continue", "kill"), "Breakpoint 1, main")


def with_lldb(port):
    connect = f"process connect --plugin wasm connect://127.0.0.1:{port}"
    run(LLDB + commands("-o", connect, "breakpoint set -n main", "continue", "kill"), "stop reason = breakpoint 1")


def measured(once):
    """Seconds by the clock and of processors."""
    def processors():
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    began, before = time.monotonic(), processors()
    once()
    return time.monotonic() - began, processors() - before


def main():
    if len(sys.argv) < 5:
        sys.exit(__doc__)
    server, rounds, folder, *sizes = sys.argv[1:]
    heads = ["wasm MB"] + [
        head for unit in ("ms", "CPU ms")
        for head in (f"native gdb {unit}", f"gdb {unit}", ": native", f"native lldb {unit}", f"lldb {unit}", ": native",
                     ": native gdb")
    ]
    print("| " + " | ".join(heads) + " |")
    print("|" + "--:|" * len(heads))
    for size in sizes:
        module = os.path.join(folder, f"{size}.wasm")
        turns = [
            lambda: native_gdb(os.path.join(folder, size)),
            lambda: served(server, module, with_gdb),
            lambda: native_lldb(os.path.join(folder, size)),
            lambda: served(server, module, with_lldb),
        ]
        figures = [[measured(turn) for turn in turns] for _ in range(int(rounds))]
        cells = [f"{os.path.getsize(module) / 1e6:.1f}"]
        for kind in range(2):
            # The least of each that took turns, of the clock and of processors.
            gdb, our_gdb, lldb, our_lldb = (min(figure[turn][kind] for figure in figures) * 1e3 for turn in range(4))
            cells += [f"{gdb:.0f}", f"{our_gdb:.0f}", f"{our_gdb / gdb:.2f}"]
            cells += [f"{lldb:.0f}", f"{our_lldb:.0f}", f"{our_lldb / lldb:.2f}", f"{our_lldb / gdb:.2f}"]
        print("| " + " | ".join(cells) + " |", flush=True)
    print(f"\nThe goal is {GOAL} of native gdb for both, by the clock.")


main()
