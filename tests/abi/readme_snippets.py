"""readme_snippets.py COMPILER C_COMPILER SDK_DIR: the C++ and C of sdk/README.md compiles without a warning, and its test passes.

The blocks of C++ before the one that uses the fake host are one source, as they stand; that one is the body of a test. Those below `## The interfaces` are each
part of a function in which the wrappers, in C the tables, are at hand.
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

WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-Wno-unused", "-Wno-unused-parameter"]
WRAPPERS = ["Log", "Config", "Services", "Events", "Storage", "State", "Container", "Leases", "Tasks", "Metrics", "Audit", "Check"]
TABLES = ["log", "config", "calls", "services", "events", "storage", "state", "container", "lease", "tasks", "metrics", "audit", "check"]


def parts(text, compiler, c_compiler):
    """The snippets of the interfaces: suffix, source, compiler with its options."""
    cpp = re.findall(r"^```cpp\n(.*?)^```", text, re.M | re.S)
    c = re.findall(r"^```c\n(.*?)^```", text, re.M | re.S)
    if len(cpp) < 12 or len(c) < 14:
        raise SystemExit(f"found {len(cpp)} snippets in C++ and {len(c)} in C below `## The interfaces`")
    source = "#include <tenon/tenon.hpp>\nusing namespace std::chrono_literals;\n"
    for i, body in enumerate(cpp):
        objects = "".join(f"tenon::{w} {w.lower()}(ctx);\n" for w in WRAPPERS)
        source += f"tenon::Status part_{i}(tenon::Ctx ctx, tenon::Call call) {{\n{objects}{body}return {{}};\n}}\n"
    yield "cpp", source, [compiler, "-std=c++17"]
    source = "".join(f"#include <tenon/{t}.h>\n" for t in [*TABLES, "health"])
    source += "static tenon_status on_run(void* data, tenon_call* call, tenon_error* err) { return TENON_OK; }\n#define on_check on_run\n"
    for i, body in enumerate(c):
        tables = "".join(f"const tenon_{t}* {t} = ctx->host->query(ctx, TENON_STR(TENON_{t.upper()}));\n" for t in TABLES)
        source += f"tenon_status part_{i}(tenon_ctx* ctx, tenon_call* call, tenon_error* err) {{\n{tables}{body}return TENON_OK;\n}}\n"
    yield "c", source, [c_compiler, "-std=c11"]


def main():
    compiler, c_compiler, sdk = sys.argv[1:]
    with open(f"{sdk}/README.md", encoding="utf-8") as file:
        first, interfaces = file.read().split("\n## The interfaces\n")
    blocks = re.findall(r"^```cpp\n(.*?)^```", first, re.M | re.S)
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
        for suffix, text, command in parts(interfaces, compiler, c_compiler):
            source = os.path.join(directory, f"parts.{suffix}")
            with open(source, "w", encoding="utf-8") as file:
                file.write(text)
            done = subprocess.run([*command, *WARNINGS, "-fsyntax-only", "-I", f"{sdk}/include", source], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            if done.returncode != 0:
                print(f"the snippets in {suffix}: exit code {done.returncode}\n{done.stdout}")
                return 1
    print(f"{len(blocks)} blocks and the snippets of all interfaces as they should be")
    return 0


sys.exit(main())
