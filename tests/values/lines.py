"""Where a program can stop: the places of gdb's breakpoints, held against the module's own line table and its code.

A second reader of both, which shares nothing with the server: it reads what llvm-dwarfdump prints of the line table
(`--debug-line`) and what llvm-objdump prints of the code (`-d`). Addresses count from the start of the code section.
"""

import re
from bisect import bisect_left, bisect_right

TABLE = re.compile(r"^debug_line\[0x([0-9a-f]+)\]")
FILE = re.compile(r"^file_names\[ *(\d+)\]:")
NAME = re.compile(r'^ +name: "(.*)"')
ROW = re.compile(r"^0x([0-9a-f]+) +(\d+) +\d+ +(\d+) +\d+ +\d+ +\d+ +(.*)$")
CODE = re.compile(r"^([0-9a-f]+) <CODE>:")
FUNCTION = re.compile(r"^([0-9a-f]+) <")
INSTRUCTION = re.compile(r"^ +([0-9a-f]+): +\t(\w+)")
# What is behind these can be reached without what is before them.
LABELS = ("loop", "end", "else", "catch", "catch_all", "delegate")


class Lines:
    """Rows of one source file in the line table of its unit, and the labels of the module's code."""

    def __init__(self, module, dump, code, source):
        self.module = module
        table = self.read_rows(dump, module.root.number("stmt_list"), source)
        self.rows = [(address, line) for address, line, is_source, is_statement in table if is_source and is_statement]
        # The sort keeps the order of rows with one address.
        self.table = sorted(table, key=lambda row: row[0])
        self.starts = [row[0] for row in self.table]
        self.labels = self.read_labels(code)

    @staticmethod
    def read_rows(dump, table, source):
        """Rows: the address, the line, whether it is of the source, whether a debugger may stop there."""
        here, index, files, rows = False, None, set(), []
        with open(dump, encoding="utf-8") as file:
            for line in file:
                if match := TABLE.match(line):
                    here = int(match[1], 16) == table
                elif not here:
                    continue
                elif match := FILE.match(line):
                    index = int(match[1])
                elif match := NAME.match(line):
                    if match[1].endswith(source):
                        files.add(index)
                elif match := ROW.match(line):
                    flags = match[4].split()
                    line = 0 if "end_sequence" in flags else int(match[2])
                    rows.append((int(match[1], 16), line, int(match[3]) in files, line and "is_stmt" in flags))
        return rows

    def line(self, address):
        """The line of the code at an address, or 0 for none: at one address, of the last row at which a debugger may stop."""
        end = bisect_right(self.starts, address)
        here = self.table[bisect_left(self.starts, self.starts[end - 1]) : end] if end else [(0, 0, False, False)]
        return ([line for _, line, _, is_statement in here if is_statement] or [here[-1][1]])[-1]

    @staticmethod
    def read_labels(code):
        """Addresses of all labels, and of the starts of functions, in order."""
        found, base = [], None
        with open(code, encoding="utf-8") as file:
            for line in file:
                if match := CODE.match(line):
                    base = int(match[1], 16)
                elif base is None:
                    continue
                elif match := FUNCTION.match(line):
                    found.append(int(match[1], 16) - base)
                elif (match := INSTRUCTION.match(line)) and match[2] in LABELS:
                    found.append(int(match[1], 16) - base)
        return found

    def chain(self, address):
        """Names of the functions that share an address, the innermost first, and where the outermost begins."""
        calls = [scope for scope in self.module.scopes(address) if scope.tag != "DW_TAG_lexical_block"]
        names = [self.module.origin(scope, "name").strip('"') for scope in reversed(calls)]
        return names, calls[0].ranges()[0][0] if calls else None

    def wrong(self, places, wanted):
        """What is wrong with gdb's places for breakpoints at some lines: `(line, address, names)` of each."""
        rows, found = set(self.rows), {(line, tuple(names)) for line, _, names in places}
        for line, address, names in places:
            own, start = self.chain(address)
            # gdb goes on to the next row from one at the start of a function.
            if own != list(names) or ((address, line) not in rows and (start, line) not in rows):
                yield "%d at %#x in %s: no row there, or in %s" % (line, address, names, own)
        for address, line in self.rows:
            own, start = self.chain(address)
            if line in wanted and own and address != start and (line, tuple(own)) not in found:
                yield "%d at %#x in %s: gdb has no place" % (line, address, own)


class Runs:
    """Which stops imply others: code without labels is run through from above."""

    def __init__(self, lines, places):
        self.lines = {}
        for line, address, _ in places:
            self.lines.setdefault(address, set()).add(line)
        self.before, self.last, self.first = {}, {}, None
        addresses = sorted(self.lines)
        for earlier, later in zip(addresses, addresses[1:]):
            label = bisect_left(lines.labels, earlier)
            if label == len(lines.labels) or lines.labels[label] >= later:
                self.before[later] = earlier

    def stop(self, address, depth, enabled):
        """What is wrong with a stop, with so many frames and with breakpoints at the lines that are enabled."""
        last, missed = self.last.get(depth), self.before.get(address)
        self.last = {number: at for number, at in self.last.items() if number < depth}
        self.last[depth] = address
        if self.first is None:
            self.first = address
            return None
        if not self.lines.get(address, set()) & enabled:
            return "no breakpoint at %#x" % address
        is_skipped = last == self.first and missed is not None and missed <= last
        if missed is not None and last != missed and not is_skipped and self.lines[missed] & enabled:
            return "stop at %#x without one at %#x before" % (address, missed)
        return None
