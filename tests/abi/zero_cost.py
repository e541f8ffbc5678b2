"""zero_cost.py gcc|clang INCLUDE_DIR SOURCE: at -O2 the wrapper needs as many instructions as the C call (at most SLACK more), and a
call through a lease exactly those of a pointer call."""

import re
import shutil
import subprocess
import sys
import tempfile

# g++ orders the loads differently and keeps one move more in places; nothing else may be added.
SLACK = 1


def main():
    family, include_dir, source = sys.argv[1:]
    compiler = {"gcc": "g++", "clang": "clang++"}[family]
    for program in (compiler, "objdump"):
        if not shutil.which(program):
            print(f"SKIPPED: there is no {program} on this machine")
            return 77
    with tempfile.NamedTemporaryFile(suffix=".o") as object_file:
        subprocess.run([compiler, "-std=c++17", "-O2", "-fcf-protection=none", "-I", include_dir, "-c", source, "-o", object_file.name], check=True)
        text = subprocess.run(["objdump", "-d", "--no-show-raw-insn", object_file.name], check=True, stdout=subprocess.PIPE, text=True).stdout
    counts = {}
    name = None
    for line in text.splitlines():
        start = re.match(r"[0-9a-f]+ <(\w+)>:", line)
        if start:
            name = start[1]
            counts[name] = 0
        elif name and re.match(r"\s+[0-9a-f]+:\s+\S", line) and not re.search(r":\s+(nop|xchg\s+%ax,%ax|data16|cs nop)", line):
            counts[name] += 1
    pairs = sorted(name[2:] for name in counts if name.startswith("c_"))
    bad = 0
    for name in pairs:
        c, cpp = counts["c_" + name], counts["cpp_" + name]
        slack = 0 if name.startswith("leased") else SLACK
        verdict = "ok" if cpp <= c + slack else "TOO MANY"
        bad += verdict != "ok"
        print(f"{name}: C {c}, C++ {cpp} instructions: {verdict}")
    return 1 if bad or len(pairs) < 4 else 0


sys.exit(main())
