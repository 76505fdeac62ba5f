"""What a module's own debug info says of variables: a second reader of it, which shares nothing with the server's converter.

It reads what llvm-dwarfdump prints of the module (`--debug-info`, then `--debug-addr`), finds a variable's location at a place in
the code, and evaluates it with Wasm locals, operands and globals as they are, and linear memory. It gives bytes, `None` for
each that is nowhere, and in a word where they came from.

Addresses in here count from the start of the code section, as in the module's debug info.
"""

import re

ENTRY = re.compile(r"^0x([0-9a-f]+):( +)(DW_TAG_\w*|NULL)")
ATTRIBUTE = re.compile(r"^ +DW_AT_(\w+)\t\((.*)$")
RANGE = re.compile(r"^ +(?:\[0x([0-9a-f]+), 0x([0-9a-f]+)\)|<default>)(?:: (.*))?$")
SCOPES = ("DW_TAG_subprogram", "DW_TAG_inlined_subroutine", "DW_TAG_lexical_block")
NAMES = ("DW_TAG_typedef", "DW_TAG_const_type", "DW_TAG_volatile_type")
AGGREGATES = ("DW_TAG_structure_type", "DW_TAG_union_type", "DW_TAG_array_type")
VARIABLES = ("DW_TAG_variable", "DW_TAG_formal_parameter")
# Operators that read something of the program.
READING = ("WASM_location", "deref", "deref_size", "fbreg")
# Operators whose result depends on how long their operands are.
SIZED = ("shra", "abs", "div", "mod", "eq", "ne", "lt", "le", "gt", "ge", "bra")
KINDS = ("local", "global", "operand", "global")


class Unknown(Exception):
    """The evaluator does not know something, so nothing can be said."""


class Nowhere(Exception):
    """There is no value, as the debug info says itself."""


class Entry:
    """One entry, with its attributes as they are printed."""

    def __init__(self, offset, tag, parent):
        self.offset, self.tag, self.parent = offset, tag, parent
        self.children, self.attributes, self.lists = [], {}, {}
        self.extent = None

    def number(self, name):
        """An attribute that is a number."""
        text = self.attributes.get(name)
        return None if text is None or text.startswith("dead code") else int(text.split(" ")[0], 0)

    def ranges(self):
        """Where the entry's code is. Only asked when all attributes have been read."""
        if self.extent is None:
            low, high = self.number("low_pc"), self.number("high_pc")
            found = [(begin, end) for begin, end, _ in self.lists.get("ranges", ())]
            self.extent = found or ([] if low is None or high is None else [(low, high)])
        return self.extent

    def contains(self, address):
        return any(begin <= address < end for begin, end in self.ranges())


class Module:
    """The unit of one source file in the debug info of a module."""

    def __init__(self, dump, source):
        self.entries, self.root, self.addresses, self.found = {}, None, [], {}
        with open(dump, encoding="utf-8") as file:
            unit = self.read(file, source)
            file.seek(0)
            self.read_addresses(file, unit.number("addr_base"))
        self.root = unit

    def read(self, file, source):
        """Reads entries; returns the unit."""
        around, entry, place, found = [], None, None, None
        for line in file:
            line = line.rstrip("\n")
            if match := ENTRY.match(line):
                depth = len(match[2]) // 2
                del around[depth:]
                if found is not None and not around:
                    break
                if match[3] == "NULL":
                    entry = None
                    continue
                entry = Entry(int(match[1], 16), match[3], around[-1] if around else None)
                self.entries[entry.offset] = entry
                if around:
                    around[-1].children.append(entry)
                around.append(entry)
            elif entry is None:
                continue
            elif match := ATTRIBUTE.match(line):
                name, text = match[1], match[2]
                entry.attributes[name], place = text.removesuffix(")"), name
                if name == "name" and entry.parent is None and text.removesuffix('")').endswith(source):
                    found = entry
            elif match := RANGE.match(line.removesuffix(")") if line.endswith("))") or ": " in line else line):
                begin, end = (int(match[1], 16), int(match[2], 16)) if match[1] else (0, 1 << 64)
                entry.lists.setdefault(place, []).append((begin, end, match[3]))
            elif not line.strip():
                entry = None
        if found is None:
            raise Unknown("no unit " + source)
        return found

    def read_addresses(self, file, base):
        """The part of .debug_addr that belongs to the unit."""
        at, wanted = 0, False
        for line in file:
            if line.startswith("Address table header"):
                wanted = at + 8 == base
                at += 4 + int(re.search(r"length = (\w+)", line)[1], 0)
            elif wanted and line.startswith("0x"):
                self.addresses.append(int(line, 16))

    def origin(self, entry, name):
        """An attribute of an entry or of the one that it completes."""
        while entry is not None:
            if name in entry.attributes:
                return entry.attributes[name]
            other = entry.attributes.get("abstract_origin") or entry.attributes.get("specification")
            entry = self.entries.get(int(other.split(" ")[0], 16)) if other else None
        return None

    def scopes(self, address):
        """The entries around an address, the outermost first."""
        if address not in self.found:
            self.found[address] = self.find_scopes(address)
        return self.found[address]

    def find_scopes(self, address):
        found, here = [], self.root
        while True:
            inner = [entry for entry in here.children if entry.tag in SCOPES and entry.contains(address)]
            if not inner:
                return found
            if len(inner) > 1:
                raise Unknown("two scopes at %#x" % address)
            here = inner[0]
            found.append(here)

    def calls(self, address):
        """Functions that share the frame at an address, the innermost first: name, line of its call, whether it begins there."""
        found = []
        for scope in reversed(self.scopes(address)):
            if scope.tag != "DW_TAG_lexical_block":
                begins = not scope.contains(address - 1)
                found.append((self.origin(scope, "name").strip('"'), scope.number("call_line"), begins))
        return found

    def variables(self, address):
        """All variables around an address that are somewhere or constant, by name and line; static ones excepted."""
        entries = [entry for scope in self.scopes(address) for entry in scope.children if entry.tag in VARIABLES]
        is_static = lambda entry: entry.attributes.get("location", "").startswith("DW_OP_addr")
        there = [entry for entry in entries if entry.attributes.keys() & {"location", "const_value"} and not is_static(entry)]
        return {((self.origin(entry, "name") or "").strip('"'), int(self.origin(entry, "decl_line") or "0")) for entry in there}

    def variable(self, name, line, address, extent):
        """A variable of the scope with this extent that is around an address, or None if there is none."""
        found = []
        for scope in self.scopes(address):
            ranges = scope.ranges()
            if (min(begin for begin, _ in ranges), max(end for _, end in ranges)) != extent:
                continue
            for entry in scope.children:
                is_named = entry.tag in VARIABLES and self.origin(entry, "name") == '"%s"' % name
                if is_named and int(self.origin(entry, "decl_line") or "0") == line:
                    found.append(entry)
        if len(found) > 1:
            raise Unknown("%d variables are %s" % (len(found), name))
        return found[0] if found else None

    def variable_of_file(self, name):
        """A variable outside of functions."""
        found = [
            entry
            for entry in self.root.children
            if entry.tag == "DW_TAG_variable"
            and "location" in entry.attributes
            and self.origin(entry, "name") == '"%s"' % name
        ]
        return found[0] if len(found) == 1 else None

    def is_aggregate(self, entry):
        """Whether a variable has parts: then a local alone is its address."""
        while True:
            text = self.origin(entry, "type")
            entry = self.entries.get(int(text.split(" ")[0], 16)) if text else None
            if entry is None or entry.tag not in NAMES:
                return entry is not None and entry.tag in AGGREGATES

    def is_left_out(self, entry, size, address):
        """Whether a variable is longer than an address, and computed from what the program has; or computed from an operand
        in a way that depends on how long that is."""
        text = self.expression(entry, "location", address) if entry is not None else None
        names = [part.split(" ")[0].removeprefix("DW_OP_") for part in (text or "").split(", ")]
        if "DW_OP_WASM_location 0x2 " in (text or "") and any(name in SIZED for name in names):
            return True
        if size <= 4:
            return False
        return names[-1] == "stack_value" and len(names) > 2 and any(name in READING for name in names)

    def expression(self, entry, name, address):
        """The expression of an attribute at an address."""
        if name in entry.lists:
            found = [text for begin, end, text in entry.lists[name] if begin <= address < end]
            if len(found) > 1:
                raise Unknown("%d locations" % len(found))
            return found[0] if found else None
        return entry.attributes.get(name)

    def value(self, entry, size, address, state):
        """Bytes of a variable at an address, and where they are in a word."""
        if entry is None:
            return [None] * size, "nowhere"
        constant = entry.attributes.get("const_value") or self.origin(entry, "const_value")
        if constant is not None:
            if constant.startswith("<"):
                data = [int(byte, 16) for byte in constant.split("> ")[1].split()]
            else:
                data = self.number(int(constant), size)
            return (data + [None] * size)[:size], "constant"
        text = self.expression(entry, "location", address)
        if text is None or text == "":
            return [None] * size, "nowhere"
        return Evaluation(self, entry, address, state, size).run(text)


    @staticmethod
    def number(value, size):
        """Bytes of a number. Of what is longer than any number, compilers only say that all of it is zero."""
        data = list((value % (1 << 128)).to_bytes(16, "little"))
        if size > len(data):
            data = [0] * size if value == 0 else [None] * size
        return data[:size]


class Evaluation:
    """The evaluation of one location."""

    def __init__(self, module, entry, address, state, size):
        self.module, self.entry, self.address, self.state, self.size = module, entry, address, state, size
        self.stack, self.bytes, self.kinds = [], [], []

    def run(self, text):
        operators = [part.split(" ", 1) for part in text.split(", ")]
        parts, part = [], []
        for name, *rest in operators:
            if name == "DW_OP_piece":
                parts.append((part, int(rest[0], 0)))
                part = []
            else:
                part.append((name, rest[0] if rest else ""))
        if not parts:
            parts = [(part, self.size)]
        elif part:
            raise Unknown("behind pieces: " + text)
        data = []
        for part, length in parts:
            try:
                data += self.part(part, length)
            except Nowhere:
                data += [None] * length
        data = (data + [None] * self.size)[: self.size]
        if not self.kinds:
            return data, "nowhere"
        return data, self.kinds[0] if len(set(self.kinds)) == 1 else "mixture"

    def part(self, operators, length):
        """Bytes of a piece, or of the whole value."""
        if not operators:
            raise Nowhere
        # Compilers compute with as many bits as a variable has.
        self.bits = 128 if length == 16 else 64 if length == 8 or any(self.is_wide(*operator) for operator in operators) else 32
        self.stack, self.is_computed, self.sources = [], False, []
        data = None
        for place, (name, rest) in enumerate(operators):
            last = place == len(operators) - 1
            if name == "DW_OP_stack_value" and last:
                data = Module.number(self.stack[-1][0], length)
            elif name == "DW_OP_implicit_value":
                data = [int(byte, 16) for byte in rest.split()[1:]]
                self.sources.append("constant")
            else:
                self.operator(name.removeprefix("DW_OP_"), rest)
        if data is None:
            # The location of a number in a local may be just that.
            is_alone = len(operators) == 1 and operators[0][0] == "DW_OP_WASM_location"
            if is_alone and not self.module.is_aggregate(self.entry):
                data = Module.number(self.stack[-1][0], length)
            else:
                data = list(self.state.memory(self.stack[-1][0] % (1 << 32), length))
                self.sources = ["memory"]
        kinds = set(self.sources) - {"constant"} or {"constant"}
        self.kinds.append(kinds.pop() if len(kinds) == 1 else "mixture")
        return data

    def is_wide(self, name, rest):
        if name == "DW_OP_WASM_location":
            kind, index = (int(number, 0) for number in rest.split())
            return self.state.get(KINDS[kind], index)[1] == 64
        if name in ("DW_OP_constu", "DW_OP_consts"):
            return not -(1 << 31) <= int(rest, 0) < 1 << 32 and int(rest, 0) < (1 << 64) - (1 << 31)
        return False

    def push(self, value, kind=None):
        """Pushes a number, cut to its type: (bits, signed), or generic."""
        bits, signed = kind or (self.bits, False)
        value %= 1 << bits
        self.stack.append((value - (1 << bits) if signed and value >> (bits - 1) else value, kind))

    def signed(self, operand):
        """What the operators that look at signs take."""
        value, kind = operand
        return value - (1 << self.bits) if kind is None and value >> (self.bits - 1) else value

    def operator(self, name, rest):
        if name == "WASM_location":
            kind, index = (int(number, 0) for number in rest.split())
            value, _ = self.state.get(KINDS[kind], index)
            self.sources.append(KINDS[kind])
            # Vectors are longer than anything that is computed.
            self.stack.append((value, None))
        elif name.startswith("lit"):
            self.push(int(name[3:]))
        elif name in ("constu", "consts") or name.startswith("const"):
            self.push(int(rest, 0))
        elif name == "addr":
            self.push(int(rest, 0))
        elif name == "addrx":
            self.push(self.module.addresses[int(rest, 0)])
        elif name == "fbreg":
            self.push(self.frame_base() + int(rest, 0))
        elif name == "plus_uconst":
            value, kind = self.stack.pop()
            self.push(value + int(rest, 0), kind)
        elif name == "deref":
            self.push(int.from_bytes(self.state.memory(self.stack.pop()[0] % (1 << 32), 4), "little"))
        elif name == "deref_size":
            size = int(rest, 0)
            self.push(int.from_bytes(self.state.memory(self.stack.pop()[0] % (1 << 32), size), "little"))
        elif name == "convert":
            value, _ = self.stack.pop()
            match = re.search(r'"DW_ATE_(un)?signed_(\d+)"', rest)
            if match is None:
                raise Unknown("convert " + rest)
            self.push(value, ((int(match[2]) + 7) // 8 * 8, match[1] is None))
        elif name == "dup":
            self.stack.append(self.stack[-1])
        elif name in ("not", "neg", "abs"):
            value, kind = self.stack.pop()
            done = {"not": ~value, "neg": -value, "abs": abs(self.signed((value, kind)))}
            self.push(done[name], kind)
        elif name == "entry_value" or name == "GNU_entry_value":
            raise Nowhere
        else:
            self.binary(name)

    def binary(self, name):
        right, left = self.stack.pop(), self.stack.pop()
        kind = left[1]
        a, b = self.signed(left), self.signed(right)
        if name == "div":
            if b == 0:
                raise Unknown("division by zero")
            result = abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)
        elif name == "mod":
            result = left[0] % right[0]
        elif name == "shr":
            width = kind[0] if kind else self.bits
            result = left[0] % (1 << width) >> right[0]
        else:
            actions = {
                "plus": lambda: a + b,
                "minus": lambda: a - b,
                "mul": lambda: a * b,
                "and": lambda: a & b,
                "or": lambda: a | b,
                "xor": lambda: a ^ b,
                "shl": lambda: a << right[0] if right[0] < 128 else 0,
                "shra": lambda: a >> right[0],
                "eq": lambda: int(a == b),
                "ne": lambda: int(a != b),
                "lt": lambda: int(a < b),
                "le": lambda: int(a <= b),
                "gt": lambda: int(a > b),
                "ge": lambda: int(a >= b),
            }
            if name not in actions:
                raise Unknown(name)
            result = actions[name]()
            if name in ("eq", "ne", "lt", "le", "gt", "ge"):
                kind = None
        self.push(result, kind)

    def frame_base(self):
        function = self.entry
        while function.tag != "DW_TAG_subprogram":
            function = function.parent
        text = self.module.expression(function, "frame_base", self.address)
        match = re.fullmatch(r"DW_OP_WASM_location (\w+) (\w+)(, DW_OP_stack_value)?", text or "")
        if match is None:
            raise Unknown("frame base %s" % text)
        return self.state.get(KINDS[int(match[1], 0)], int(match[2], 0))[0]
