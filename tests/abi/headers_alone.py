"""headers_alone.py gcc|clang INCLUDE_DIR: every public header of the SDK compiles as the only include of a file, twice, without a warning.

C headers as C11, C17, C++17 and C++20; C++ headers as C++17 and C++20. And none leaves a visibility behind, which would hold for whatever is included
after it.
"""

import concurrent.futures
import os
import shutil
import subprocess
import sys

WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Werror"]
C_STANDARDS = ["c11", "c17"]
CPP_STANDARDS = ["c++17", "c++20"]


def compile_alone(command, include_dir, header, standard):
    name = os.path.relpath(header, include_dir)
    language = "c" if standard in C_STANDARDS else "c++"
    # A file without a declaration is not ISO C.
    text = f"#include <{name}>\n#include <{name}>\nextern int tenon_alone;\n"
    with open(header) as file:
        own = file.read()
    if own.count("#pragma GCC visibility push") != own.count("#pragma GCC visibility pop"):
        return f"{name}: pushes and pops of visibility are not the same number\n"
    done = subprocess.run([command, f"-std={standard}", "-fsyntax-only", *WARNINGS, "-I", include_dir, "-x", language, "-"],
                          input=text, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return "" if done.returncode == 0 else f"{name} as {standard}:\n{done.stdout}"


def main():
    family, include_dir = sys.argv[1:]
    c, cpp = {"gcc": ("gcc", "g++"), "clang": ("clang", "clang++")}[family]
    if not shutil.which(c) or not shutil.which(cpp):
        print(f"SKIPPED: there is no {family} on this machine")
        return 77
    jobs = []
    for directory, _, files in sorted(os.walk(include_dir)):
        for file in sorted(files):
            header = os.path.join(directory, file)
            jobs += [(cpp, header, standard) for standard in CPP_STANDARDS]
            if file.endswith(".h"):
                jobs += [(c, header, standard) for standard in C_STANDARDS]
    if not jobs:
        print(f"no header below {include_dir}")
        return 1
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        complaints = [text for text in pool.map(lambda job: compile_alone(job[0], include_dir, job[1], job[2]), jobs) if text]
    print("\n".join(complaints) or f"{len(jobs)} compilations without a warning")
    return 1 if complaints else 0


sys.exit(main())
