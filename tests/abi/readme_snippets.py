"""readme_snippets.py COMPILER SDK_DIR: the C++ of sdk/README.md compiles without a warning, and its test passes.

The blocks before the one that uses the fake host are one source, as they stand; that one is the body of a test.
"""

import os
import re
import subprocess
import sys
import tempfile

PROGRAM = """#include <cstdio>
#include <cstdlib>
#include <tenon/testing.hpp>
{module}
static void check(bool holds, const char* what) {{
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\\n", what);
  std::exit(1);
}}
#define REQUIRE(x) check((x), #x)
#define CHECK(x) check((x), #x)
int main() {{
{test}
}}
"""


def main():
    compiler, sdk = sys.argv[1:]
    with open(f"{sdk}/README.md", encoding="utf-8") as file:
        blocks = re.findall(r"^```cpp\n(.*?)^```", file.read(), re.M | re.S)
    tests = [b for b in blocks if "tenon::testing::" in b]
    if len(tests) != 1 or len(blocks) < 3:
        print(f"found {len(blocks)} blocks of C++ in sdk/README.md, {len(tests)} of them with a test")
        return 1
    module = "".join(b for b in blocks if b not in tests)
    with tempfile.TemporaryDirectory() as directory:
        source, program = os.path.join(directory, "readme.cpp"), os.path.join(directory, "readme")
        with open(source, "w", encoding="utf-8") as file:
            file.write(PROGRAM.format(module=module, test=tests[0]))
        for command in ([compiler, "-std=c++17", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-pthread", '-DTENON_MODULE_NAME="orders"',
                         '-DTENON_MODULE_VERSION="1.0.0"', "-I", f"{sdk}/include", source, "-o", program], [program]):
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            if done.returncode != 0:
                print(f"{' '.join(command)}: exit code {done.returncode}\n{done.stdout}")
                return 1
    print(f"{len(blocks)} blocks as they should be")
    return 0


sys.exit(main())
