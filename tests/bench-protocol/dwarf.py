"""How fast big debug info is there: from starting a server to gdb's prompt with symbols, and what the first commands take.

usage: dwarf.py SERVER ROUNDS NAME=MODULE:NATIVE:FUNCTION...   NATIVE is the program of MODULE compiled natively, FUNCTION one to stop in

Prints a table in Markdown. Ours and native gdb take turns; the fastest round counts, since other processes can only slow it down. *Again* is
a start with `--cache` that is not the first.
"""

import os
import re
import subprocess
import sys
import tempfile
import time

GOAL = 1.3
# Megabytes of debug info that `wasm-gdbserver symbols` is to convert in a second, and milliseconds for a first command.
SPEED, PATIENCE = 100, 100

GDB = ["gdb", "-nx", "-batch", "-iex", "set debuginfod enabled off", "-iex", "set confirm off"]

# Runs in gdb: what a user waits for, one line each.
TIMED = """
import gdb, time
def timed(name, command):
    began = time.monotonic()
    gdb.execute(command, to_string=True)
    print("took", name, time.monotonic() - began)
timed("break", "break FUNCTION")
gdb.execute("continue", to_string=True)
timed("bt", "bt")
timed("print", "info args")
"""


def commands(*lines):
    return [word for line in lines for word in ("-ex", line)]


def run(command, sign):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if sign not in done.stdout:
        sys.exit(f"{command}: no {sign!r}\n{done.stdout}{done.stderr}")
    return done.stdout


def measured(process):
    """Waits for a process; gives the most memory that it had, in MB."""
    _, _, usage = os.wait4(process.pid, 0)
    process.returncode = 0
    return usage.ru_maxrss / 1e3


def native(program, function):
    began = time.monotonic()
    run(GDB + commands(f"info line {function}") + [program], "Line ")
    return time.monotonic() - began


def started(server, module, *options):
    """A server, and the port at which it listens."""
    process = subprocess.Popen(
        [server, *options, "--once", ":0", module], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        text=True
    )
    announced = process.stderr.readline()
    if not announced.startswith("Listening on "):
        sys.exit(f"{server}: {announced}")
    return process, announced.rsplit(":", 1)[1].strip()


def prompt(server, module, function, *options):
    """Seconds to the prompt with symbols, and the server's memory in MB."""
    began = time.monotonic()
    process, port = started(server, module, *options)
    run(GDB + commands(f"target remote :{port}", f"info line {function}"), "Line ")
    seconds = time.monotonic() - began
    process.stderr.close()
    return seconds, measured(process)


def served(server, module, function, folder):
    """Seconds to the prompt with symbols, the server's memory in MB, and seconds of the first commands."""
    seconds, memory = prompt(server, module, function)
    process, port = started(server, module)
    script = os.path.join(folder, "timed.py")
    with open(script, "w") as file:
        file.write(TIMED.replace("FUNCTION", function))
    output = run(GDB + commands(f"target remote :{port}", f"source {script}", "kill"), "took print")
    process.stderr.close()
    process.wait()
    return seconds, memory, {name: float(took) for name, took in re.findall(r"took (\w+) (\S+)", output)}


def symbols(server, module, folder):
    """Seconds and MB of making the symbol image as a file."""
    output = os.path.join(folder, "symbols.elf")
    began = time.monotonic()
    process = subprocess.Popen([server, "symbols", module, "-o", output], stderr=subprocess.DEVNULL)
    memory = measured(process)
    seconds = time.monotonic() - began
    os.remove(output)
    return seconds, memory


def debug_bytes(module):
    """Bytes of the custom sections with debug info."""
    data = open(module, "rb").read()

    def number(at):
        value = shift = 0
        while True:
            byte = data[at]
            value |= (byte & 0x7F) << shift
            at, shift = at + 1, shift + 7
            if byte < 0x80:
                return value, at

    at, total = 8, 0
    while at < len(data):
        kind = data[at]
        size, start = number(at + 1)
        if kind == 0:
            length, name = number(start)
            if data[name : name + length].startswith(b".debug"):
                total += size
        at = start + size
    return total


def main():
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    server, rounds, *programs = sys.argv[1:]
    head = ["program", "wasm MB", "DWARF MB", "native gdb ms", "ours ms", ": native", "server MB", ": module",
            "again ms", ": native", "`symbols` ms", "DWARF MB/s", "MB", ": module", "`break` ms", "`bt` ms", "`info args` ms"]
    print("| " + " | ".join(head) + " |")
    print("|---|" + "--:|" * (len(head) - 1))
    for program in programs:
        name, rest = program.split("=", 1)
        module, twin, function = rest.split(":")
        folder = os.path.dirname(os.path.abspath(module))
        natives, ours, again, images = [], [], [], []
        with tempfile.TemporaryDirectory(dir=folder) as cache:
            prompt(server, module, function, "--cache", cache)
            for _ in range(int(rounds)):
                natives.append(native(twin, function))
                ours.append(served(server, module, function, folder))
                again.append(prompt(server, module, function, "--cache", cache)[0])
                images.append(symbols(server, module, folder))
        size, dwarf = os.path.getsize(module) / 1e6, debug_bytes(module) / 1e6
        best, start, kept = min(natives), min(turn[0] for turn in ours), min(again)
        memory, image, room = max(turn[1] for turn in ours), min(turn[0] for turn in images), max(turn[1] for turn in images)
        first = [min(turn[2][word] for turn in ours) * 1e3 for word in ("break", "bt", "print")]
        cells = [name, f"{size:.1f}", f"{dwarf:.1f}", f"{best * 1e3:.0f}", f"{start * 1e3:.0f}", f"{start / best:.2f}",
                 f"{memory:.0f}", f"{memory / size:.1f}", f"{kept * 1e3:.0f}", f"{kept / best:.2f}", f"{image * 1e3:.0f}", f"{dwarf / image:.0f}", f"{room:.0f}",
                 f"{room / size:.1f}", *(f"{milliseconds:.0f}" for milliseconds in first)]
        print("| " + " | ".join(cells) + " |", flush=True)
    print(f"\nThe goals: {GOAL} of native gdb, 3 times the module in memory, {SPEED} MB/s, {PATIENCE} ms for a first command.")


main()
