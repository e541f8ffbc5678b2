"""plain_build.py COMMAND INCLUDE_DIR EXAMPLES_DIR: modules that are compiled by hand, without -fvisibility=hidden, keep the SDK's constants to themselves.

A symbol that is unique in the process (GNU_UNIQUE) is bound to the first library that has it, RTLD_LOCAL or not.
"""

import concurrent.futures
import glob
import os
import subprocess
import sys
import tempfile


def shared_constants(command, include_dir, source, out):
    name = os.path.splitext(os.path.basename(source))[0]
    library = os.path.join(out, name + ".so")
    subprocess.run([command, "-std=c++20", "-O0", "-fPIC", "-shared", f'-DTENON_MODULE_NAME="{name}"', '-DTENON_MODULE_VERSION="1.0.0"',
                    "-I", include_dir, source, "-o", library], check=True)
    symbols = subprocess.run(["nm", "-DC", library], check=True, text=True, stdout=subprocess.PIPE).stdout
    return [f"{name}: {line}" for line in symbols.splitlines() if " u " in line and "tenon" in line]


def main():
    command, include_dir, examples = sys.argv[1:]
    sources = sorted(glob.glob(os.path.join(examples, "**", "*.cpp"), recursive=True))
    modules = [s for s in sources if not s.endswith(("_test.cpp", "_main.cpp"))]
    if len(modules) < 5:
        print(f"only {len(modules)} modules below {examples}")
        return 1
    with tempfile.TemporaryDirectory() as out, concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        found = [line for lines in pool.map(lambda source: shared_constants(command, include_dir, source, out), modules) for line in lines]
    print("\n".join(found) or f"{len(modules)} modules have no constant of the SDK that is unique in the process")
    return 1 if found else 0


sys.exit(main())
