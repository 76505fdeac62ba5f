"""Runs test files of LLDB's API suite with programs for WASI.

LLDB's own runner, `dotest.py`, knows the machines that it was written for. This makes it know one more, before it runs: what the
system is called, how programs are built, and that they have libc++. The rest is options of dotest.py. LLDB's files are not
changed.

usage: shim.py LLDB RECORD LAUNCHES SKIPS [dotest.py's arguments]
LLDB is the unpacked directory. RECORD gets one line of JSON when a test starts and one when it ends. LAUNCHES is the file to
which the runtime adds a byte when lldb launches it. SKIPS are the tests that are not to be run, JSON: name to reason.
"""

import json
import os
import subprocess
import sys
import unittest

SYSTEM = "wasi"


def know_the_system():
    """Makes the suite build and judge for WASI."""
    import lldb
    from lldbsuite.test import dotest, lldbplatformutil, test_categories

    # lldb's platform for Wasm has no triple until it is connected.
    triple_of = lldb.SBPlatform.GetTriple
    lldb.SBPlatform.GetTriple = lambda platform: triple_of(platform) or f"wasm32-unknown-{SYSTEM}"

    build_dictionary = lldbplatformutil.finalize_build_dictionary

    def finalize_build_dictionary(dictionary):
        with_host = dict(dictionary or {})
        host = lldbplatformutil.getHostPlatform
        platform = lldbplatformutil.getPlatform
        lldbplatformutil.getPlatform = host
        try:
            with_host = build_dictionary(with_host)
        finally:
            lldbplatformutil.getPlatform = platform
        with_host["OS"] = "WASI"
        return with_host

    lldbplatformutil.finalize_build_dictionary = finalize_build_dictionary
    lldbplatformutil.createPlatformContext = lambda: lldbplatformutil._PlatformContext("LD_LIBRARY_PATH", ":", "lib", "so")
    dotest.canRunLibcxxTests = lambda: (True, "Debian has libc++ for WASI")

    # It asks lldb for its version and for the path of its Python module, each time: the path is known.
    set_up = dotest.setupSysPath
    check_output, system = subprocess.check_output, os.system

    def set_up_quickly():
        subprocess.check_output = lambda command, **options: f"{os.path.dirname(os.path.dirname(lldb.__file__))}\n"
        os.system = lambda command: 0
        try:
            set_up()
        finally:
            subprocess.check_output, os.system = check_output, system

    dotest.setupSysPath = set_up_quickly

    # What the tests of lldb-server take for it. Others start the real one, with a native program.
    if "/tools/lldb-server" in sys.argv[-1]:
        sys.path.insert(0, os.path.join(os.path.dirname(dotest.__file__), "tools", "lldb-server"))
        import lldbgdbserverutils

        launcher = os.path.join(os.path.dirname(os.path.realpath(__file__)), "bin", "lldb-server")
        lldbgdbserverutils.get_lldb_server_exe = lambda: launcher

    supported = test_categories.is_supported_on_platform
    # The one kind of debug info that is run. Split DWARF would run every test a second time.
    test_categories.is_supported_on_platform = lambda category, platform, compiler: (
        category not in ("dwo", "dsym", "gmodules", "pdb") and supported(category, platform, compiler)
    )


def record_results(record, launches, skips):
    """Makes the suite write to `record` what becomes of each test, and skip those of `skips`."""
    from lldbsuite.test import test_result

    out = open(record, "a", buffering=1)

    def count():
        return os.path.getsize(launches) if os.path.exists(launches) else 0

    def write(**what):
        out.write(json.dumps(what) + "\n")

    def name(test):
        return f"{type(test).__name__}.{test._testMethodName}"

    def first_reason(text):
        lines = [line for line in str(text).splitlines() if line.strip() and not line.startswith("Config=")]
        return "\n".join(lines)[-1200:]

    base = test_result.LLDBTestResult

    class Result(base):
        def startTest(self, test):
            self.outcome, self.reason, self.launched = "passed", "", count()
            write(event="start", test=name(test))
            super().startTest(test)

        def stopTest(self, test):
            write(event="end", test=name(test), outcome=self.outcome, reason=self.reason, launched=count() - self.launched)
            super().stopTest(test)

        def _set(self, outcome, reason, over=()):
            if self.outcome in ("passed",) + tuple(over):
                self.outcome, self.reason = outcome, first_reason(reason)

        def addError(self, test, error):
            kind = "unbuilt" if self._isBuildError(error) else "failed"
            # A test that fails and is then not torn down either has failed, and has its first reason.
            self._set(kind, error[1] if kind == "unbuilt" else self._exc_info_to_string(error, test))
            if not hasattr(test, "_testMethodName") or type(test).__name__ == "_ErrorHolder":
                write(event="end", test=str(test), outcome=kind, reason=first_reason(error[1]), launched=0)
            super().addError(test, error)

        def addFailure(self, test, error):
            self._set("failed", self._exc_info_to_string(error, test))
            super().addFailure(test, error)

        def addExpectedFailure(self, test, error):
            self._set("expected failure", self._exc_info_to_string(error, test))
            super().addExpectedFailure(test, error)

        def addSkip(self, test, reason):
            self._set("unsupported", reason)
            super().addSkip(test, reason)

        def addUnexpectedSuccess(self, test):
            self._set("unexpected success", "")
            super().addUnexpectedSuccess(test)

    run = unittest.TextTestRunner.run

    def tests_of(suite):
        for test in suite:
            if isinstance(test, unittest.TestSuite):
                yield from tests_of(test)
            else:
                yield test

    def run_the_rest(self, suite):
        rest = unittest.TestSuite()
        for test in tests_of(suite):
            names = {name(test), name(test).removesuffix("_dwarf"), type(test).__name__}
            if names.isdisjoint(skips):
                rest.addTest(test)
        self.resultclass = Result
        result = run(self, rest)
        write(event="done")
        return result

    unittest.TextTestRunner.run = run_the_rest


def main():
    lldb_root, record, launches, skips = sys.argv[1:5]
    sys.argv[1:5] = []
    sys.argv[0] = os.path.join(lldb_root, "test", "API", "dotest.py")
    sys.path.insert(0, os.path.join(lldb_root, "packages", "Python"))
    sys.path.insert(0, os.path.join(lldb_root, "test", "API"))
    know_the_system()
    record_results(record, launches, json.loads(skips))
    import lldbsuite.test

    lldbsuite.test.run_suite()


main()
