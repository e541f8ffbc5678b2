"""tour_test.py SOURCE BUILD: the tour in README.md, command by command in one shell, prints what README.md says it prints.

A line that begins with `$ ` is a command, the lines up to the next one or to the end of the block are its output; a command with none there may print
anything. Times and process ids are anybody's. The tour runs in a tree of its own, with the programs of this build where README.md has those of the
release build.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile


def steps(readme):
    section = re.search(r"^## A tour[^\n]*\n(.*?)^## ", readme, re.M | re.S).group(1)
    found = []
    for block in re.findall(r"^```\n(.*?)^```", section, re.M | re.S):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            else:
                found[-1][1].append(line)
    return found


def same_for_all(text):
    text = re.sub(r"\d{4}-\d\d-\d\dT[0-9:.]+Z", "TIME", text)
    return re.sub(r"^pid \d+", "pid PID", text, flags=re.M).rstrip("\n")


def main():
    source, build = sys.argv[1:]
    with open(f"{source}/README.md", encoding="utf-8") as file:
        tour = steps(file.read())
    if len(tour) < 8:
        print(f"found only {len(tour)} commands in the tour")
        return 1
    os.umask(0o022)
    scratch = f"{build}/tests/scratch"
    os.makedirs(scratch, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=scratch) as tree:
        os.chmod(tree, 0o755)
        os.makedirs(f"{tree}/build/release/bin")
        shutil.copy(f"{build}/bin/tenond", f"{tree}/build/release/bin/tenond")
        for kind in ("plugins", "runtime"):
            os.makedirs(f"{tree}/build/release/lib/tenon/{kind}")
            for name in os.listdir(f"{build}/lib/tenon/{kind}"):
                if name.endswith(".so"):
                    shutil.copy(f"{build}/lib/tenon/{kind}/{name}", f"{tree}/build/release/lib/tenon/{kind}/{name}")
        shutil.copytree(f"{source}/config", f"{tree}/config")
        script = "".join(f"echo '@@ {i}'\n{command}\n" for i, (command, _) in enumerate(tour))
        script += "echo '@@ end'\nkill %1\nwait %1\n"
        environment = {k: v for k, v in os.environ.items() if not k.startswith("TENON_")}
        # timeout(1) ends the daemon together with the shell.
        done = subprocess.run(["timeout", "90", "bash", "-c", script], cwd=tree, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        log = f"{tree}/build/tenond.log"
        if done.returncode == 124 and os.path.exists(log):
            with open(log, encoding="utf-8") as file:
                print(file.read())
    parts = re.split(r"^@@ \w+\n", done.stdout, flags=re.M)[1:]
    failed = done.returncode != 0 or len(parts) != len(tour) + 1
    for (command, expected), printed in zip(tour, parts):
        if expected and same_for_all("\n".join(expected)) != same_for_all(printed):
            failed = True
            print(f"$ {command}\nshould print\n" + "\n".join(expected) + f"\nprinted\n{printed}")
    print(f"exit code {done.returncode}\n{done.stdout}" if failed else f"{len(tour)} commands as README.md says")
    return 1 if failed else 0


sys.exit(main())
