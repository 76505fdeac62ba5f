#!/usr/bin/python3
"""Runs LLDB's API tests against our server, and sums up. `scripts/lldb-suite.sh` says how.

usage: suite.py run SERVER LLDB [--jobs N] [--timeout SECONDS] [--again | --failed] [WORD...]
       suite.py summary LLDB [--failures] [WORD...]
A WORD is a part of a test file's path. Results are kept in target/results, one file for each test file; what has a result is not
run again, unless --again says so, or --failed for the files with a failure.
"""

import argparse
import collections
import concurrent.futures
import json
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.realpath(__file__))
TARGET = os.path.join(HERE, "target")
RESULTS = os.path.join(TARGET, "results")
LLVM = "/usr/lib/llvm-22"
# Directories that are slow, and run when all others have been.
LATE = ("commands/expression/", "tools/lldb-dap/")
# How often a test file is begun again, without the tests that lldb died in.
BEGINNINGS = 8
# Why a test failed, by what it said or how it failed: the first that matches. Read what is left over with `summary --failures`.
CAUSES = [
    (r"dlopen|dlsym|dlclose|unable to find library|R_WASM|recompile with|shared|objcopy", "unbuilt", "the target has no shared libraries"),
    (r"", "unbuilt", "the target has not what the program calls (`kill`, `exec`, `ptrace`, `pthread_exit`)"),
    (r"Objective-C support is unimplemented|Incompatible object format", "crashed", "lldb 22 aborts at an expression for Wasm"),
    (r"", "crashed", "lldb died, mostly at an expression"),
    (r"expression's opcodes|doesn't handle modules|PrepareToExecuteJIT|without a running target|[Ee]xpression execution", "", "lldb 22 interprets expressions for Wasm, and calls no function"),
    (r"[Ee]xec format error|not connected|Exec format|spawn", "", "attaching: a program for Wasm is no process of the host"),
    (r"lldbgdbserverutils|tools/lldb-server", "", "tests of lldb-server"),
    (r"tail_call_frames", "failed", "frames of tail calls need an unwinder by registers"),
    (r"[Ss]tep(ped)?[ -]?(in|into|over|out|to)|plancomplete|StepUntil|while stepping|Didn't stop at breakpoint", "failed", "lldb 22 steps by canonical frame addresses, which are all 0"),
    (r"IsStopped|didn't stop during breakpoint", "failed", "lldb 22's threads do not say that they are stopped"),
    (r"signal delivery|SIG[A-Z]+|after crash", "", "no signals"),
    (r"bad access exception|due to an assertion|upon assert|process must be launched", "", "no signal: address 0 is memory, and `abort` is a trap"),
    (r"no end in", "timeout", "no end in time"),
]
# What lldb 22 says before it ends itself at an expression outside of a function with a language, which it takes for Objective-C++.
OBJECTIVE_C = "Objective-C support is unimplemented"
OUTCOMES = ["passed", "expected failure", "failed", "unbuilt", "crashed", "timeout", "unexpected success", "unsupported", "skipped"]


def ledger():
    """The skips: [(pattern, reason)]. A pattern is the path of a file or directory, or FILE::CLASS.METHOD, where METHOD may be left out."""
    entries = []
    with open(os.path.join(HERE, "skips.txt")) as lines:
        reason = None
        for line in lines:
            line = line.rstrip()
            if not line or line.startswith("#"):
                continue
            if not line.startswith(" "):
                reason = line
            elif reason:
                entries.append((line.strip(), reason))
    return entries


def skipped_file(entries, path):
    """Why the file at `path` is not run at all."""
    for pattern, reason in entries:
        if path == pattern or path.startswith(pattern.rstrip("/") + "/"):
            return reason
    return None


def skipped_tests(entries, path):
    """The tests of a file that are not run: beginning of a name to reason."""
    return {pattern.split("::")[1]: reason for pattern, reason in entries if pattern.startswith(path + "::")}


def test_files(lldb, words):
    """The paths of all test files, below test/API, in the order in which they run."""
    root = os.path.join(lldb, "test", "API")
    files = []
    for directory, _, names in os.walk(root):
        for name in names:
            if name.startswith("Test") and name.endswith(".py"):
                path = os.path.relpath(os.path.join(directory, name), root)
                if not words or any(word in path for word in words):
                    files.append(path)
    return sorted(files, key=lambda path: (path.startswith(LATE), path))


def result_path(path):
    return os.path.join(RESULTS, path[: -len(".py")] + ".json")


class Worker:
    """A room for one test file at a time: its own build directory, and its own command for lldb to launch."""

    def __init__(self, number, server, lldb, timeout):
        self.server, self.lldb, self.timeout = server, lldb, timeout
        self.room = os.path.join(TARGET, "work", f"{os.getpid()}-{number}")
        os.makedirs(self.room)
        self.launches = os.path.join(self.room, "launches")
        self.record = os.path.join(self.room, "record")
        self.runtime = os.path.join(self.room, "runtime")
        # lldb gives the runtime target.env-vars and no other environment: they are the guest's.
        with open(self.runtime, "w") as out:
            out.write(
                "#!/usr/bin/python3 -SE\n"
                "import os, sys\n"
                f"open({self.launches!r}, 'a').write('.')\n"
                "variables = [word for item in os.environ.items() if item[0] != 'LC_CTYPE' for word in ('--env', '='.join(item))]\n"
                f"os.execve({server!r}, [{server!r}, sys.argv[1], '--quiet', '--dir', '/'] + variables + sys.argv[2:], {{}})\n"
            )
        os.chmod(self.runtime, 0o755)

    def command(self, path, skips, language):
        setting = ["--setting", f"platform.plugin.wasm.runtime-path={self.runtime}"]
        if language:
            setting += ["--setting", f"target.language={language}"]
        setting += ["--setting", "-- platform.plugin.wasm.port-arg=--port="]
        directory, name = os.path.split(path)
        return (
            ["/usr/bin/python3", os.path.join(HERE, "shim.py"), self.lldb, self.record, self.launches, json.dumps(skips)]
            + ["--arch", "wasm32", "--compiler", os.path.join(HERE, "bin", "clang"), "--make", "/usr/bin/make"]
            + ["--executable", f"{LLVM}/bin/lldb", "--llvm-tools-dir", f"{LLVM}/bin", "--lldb-libs-dir", f"{LLVM}/lib"]
            + ["--env", f"LLVM_TOOLS_DIR={LLVM}/bin", "--cmake-build-type", "Release", "--platform-name", "wasm"]
            + ["--build-dir", os.path.join(self.room, "lldb-test-build.noindex"), "--lldb-obj-root", self.room, *setting]
            + ["-p", "^" + re.escape(name) + "$", os.path.join(self.lldb, "test", "API", directory)]
        )

    def run(self, path, skips):
        """What became of the tests of a file: {name: {outcome, reason, launched, seconds}}."""
        results = {}
        patterns = dict(skips)
        language = None
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": self.room,
            "TERM": "vt100",
            "LC_ALL": "C.UTF-8",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": f"{LLVM}/lib/python3.11/site-packages",
            "SUITE_TARGET": TARGET,
            "SUITE_SERVER": self.server,
            "SUITE_LAUNCHES": self.launches,
        }
        for _ in range(BEGINNINGS):
            for old in (self.record, self.launches):
                if os.path.exists(old):
                    os.remove(old)
            shutil.rmtree(os.path.join(self.room, "lldb-test-build.noindex"), ignore_errors=True)
            timeout, output = False, ""
            process = subprocess.Popen(
                self.command(path, {**patterns, **{name: "" for name in results}}, language),
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment,
                start_new_session=True, errors="replace", text=True,
            )
            try:
                output, _ = process.communicate(timeout=self.timeout)
            except subprocess.TimeoutExpired:
                timeout = True
            self.end(process)
            before = set(results)
            ended, started = self.read_record(results)
            if language:
                for name in results.keys() - before:
                    results[name]["language"] = language
            if ended:
                return results
            if not started:
                results.setdefault("(file)", {
                    "outcome": "timeout" if timeout else "crashed", "reason": output[-1200:], "launched": 0,
                })
                return results
            launched = os.path.getsize(self.launches) if os.path.exists(self.launches) else 0
            last_words = [line for line in output.splitlines() if re.search("LLVM ERROR|Assertion|unimplemented|UNREACHABLE", line)]
            why = last_words[0] if last_words else output[-800:]
            if not language and OBJECTIVE_C in why:
                # As users are told to do: from here on the file's tests run with a language.
                language = self.language_of(path)
                continue
            reason = f"no end in {self.timeout} s" if timeout else f"lldb died ({process.returncode}): {why}"
            results[started] = {"outcome": "timeout" if timeout else "crashed", "reason": reason, "launched": launched}
        return results

    def language_of(self, path):
        """What the program of a test file is written in, as lldb calls it."""
        directory = os.path.join(self.lldb, "test", "API", os.path.dirname(path))
        return "c++" if any(name.endswith(".cpp") for name in os.listdir(directory)) else "c"

    def read_record(self, results):
        """Takes the results; whether the run came to its end, and the test that was begun and not ended."""
        done, started = False, None
        if not os.path.exists(self.record):
            return done, started
        with open(self.record) as lines:
            for line in lines:
                try:
                    entry = json.loads(line)
                except ValueError:
                    continue
                event = entry.pop("event")
                if event == "done":
                    done = True
                elif event == "start":
                    started = entry["test"]
                else:
                    results[entry.pop("test")] = entry
                    started = None
        return done, started

    def end(self, process):
        """Ends what the test left behind: its group, and servers (each is a group of its own) that were launched from this room."""
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as file:
                    words = file.read().decode(errors="replace")
            except OSError:
                continue
            if self.room + "/" in words and int(pid) != os.getpid():
                try:
                    os.kill(int(pid), signal.SIGKILL)
                except OSError:
                    pass


def run(arguments):
    entries = ledger()
    files = test_files(arguments.lldb, arguments.words)
    workers = queue.Queue()
    for number in range(arguments.jobs):
        workers.put(Worker(number, arguments.server, arguments.lldb, arguments.timeout))
    left = [path for path in files if arguments.again or not has_result(path, arguments.failed)]
    print(f"{len(files)} test files, {len(left)} to run", flush=True)

    def one(path):
        reason = skipped_file(entries, path)
        if reason:
            results = {"(file)": {"outcome": "skipped", "reason": reason, "launched": 0}}
            begun = time.time()
        else:
            worker = workers.get()
            begun = time.time()
            skips = skipped_tests(entries, path)
            try:
                results = worker.run(path, skips)
            finally:
                workers.put(worker)
            for name, why in skips.items():
                results[name] = {"outcome": "skipped", "reason": why, "launched": 0}
        seconds = round(time.time() - begun, 1)
        where = result_path(path)
        os.makedirs(os.path.dirname(where), exist_ok=True)
        with open(where + ".new", "w") as out:
            json.dump({"file": path, "seconds": seconds, "tests": results}, out, indent=1)
        os.rename(where + ".new", where)
        counts = collections.Counter(result["outcome"] for result in results.values())
        if not reason:
            print(f"{path}: " + ", ".join(f"{counts[outcome]} {outcome}" for outcome in OUTCOMES if counts[outcome]) + f" ({seconds} s)", flush=True)

    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        for _ in pool.map(one, left):
            pass
    for number in range(arguments.jobs):
        shutil.rmtree(workers.get().room, ignore_errors=True)


def cause_of(kind, reason):
    """Why a test failed, as far as its outcome and last words say."""
    for pattern, outcome, cause in CAUSES:
        if outcome in ("", kind) and re.search(pattern, reason):
            return cause
    return "other: one by one with `summary --failures`"


def has_result(path, good):
    """Whether a file has been run, and, if it has to be `good`, without a failure."""
    if not os.path.exists(result_path(path)):
        return False
    with open(result_path(path)) as file:
        outcome = file_outcome(json.load(file)["tests"])
    return not good or outcome in ("passed", "expected failure", "unsupported", "skipped")


def file_outcome(results):
    """What LLDB's lit says of a whole file: it has failed if a test has, and has passed if one has and none failed."""
    counts = collections.Counter(result["outcome"] for result in results.values())
    for outcome in ("timeout", "crashed", "failed", "unbuilt", "unexpected success", "passed", "expected failure"):
        if counts[outcome]:
            return outcome
    return "skipped" if counts["skipped"] else "unsupported"


def group(path):
    """The row of the table that a file belongs to."""
    parts = path.split("/")
    deep = parts[0] in ("functionalities", "commands", "lang", "python_api", "tools")
    return "/".join(parts[:2]) if deep and len(parts) > 2 else parts[0]


def summary(arguments):
    rows = collections.defaultdict(collections.Counter)
    total, files, launched_files = collections.Counter(), collections.Counter(), 0
    missing = with_language = 0
    failures = []
    for path in test_files(arguments.lldb, arguments.words):
        where = result_path(path)
        if not os.path.exists(where):
            missing += 1
            continue
        with open(where) as file:
            results = json.load(file)["tests"]
        outcome = file_outcome(results)
        files[outcome] += 1
        launched_files += outcome == "passed" and any(result["launched"] for result in results.values() if result["outcome"] == "passed")
        for name, result in results.items():
            kind = result["outcome"]
            with_language += kind == "passed" and "language" in result
            if kind == "passed" and not result["launched"]:
                kind = "passed without a program"
            for counter in (rows[group(path)], total):
                counter[kind] += 1
            if kind in ("failed", "unbuilt", "crashed", "timeout", "unexpected success"):
                failures.append((kind, path, name, result["reason"]))
    if arguments.failures:
        for kind, path, name, reason in failures:
            last = [line for line in reason.splitlines() if line.strip()]
            print(f"{kind}\t{path}::{name}\t{last[-1][:200] if last else ''}")
        return
    causes = collections.Counter(cause_of(kind, reason) for kind, _, _, reason in failures)
    columns = ["passed", "passed without a program", "failed", "unbuilt", "crashed", "timeout", "expected failure", "unsupported", "skipped"]
    heads = ["passed", "passed, nothing launched", "failed", "not built", "lldb died", "timeout", "expected failure", "unsupported", "skipped"]
    print("| directory | " + " | ".join(heads) + " |")
    print("|---|" + "---:|" * len(columns))
    merged = collections.defaultdict(collections.Counter)
    for name, counter in rows.items():
        counter["failed"] += counter["unexpected success"]
        merged[name.split("/")[0]].update(counter)
    total["failed"] += total["unexpected success"]
    for name in sorted(merged):
        print(f"| {name} | " + " | ".join(str(merged[name][column] or "") for column in columns) + " |")
    print("| **all** | " + " | ".join(f"**{total[column]}**" for column in columns) + " |")
    print()
    print(f"Tests that passed: {total['passed'] + total['passed without a program']}, of them {total['passed']} with a program on the server,"
          f" and {with_language} with target.language set because lldb had died without.")
    print("Test files: " + ", ".join(f"{files[outcome]} {outcome}" for outcome in OUTCOMES if files[outcome])
          + f"; {launched_files} of those that passed launched a program.")
    print()
    print("| tests that did not pass | cause |")
    print("|---:|---|")
    for cause, count in causes.most_common():
        print(f"| {count} | {cause} |")
    if missing:
        print(f"{missing} test files have no result yet.")


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("run")
    one.add_argument("server", type=os.path.abspath)
    one.add_argument("lldb")
    one.add_argument("--jobs", type=int, default=2)
    one.add_argument("--timeout", type=int, default=150)
    one.add_argument("--again", action="store_true")
    one.add_argument("--failed", action="store_true")
    two = commands.add_parser("summary")
    two.add_argument("lldb")
    two.add_argument("--failures", action="store_true")
    arguments, arguments.words = parser.parse_known_args()
    for word in arguments.words:
        if word.startswith("-"):
            parser.error(f"unknown option {word}")
    run(arguments) if arguments.command == "run" else summary(arguments)


sys.exit(main())
