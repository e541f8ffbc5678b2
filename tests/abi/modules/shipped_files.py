"""shipped_files.py MANIFESTS_DIR lib<name>.so ...: each file exports the entry alone and carries the manifest of its name, byte for byte."""

import os
import subprocess
import sys


def main():
    manifests, *libraries = sys.argv[1:]
    names = sorted(os.path.basename(path)[3:-3] for path in libraries)
    shipped = sorted(file[:-5] for file in os.listdir(manifests) if file.endswith(".yaml"))
    if names != shipped:
        print(f"manifests/ has {shipped}, built are {names}")
        return 1
    bad = 0
    for path in libraries:
        name = os.path.basename(path)[3:-3]
        with open(path, "rb") as file:
            data = file.read()
        with open(f"{manifests}/{name}.yaml", "rb") as file:
            manifest = file.read()
        symbols = subprocess.run(["nm", "-D", "--defined-only", path], check=True, stdout=subprocess.PIPE, text=True).stdout.split()[2::3]
        at = data.find(b"TENON\0\0\0" + manifest)
        if symbols != ["tenon_entry_v1"] or at < 0:
            print(f"{path}: exports {symbols}, manifest {'is' if at >= 0 else 'is not'} there")
            bad += 1
    return 1 if bad else 0


sys.exit(main())
