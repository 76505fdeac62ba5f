"""From starting a server to the first stop at main, with gdb and lldb; and native gdb with the same program compiled natively.

usage: startup.py SERVER ROUNDS FOLDER MEGABYTES...   FOLDER has MEGABYTES.wasm and its native twin MEGABYTES

Prints a table in Markdown. Clients and native gdb take turns; the fastest round counts, since other processes can only slow it
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
    columns = "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |"
    print(columns.format("wasm MB", "native gdb ms", "gdb ms", ": native", "lldb ms", ": native", "native gdb CPU ms",
                         "gdb CPU ms", ": native", "lldb CPU ms", ": native"))
    print("|" + "--:|" * 11)
    for size in sizes:
        module = os.path.join(folder, f"{size}.wasm")
        turns = [
            lambda: native_gdb(os.path.join(folder, size)),
            lambda: served(server, module, with_gdb),
            lambda: served(server, module, with_lldb),
        ]
        figures = [[measured(turn) for turn in turns] for _ in range(int(rounds))]
        # By what took turns: the least of the clock and of processors.
        clock = [min(figure[turn][0] for figure in figures) * 1e3 for turn in range(3)]
        work = [min(figure[turn][1] for figure in figures) * 1e3 for turn in range(3)]
        ratio = lambda of, turn: f"{of[turn] / of[0]:.2f}"
        print(columns.format(f"{os.path.getsize(module) / 1e6:.1f}", *(
            cell for of in (clock, work)
            for cell in (f"{of[0]:.0f}", f"{of[1]:.0f}", ratio(of, 1), f"{of[2]:.0f}", ratio(of, 2))
        )), flush=True)
    print(f"\nThe goal is {GOAL} for gdb and lldb, by the clock.")


main()
