"""header_alone.py COMPILER ROOT ROOM: every public header of a host room compiles as the only include of a file.

The include path holds what the table of rooms lets the room see and nothing else, so that this also shows a wrong include.
"""

import concurrent.futures
import os
import subprocess
import sys

import rules


def compile_alone(compiler, root, room, header):
    """The compiler's complaints, empty if there are none."""
    name = header.split("/include/", 1)[1]
    paths = [os.path.join(root, "host", seen, "include") for seen in sorted(rules.reachable(room))]
    if room in rules.SEES_SDK:
        paths.append(os.path.join(root, "sdk", "include"))
    arguments = [compiler, "-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-x", "c++", "-"]
    for path in paths:
        arguments += ["-I", path]
    # Twice: it must also be guarded.
    done = subprocess.run(arguments, input=f'#include "{name}"\n#include "{name}"\n', text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.stdout if done.returncode != 0 else ""


def complaints(compiler, root, room):
    headers = rules.files_below(root, "host", room, "include", endings=(".hpp", ".h"))
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        results = pool.map(lambda header: compile_alone(compiler, root, room, header), headers)
    return headers, [f"{header}:\n{text}" for header, text in zip(headers, results) if text]


if __name__ == "__main__":
    checked, found = complaints(*sys.argv[1:4])
    print("\n".join(found) or f"{len(checked)} headers")
    sys.exit(1 if found or not checked else 0)
