"""What lldb does with the server, through its Python API. Run by bench-protocol.

usage: lldb_rates.py rates PORT MODULE   two lines: steps of one operator, and hits of a breakpoint, per second
       lldb_rates.py connect PORT        milliseconds until the process has stopped in a function whose name lldb knows

A line of rates has a figure for every window.
"""

import sys
import time

import lldb

WINDOWS = 60
SECONDS = 0.08


def connect(debugger, port):
    """What a user types. Returns the process, stopped."""
    result = lldb.SBCommandReturnObject()
    command = f"process connect --plugin wasm connect://127.0.0.1:{port}"
    debugger.GetCommandInterpreter().HandleCommand(command, result)
    process = debugger.GetSelectedTarget().GetProcess()
    if process.GetState() != lldb.eStateStopped:
        sys.exit(f"cannot connect: {result.GetError()} {process}")
    return process


def windows(once):
    rates = []
    for _ in range(WINDOWS):
        count, began = 0, time.monotonic()
        while time.monotonic() - began < SECONDS:
            once()
            count += 1
        rates.append(count / (time.monotonic() - began))
    print(*rates)


def measure_rates(port, module):
    debugger = lldb.SBDebugger.Create()
    debugger.SetAsync(False)
    target = debugger.CreateTarget(module)
    breakpoint = target.BreakpointCreateByName("work")
    process = connect(debugger, port)
    thread = process.GetThreadAtIndex(0)

    def hit():
        process.Continue()
        if thread.GetStopReason() != lldb.eStopReasonBreakpoint:
            sys.exit(f"no breakpoint was hit: {thread}")

    hit()
    if thread.GetFrameAtIndex(0).GetFunctionName() != "work":
        sys.exit(f"not in work: {thread.GetFrameAtIndex(0)}")
    breakpoint.SetEnabled(False)

    def step():
        before = thread.GetFrameAtIndex(0).GetPC()
        thread.StepInstruction(False)
        if thread.GetFrameAtIndex(0).GetPC() == before:
            sys.exit(f"it has not moved: {thread}")

    windows(step)
    breakpoint.SetEnabled(True)
    windows(hit)
    process.Kill()


def measure_connection(port):
    debugger = lldb.SBDebugger.Create()
    debugger.SetAsync(False)
    began = time.monotonic()
    process = connect(debugger, port)
    frame = process.GetThreadAtIndex(0).GetFrameAtIndex(0)
    if frame.GetFunctionName() is None:
        sys.exit(f"the module was not loaded: {frame}")
    print((time.monotonic() - began) * 1000)
    process.Kill()


def main():
    match sys.argv[1:]:
        case ["rates", port, module]:
            measure_rates(port, module)
        case ["connect", port]:
            measure_connection(port)
        case _:
            sys.exit(__doc__)


main()
