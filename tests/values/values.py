"""Runs in gdb: stops at the lines of a program and writes down what all variables of all frames are.

The same for a native program and for one on our server, so it says nothing that depends on where things are: a pointer is
what it points to. A variable that is not initialized yet at the line is left out.

Of a program on our server it also says whether each value is what the module's own debug info says, by the reader in `own.py`:
`own = KIND` if so, where KIND is where the value is, `own ~ KIND VALUE` if it is left out
because gdb does not compute with so many bits, or nothing says with how many, and else `own ! KIND VALUE`. Where it stops and where it does not is held
against the module's line table and its code, by those in `lines.py`.

Settings come from the environment: VALUES_PORT, VALUES_SOURCE (a file name), VALUES_OUT, VALUES_STOPS (at most so many
stops; with 0 only the lines that have code are written down), VALUES_HITS (at most so many at one line), VALUES_LINES (the
lines to stop at; all if it is empty), VALUES_DUMP (what llvm-dwarfdump says of the module; of native programs there is
none), VALUES_CODE (what llvm-objdump says of it).
"""

import os
import re
import sys

import gdb

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True

import lines
import own

SOURCE = os.environ["VALUES_SOURCE"]
STOPS = int(os.environ["VALUES_STOPS"])
HITS = int(os.environ["VALUES_HITS"])
MASK = 0xFFFFFFFF
ELEMENTS = 64


def places(frame):
    """Addresses, sizes and names of the variables of a frame and of those around it, to say what pointers point to."""
    found = []
    while frame is not None and frame.is_valid():
        for symbol, _ in variables(frame):
            try:
                value = symbol.value(frame)
                if value.address is not None:
                    start = int(value.address.cast(ADDRESS)) & MASK
                    found.append((start, value.type.sizeof, "%s:%s" % (frame.name(), symbol.name)))
            except (gdb.error, gdb.MemoryError):
                pass
        frame = frame.older()
    return found


def variables(frame):
    """Arguments and locals, the innermost first."""
    try:
        block = frame.block()
    except RuntimeError:
        return
    while block is not None:
        for symbol in block:
            is_variable = symbol.is_argument or symbol.is_variable or is_constant(symbol)
            if is_variable and symbol.addr_class != gdb.SYMBOL_LOC_STATIC:
                yield symbol, block
        if block.function is not None:
            break
        block = block.superblock


def is_constant(symbol):
    """Whether this is a variable that always has one value, and not a name of an enumeration's value."""
    classes = (gdb.SYMBOL_LOC_CONST, gdb.SYMBOL_LOC_CONST_BYTES)
    return symbol.addr_class in classes and symbol.type.strip_typedefs().code != gdb.TYPE_CODE_ENUM


def pointer(value, known):
    """What a pointer points to."""
    address = int(value.cast(ADDRESS)) & MASK
    if address == 0:
        return "0"
    if value.type.strip_typedefs().target().strip_typedefs().code == gdb.TYPE_CODE_FUNC:
        return "function"
    for start, size, name in known:
        if start <= address < start + size:
            return "<%s + %d>" % (name, address - start)
    said = gdb.execute("info symbol %d" % address, to_string=True)
    name = "somewhere" if said.startswith("No symbol") else "<" + said.split(" in section")[0].strip() + ">"
    target = value.type.strip_typedefs().target().strip_typedefs()
    if target.code in (gdb.TYPE_CODE_INT, gdb.TYPE_CODE_FLT):
        name += "-> " + attempt(lambda: value.dereference().format_string(symbols=False))
    return name


def show(value, known, there=None):
    """A value in words. `there` says of each byte whether it is known, if gdb does not."""
    kind = value.type.strip_typedefs()
    if kind.code == gdb.TYPE_CODE_ARRAY:
        low, high = kind.range()
        size = kind.target().sizeof
        items = []
        for i in range(low, min(high + 1, low + ELEMENTS)):
            items.append(show(value[i], known, there and there[(i - low) * size : (i - low + 1) * size]))
        return "{" + ", ".join(items) + "}"
    if kind.code in (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION):
        items = []
        for field in kind.fields():
            start = field.bitpos // 8
            end = (field.bitpos + (field.bitsize or field.type.sizeof * 8) + 7) // 8
            part = show(value[field], known, there and there[start:end])
            items.append("%s = %s" % (field.name, part))
        return "{" + ", ".join(items) + "}"
    if not all(there) if there else value.is_optimized_out:
        return "<optimized out>"
    if kind.code in (gdb.TYPE_CODE_PTR, gdb.TYPE_CODE_REF):
        return pointer(value, known)
    return value.format_string(symbols=False, repeat_threshold=0)


def attempt(action):
    try:
        return action()
    except (gdb.error, gdb.MemoryError) as error:
        return "<%s>" % error


# `  1 $name i32: -1 (0xffffffff)`, and `  [1] i32: ...` of operands. What has no value does not match.
VALUE = re.compile(r" +\[?(\d+)\]?(?: \$\S+)? ([if]32|[if]64|v128): (?:\S+ \()?(0x\w+)")


class State:
    """A frame as the server knows it, without debug info."""

    def __init__(self, number):
        self.number, self.found = number, {}

    def get(self, kind, index):
        """A local, operand or global: its bits, and how many those are."""
        if kind not in self.found:
            command = {"local": "locals %d", "operand": "stack %d", "global": "globals"}[kind]
            command = command % self.number if "%" in command else command
            lines = gdb.execute("monitor " + command, to_string=True).splitlines()
            self.found[kind] = dict(self.parse(match) for match in map(VALUE.match, lines) if match)
        if index not in self.found[kind]:
            raise own.Nowhere
        return self.found[kind][index]

    @staticmethod
    def parse(match):
        size = int(match[2][1:])
        return int(match[1]), (int(match[3], 0) % (1 << size), size)

    @staticmethod
    def memory(address, size):
        try:
            return bytes(gdb.selected_inferior().read_memory(address, size))
        except gdb.MemoryError as error:
            raise own.Nowhere from error


class Own:
    """What the module's debug info says, of variables of the stopped program."""

    def __init__(self):
        self.module = own.Module(os.environ["VALUES_DUMP"], SOURCE)
        said = gdb.execute("monitor modules", to_string=True)
        self.code = int(re.search(r"^ +(\w+) code,", said, re.MULTILINE)[1], 16)
        self.lines = lines.Lines(self.module, os.environ["VALUES_DUMP"], os.environ["VALUES_CODE"], SOURCE)
        self.runs, self.states = None, {}

    def places(self, out, found, wanted):
        """Writes down whether breakpoints are where the module says."""
        found = [(line, address - self.code, names) for line, address, names in found]
        for wrong in self.lines.wrong(found, wanted):
            out.write("own ! place %s\n" % wrong)
        self.runs = lines.Runs(self.lines, found)

    def stop(self, out, address, depth, enabled):
        """Writes down whether the program had to stop here, and not before."""
        self.states = {}
        wrong = self.runs.stop(address - self.code, depth, enabled)
        if wrong:
            out.write("own ! frames %s\n" % wrong)

    def write(self, out, said, entry, kind, address, state, known):
        """Writes down whether a value is what the module says."""
        try:
            variable = entry()
            there, place = self.module.value(variable, kind.sizeof, address, state)
            value = gdb.Value(bytes(byte or 0 for byte in there), kind)
            # Nothing more can be said of a type without a size.
            text = attempt(lambda: show(value, known, [byte is not None for byte in there]))
            is_left_out = said == "<optimized out>" and self.module.is_left_out(variable, kind.sizeof, address)
        except own.Unknown as error:
            place, text, is_left_out = "unknown", str(error), False
        if text == said:
            out.write("own = %s\n" % place)
        else:
            out.write("own %s %s %s\n" % ("~" if is_left_out else "!", place, text))

    def frames(self, out, here, number, listed):
        """Writes down whether the frames that share one of the program are what the module says, and have its variables."""
        address = here[0].pc() - (number > 0) - self.code
        names = [frame.name() for frame in here]
        try:
            calls = self.module.calls(address)
        except own.Unknown as error:
            calls = [("unknown: %s" % error, None, None)]
        hidden = number == 0 and len(calls) > len(names)
        # gdb does not show a call that begins where a breakpoint is.
        while number == 0 and len(calls) > len(names) and calls[0][2]:
            del calls[0]
        innermost, *around = [frame.find_sal().line for frame in here]
        line = self.lines.line(address)
        if [name for name, *_ in calls] != names or [line for _, line, _ in calls[:-1]] != around:
            out.write("own ! frames %s at %#x\n" % (calls, address))
        elif line and not hidden and line != innermost:
            out.write("own ! frames line %d and not %d at %#x\n" % (line, innermost, address))
        elif not hidden and (missing := self.module.variables(address) - listed):
            out.write("own ! frames without %s at %#x\n" % (sorted(missing), address))

    def local(self, out, said, symbol, block, frame, number, known):
        # The call is behind the place where a caller goes on.
        address = frame.pc() - (number > 0) - self.code
        extent = (block.start - self.code, block.end - self.code)
        entry = lambda: self.module.variable(symbol.name, symbol.line, address, extent)
        state = self.states.setdefault(number, State(number))
        self.write(out, said, entry, symbol.type, address, state, known)


OWN = None


def record(out, at):
    """Writes down one stop; `at` has the lines of breakpoints by their addresses. Returns how many frames there are."""
    frame = gdb.newest_frame()
    known = places(frame)
    out.write("stop %s %d\n" % (frame.name(), frame.find_sal().line))
    asked = ",".join(str(line) for line in sorted(at.get(frame.pc(), ())))
    out.write("at %s %s\n" % (asked or "-", "<".join(functions(frame.pc()))))
    number, here, listed = 0, [], set()
    while frame is not None:
        here.append(frame)
        sal = frame.find_sal()
        if sal.symtab is not None and sal.symtab.filename.endswith(SOURCE):
            out.write("frame %s %d\n" % (frame.name(), sal.line))
            for symbol, block in variables(frame):
                listed.add((symbol.name, symbol.line))
                if symbol.is_argument or symbol.line < sal.line:
                    said = attempt(lambda: show(symbol.value(frame), known))
                    out.write("%s@%d = %s\n" % (symbol.name, symbol.line, said))
                    if OWN:
                        OWN.local(out, said, symbol, block, frame, number, known)
        if frame.type() != gdb.INLINE_FRAME:
            if OWN and sal.symtab is not None and sal.symtab.filename.endswith(SOURCE):
                OWN.frames(out, here, number, listed)
            number, here, listed = number + 1, [], set()
        frame = frame.older()
    return number


def functions(address):
    """Names of the functions that share an address, the innermost first."""
    block, names = gdb.block_for_pc(address), []
    while block is not None and not block.is_static:
        if block.function is not None:
            names.append(block.function.name)
        block = block.superblock
    return names


# `-12.1    y   0x0804977a in func_1 at x.c:190 inf 1`
PLACE = re.compile(r"^(-\d+)\.\d+ +y\S* +0x([0-9a-f]+) ")


def breakpoints(wanted):
    """Breakpoints at lines, and the places that gdb has found for them: line, address, functions."""
    made = {line: gdb.Breakpoint("%s:%d" % (SOURCE, line), internal=True) for line in wanted}
    numbers = {made[line].number: line for line in made}
    found = []
    for match in map(PLACE.match, gdb.execute("maint info breakpoints", to_string=True).splitlines()):
        if match and int(match[1]) in numbers:
            address = int(match[2], 16)
            found.append((numbers[int(match[1])], address, functions(address)))
    return made, found


def globals_of(block, out):
    for symbol in block:
        if symbol.is_variable and symbol.symtab.filename.endswith(SOURCE):
            said = attempt(lambda: show(symbol.value(), []))
            out.write("global %s = %s\n" % (symbol.name, said))
            if OWN:
                entry = lambda: OWN.module.variable_of_file(symbol.name)
                OWN.write(out, said, entry, symbol.type, 0, State(0), [])


def run(out):
    gdb.execute("target remote :" + os.environ["VALUES_PORT"], to_string=True)
    gdb.execute("break main", to_string=True)
    gdb.execute("continue", to_string=True)
    table = gdb.newest_frame().find_sal().symtab
    if not table.filename.endswith(SOURCE):
        raise gdb.GdbError("main is not in %s but in %s" % (SOURCE, table.filename))
    gdb.execute("delete", to_string=True)
    wanted = {int(line) for line in os.environ["VALUES_LINES"].split()}
    here = sorted({entry.line for entry in table.linetable() if entry.line and (not wanted or entry.line in wanted)})
    out.write("lines %s\n" % " ".join(str(line) for line in here))
    if not STOPS:
        gdb.execute("kill", to_string=True)
        return
    made, found = breakpoints(here)
    at, hits = {}, {}
    for line, address, names in found:
        at.setdefault(address, set()).add(line)
        out.write("place %d %s\n" % (line, "<".join(names)))
    if os.environ.get("VALUES_DUMP"):
        global OWN
        OWN = Own()
        OWN.places(out, found, set(here))
    for count in range(STOPS):
        depth = record(out, at)
        if OWN:
            enabled = {line for line in made if made[line].enabled}
            OWN.stop(out, gdb.newest_frame().pc(), depth, enabled)
        if count % 20 == 0:
            globals_of(table.static_block(), out)
            globals_of(table.global_block(), out)
        line = gdb.newest_frame().find_sal().line
        hits[line] = hits.get(line, 0) + 1
        if hits[line] == HITS and line in made:
            made[line].enabled = False
            out.write("off %d\n" % line)
        try:
            gdb.execute("continue", to_string=True)
        except gdb.error as error:
            out.write("error %s\n" % error)
            break
        if not gdb.selected_inferior().threads() or not gdb.selected_inferior().pid:
            out.write("end\n")
            break
    else:
        gdb.execute("kill", to_string=True)


gdb.execute("set confirm off")
gdb.execute("set pagination off")
gdb.execute("set width 0")
gdb.execute("set print elements 0")
gdb.execute("set debuginfod enabled off")
gdb.execute("set breakpoint always-inserted on")
ADDRESS = gdb.lookup_type("unsigned long")
with open(os.environ["VALUES_OUT"], "w", encoding="utf-8") as file:
    try:
        run(file)
    except Exception as error:
        file.write("error %s\n" % error)
gdb.execute("quit")
