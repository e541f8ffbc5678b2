"""daemon.py TENOND SCRATCH FILE.so...: a strict daemon runs all recipes of the cookbook together; each comes up, does what it says, and goes."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

CONFIG = """instance: {name: cookbook, environment: local}
permissions: {default: manifest}
log: {level: info, format: json}
modules:
  dimmer: {config: {level: %d}}
"""

# Module, message and fields of lines that come by themselves.
LINES = [("shop", "price", {"article": "tea", "costs": "4"}),
         ("shop", "not for sale", {"why": "there is no article `sand`"}),
         ("shop", "price", {"article": "cake", "costs": "7"}),
         ("alarms", "alarm", {"what": "smoke"}),
         ("janitor", "three rooms swept", {}),
         ("basket", "basket", {"total": "36"}),
         ("tally", "tally", {"total": "0"}),
         ("dimmer", "light", {"level": "10", "fade": "200ms"})]


def wait_for(what, condition, daemon, log):
    end = time.monotonic() + 60
    while not condition():
        if daemon.poll() is not None or time.monotonic() > end:
            with open(log, encoding="utf-8") as file:
                raise SystemExit(f"{what}: did not come\n{file.read()}")
        time.sleep(0.1)


def records(log):
    found = []
    with open(log, encoding="utf-8") as file:
        for line in file:
            if line.startswith("{") and line.endswith("}\n"):
                found.append(json.loads(line))
    return found


def there(log, module, message, fields):
    return any(r["module"] == module and r["msg"] == message and fields.items() <= r.get("kv", {}).items() for r in records(log))


def main():
    tenond, scratch, *files = sys.argv[1:]
    os.umask(0o022)
    os.makedirs(scratch, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=scratch) as tree:
        os.chmod(tree, 0o755)
        os.mkdir(f"{tree}/plugins")
        for file in files:
            shutil.copy(file, f"{tree}/plugins/")
        config, log = f"{tree}/tenon.yaml", f"{tree}/log"

        def configure(level):
            with open(f"{config}.new", "w", encoding="utf-8") as out:
                out.write(CONFIG % level)
            os.replace(f"{config}.new", config)

        configure(10)
        common = ["--config", config, "--state-dir", f"{tree}/state", "--plugins-dir", f"{tree}/plugins"]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("TENON_")}
        with open(log, "w", encoding="utf-8") as out:
            daemon = subprocess.Popen([tenond, "--strict", *common], stdout=out, stderr=out, env=environment)
        try:
            def running():
                done = subprocess.run([tenond, "list", "--running", "--output", "json", *common], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                      env=environment, check=False)
                if done.returncode != 0:
                    return False
                status = json.loads(done.stdout)
                return sum(m["state"] == "running" and m["kind"] == "plugin" for m in status["modules"]) == len(files) and status["health"]["ready"]

            wait_for(f"{len(files)} running recipes, ready", running, daemon, log)
            for line in LINES:
                wait_for(str(line), lambda: there(log, *line), daemon, log)
            configure(80)
            daemon.send_signal(signal.SIGHUP)
            wait_for("the new level", lambda: there(log, "dimmer", "light", {"level": "80"}), daemon, log)
            daemon.send_signal(signal.SIGTERM)
            code = daemon.wait(60)
        finally:
            if daemon.poll() is None:
                daemon.kill()
                daemon.wait()
        bad = [r for r in records(log) if r["level"] in ("warn", "error", "fatal") and r["module"] != "alarms"]
        if code != 0 or bad:
            print(f"exit code {code}; {bad}")
            return 1
    print(f"{len(files)} recipes ran in the daemon")
    return 0


sys.exit(main())
