"""must_not_compile.py COMPILER INCLUDE_DIR SOURCE: every case of the source is refused, with the text it expects."""

import concurrent.futures
import os
import re
import subprocess
import sys


def main():
    compiler, include_dir, source = sys.argv[1:]
    with open(source, encoding="utf-8") as file:
        cases = re.findall(r"^#(?:el)?if CASE == (\d+)  // (expect-success|expect: .*)$", file.read(), re.M)
    if len(cases) < 15:
        print(f"found only {len(cases)} cases in {source}")
        return 1

    def complaint(case):
        number, expected = case
        done = subprocess.run([compiler, "-std=c++17", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", f"-DCASE={number}", "-I", include_dir, source],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if expected == "expect-success":
            return "" if done.returncode == 0 else f"case {number} has to compile:\n{done.stdout}"
        pattern = expected.removeprefix("expect: ")
        if done.returncode == 0:
            return f"case {number} compiles"
        return "" if re.search(pattern, done.stdout) else f"case {number} fails without `{pattern}`:\n{done.stdout}"

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        complaints = [text for text in pool.map(complaint, cases) if text]
    print("\n".join(complaints) or f"{len(cases)} cases as expected")
    return 1 if complaints else 0


sys.exit(main())
