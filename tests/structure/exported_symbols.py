"""exported_symbols.py BINARY: the executable offers no dynamic symbol that a module could bind to by accident."""

import subprocess
import sys


def exported(binary):
    """Names of the dynamic symbols that the file defines."""
    listing = subprocess.run(["nm", "-D", "--defined-only", "--format=posix", binary], check=True, text=True, stdout=subprocess.PIPE).stdout
    return [line.split()[0] for line in listing.splitlines() if line.strip()]


if __name__ == "__main__":
    names = exported(sys.argv[1])
    print("\n".join(names) or "no symbol")
    sys.exit(1 if names else 0)
