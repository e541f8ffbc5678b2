"""What the two clang checks share: reading compile_commands.json, and running one command per file on all cores."""

import concurrent.futures
import json
import os
import shlex
import subprocess
import sys
import time


def entries(build):
    """{absolute source: (directory, arguments)}; a file compiled more than once counts once. Missing generated sources are built."""
    path = os.path.join(build, "compile_commands.json")
    with open(path, encoding="utf-8") as file:
        database = json.load(file)
    result = {}
    missing = []
    for entry in database:
        source = os.path.normpath(os.path.join(entry["directory"], entry["file"]))
        if not os.path.exists(source):
            missing.append(os.path.relpath(source, build))
        result.setdefault(source, (entry["directory"], shlex.split(entry["command"])))
    if missing:
        subprocess.run(["ninja", "-C", build, *missing], check=True, stdout=subprocess.DEVNULL)
    return result


def run_all(commands, seconds=None):
    """commands: [(name, directory, arguments)]. Prints the output of those that fail. Returns (failed, names not reached in time)."""
    deadline = None if seconds is None else time.monotonic() + seconds

    def run(command):
        name, directory, arguments = command
        if deadline is not None and time.monotonic() > deadline:
            return name, None, ""
        done = subprocess.run(arguments, cwd=directory, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, errors="replace")
        return name, done.returncode, done.stdout

    failed, late = [], []
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for name, code, output in pool.map(run, commands):
            if code is None:
                late.append(name)
            elif code != 0:
                failed.append(name)
                print(f"---- {name}\n{output}", end="", file=sys.stderr)
    return failed, late
