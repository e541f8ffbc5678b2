"""check.py RULE ROOT: applies one of the rules of rules.py to a tree; exit code 1 and one line per finding if it does not hold."""

import sys

import rules

findings = rules.CHECKS[sys.argv[1]](sys.argv[2])
print("\n".join(findings) or "nothing found")
sys.exit(1 if findings else 0)
