"""Runs in gdb: stops at the lines of a program and writes down what all variables of all frames are.

The same for a native program and for one on our server, so it says nothing that depends on where things are: a pointer is
what it points to. A variable that is not initialized yet at the line is left out.

Settings come from the environment: VALUES_PORT, VALUES_SOURCE (a file name), VALUES_OUT, VALUES_STOPS (at most so many
stops; with 0 only the lines that have code are written down), VALUES_HITS (at most so many at one line), VALUES_LINES (the
lines to stop at; all if it is empty).
"""

import os

import gdb

SOURCE = os.environ["VALUES_SOURCE"]
STOPS = int(os.environ["VALUES_STOPS"])
HITS = int(os.environ["VALUES_HITS"])
MASK = 0xFFFFFFFF
ELEMENTS = 64


def places(frame):
    """Addresses, sizes and names of the variables of a frame and of those around it, to say what pointers point to."""
    found = []
    while frame is not None and frame.is_valid():
        for symbol in variables(frame):
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
            if (symbol.is_argument or symbol.is_variable) and symbol.addr_class != gdb.SYMBOL_LOC_STATIC:
                yield symbol
        if block.function is not None:
            break
        block = block.superblock


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


def show(value, known, depth=0):
    """A value in words."""
    if value.is_optimized_out:
        return "<optimized out>"
    kind = value.type.strip_typedefs()
    if kind.code in (gdb.TYPE_CODE_PTR, gdb.TYPE_CODE_REF):
        return pointer(value, known)
    if kind.code == gdb.TYPE_CODE_ARRAY:
        low, high = kind.range()
        items = [show(value[i], known, depth + 1) for i in range(low, min(high + 1, low + ELEMENTS))]
        return "{" + ", ".join(items) + "}"
    if kind.code in (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION):
        items = []
        for field in kind.fields():
            part = value[field]
            items.append("%s = %s" % (field.name, show(part, known, depth + 1)))
        return "{" + ", ".join(items) + "}"
    return value.format_string(symbols=False, repeat_threshold=0)


def attempt(action):
    try:
        return action()
    except (gdb.error, gdb.MemoryError) as error:
        return "<%s>" % error


def record(out):
    """Writes down one stop."""
    frame = gdb.newest_frame()
    known = places(frame)
    out.write("stop %s %d\n" % (frame.name(), frame.find_sal().line))
    while frame is not None:
        sal = frame.find_sal()
        if sal.symtab is not None and sal.symtab.filename.endswith(SOURCE):
            out.write("frame %s %d\n" % (frame.name(), sal.line))
            for symbol in variables(frame):
                if symbol.is_argument or symbol.line < sal.line:
                    said = attempt(lambda: show(symbol.value(frame), known))
                    out.write("%s@%d = %s\n" % (symbol.name, symbol.line, said))
        frame = frame.older()


def globals_of(block, out):
    for symbol in block:
        if symbol.is_variable and symbol.symtab.filename.endswith(SOURCE):
            out.write("global %s = %s\n" % (symbol.name, attempt(lambda: show(symbol.value(), []))))


def run(out):
    gdb.execute("target remote :" + os.environ["VALUES_PORT"], to_string=True)
    gdb.execute("break main", to_string=True)
    gdb.execute("continue", to_string=True)
    table = gdb.newest_frame().find_sal().symtab
    if not table.filename.endswith(SOURCE):
        raise gdb.GdbError("main is not in %s but in %s" % (SOURCE, table.filename))
    gdb.execute("delete", to_string=True)
    lines = {}
    wanted = {int(line) for line in os.environ["VALUES_LINES"].split()}
    for line in sorted(set(entry.line for entry in table.linetable() if entry.line)):
        if wanted and line not in wanted:
            continue
        lines[line] = None if not STOPS else gdb.Breakpoint("%s:%d" % (SOURCE, line), internal=True)
    out.write("lines %s\n" % " ".join(str(line) for line in lines))
    hits = {}
    for count in range(STOPS):
        record(out)
        if count % 20 == 0:
            globals_of(table.static_block(), out)
            globals_of(table.global_block(), out)
        line = gdb.newest_frame().find_sal().line
        hits[line] = hits.get(line, 0) + 1
        if hits[line] >= HITS and line in lines:
            lines[line].enabled = False
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
