"""clang_tidy.py BUILD --seconds N < FILES: clang-tidy with the tree's .clang-tidy on those of the files that the build compiles.

Newly changed code is checked as far as the time allows; what was not reached is said.
"""

import argparse
import os
import sys

import compile_database


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--seconds", type=float, required=True)
    arguments = parser.parse_args()
    build = os.path.abspath(arguments.build)
    known = compile_database.entries(build)
    files = [path for path in (os.path.abspath(line.strip()) for line in sys.stdin) if path in known]
    commands = [(os.path.relpath(path), os.getcwd(), ["clang-tidy-14", "--quiet", "-p", build, path]) for path in files]
    failed, late = compile_database.run_all(commands, arguments.seconds)
    print(f"{len(files) - len(late)} of {len(files)} changed files checked, {len(failed)} with findings")
    if late:
        print(f"not reached within {arguments.seconds:.0f} s: {' '.join(late)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
