"""baseline.py compare|update COMPILER INCLUDE_DIR BASELINE_DIR: the C ABI against the stored one, with abidiff.

Any difference asks for a decision by a person: is it an addition (raise TENON_ABI_MINOR, extend frozen_v1.cpp, then `update`), or a break? abidiff
gives the same exit code for both, so none is let through by itself. `compare` also proves that it would notice: it breaks copies of the headers.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile


def stub(compiler, include_dir, baseline_dir, out):
    subprocess.run([compiler, "-g", "-O0", "-std=c11", "-shared", "-fPIC", "-fvisibility=hidden", "-I", include_dir, f"{baseline_dir}/stub.c", "-o", out], check=True)


def every_struct_is_in_the_stub(include_dir, baseline_dir):
    with open(f"{baseline_dir}/stub.c", encoding="utf-8") as file:
        text = file.read()
    missing = []
    for name in sorted(os.listdir(include_dir + "/tenon")):
        if not name.endswith(".h"):
            continue
        with open(f"{include_dir}/tenon/{name}", encoding="utf-8") as file:
            structs = re.findall(r"struct (tenon_\w+) \{", file.read())
        missing += [f"tenon/{name}: {s}" for s in structs if not re.search(rf"\b{s}\b", text)]
    return missing


def diff(baseline, library):
    done = subprocess.run(["abidiff", "--no-show-locs", baseline, library], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.returncode, done.stdout


# (file, old, new): an append, an insertion, a changed parameter. Each has to be seen.
BREAKS = [
    ("check.h", "} tenon_check;", "  int32_t (*added)(tenon_ctx *ctx) TENON_NOEXCEPT;\n} tenon_check;"),
    ("log.h", "  int32_t min_level;", "  uint32_t inserted;\n  int32_t min_level;"),
    ("calls.h", "int32_t (*wait)(tenon_call* call, int64_t until_ns)", "int32_t (*wait)(tenon_call* call, int32_t until_ns)"),
    ("core.h", "char reason[48]", "char reason[40]"),
]


def main():
    mode, compiler, include_dir, baseline_dir = sys.argv[1:]
    if not shutil.which("abidiff") or not shutil.which("abidw"):
        print("SKIPPED: abidiff is not installed (Debian package abigail-tools): the ABI was not compared with its baseline")
        return 77
    machine = os.uname().machine
    baseline = f"{baseline_dir}/tenon-1.0-{machine}.abi"
    missing = every_struct_is_in_the_stub(include_dir, baseline_dir)
    if missing:
        print("not in baseline/stub.c, so nothing would notice a change: " + ", ".join(missing))
        return 1
    with tempfile.TemporaryDirectory() as directory:
        library = f"{directory}/libstub.so"
        stub(compiler, include_dir, baseline_dir, library)
        if mode == "update":
            subprocess.run(["abidw", "--no-show-locs", "--no-corpus-path", "--no-comp-dir-path", "--no-elf-needed", "--out-file", baseline, library], check=True)
            print(f"written: {baseline}")
            return 0
        if not os.path.exists(baseline):
            print(f"SKIPPED: there is no baseline for {machine}; make one with `update` on a released version")
            return 77
        code, text = diff(baseline, library)
        if code != 0:
            print(f"the ABI differs from {os.path.basename(baseline)} (abidiff: {code}):\n{text}")
            return 1
        for number, (file, old, new) in enumerate(BREAKS):
            copy = f"{directory}/{number}"
            shutil.copytree(include_dir, copy)
            with open(f"{copy}/tenon/{file}", encoding="utf-8") as header:
                content = header.read()
            if old not in content:
                print(f"tenon/{file} has no `{old}` any more: give BREAKS something else to break")
                return 1
            with open(f"{copy}/tenon/{file}", "w", encoding="utf-8") as header:
                header.write(content.replace(old, new, 1))
            broken = f"{directory}/libbroken{number}.so"
            stub(compiler, copy, baseline_dir, broken)
            if diff(baseline, broken)[0] == 0:
                print(f"a change of tenon/{file} (`{new}`) was not noticed")
                return 1
    print(f"no difference from {os.path.basename(baseline)}, and {len(BREAKS)} breaks noticed")
    return 0


sys.exit(main())
