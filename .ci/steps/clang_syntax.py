"""clang_syntax.py BUILD: compiles every file of a tree configured for clang, without producing anything."""

import os
import sys

import compile_database

WITH_VALUE = {"-o", "-MF", "-MT", "-MQ"}
ALONE = {"-c", "-MD", "-MMD"}


def syntax_only(arguments):
    result = []
    following = iter(arguments)
    for argument in following:
        if argument in WITH_VALUE:
            next(following, None)
        elif argument not in ALONE:
            result.append(argument)
    if os.path.basename(result[0]) == "ccache":
        result.pop(0)
    return result + ["-fsyntax-only"]


def main():
    build = os.path.abspath(sys.argv[1])
    commands = [(source, directory, syntax_only(arguments)) for source, (directory, arguments) in sorted(compile_database.entries(build).items())
                if source.endswith((".c", ".cpp"))]
    if not commands:
        sys.exit("the compile database is empty")
    failed, _ = compile_database.run_all(commands)
    print(f"{len(commands)} files, {len(failed)} with errors")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
