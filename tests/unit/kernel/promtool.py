"""promtool.py PROGRAM: what the program prints is what `promtool check metrics` has nothing to say about; and promtool does say something about what is wrong.

Exit code 77: there is no promtool on this machine.
"""

import shutil
import subprocess
import sys


def check(text):
    """promtool's exit code, and what it says."""
    done = subprocess.run(["promtool", "check", "metrics"], input=text, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.returncode, done.stdout


if __name__ == "__main__":
    if shutil.which("promtool") is None:
        print("no promtool (package prometheus)")
        sys.exit(77)
    text = subprocess.run([sys.argv[1]], check=True, text=True, stdout=subprocess.PIPE).stdout
    if any(name not in text for name in ("tenon_uptime_seconds", "tenon_service_duration_seconds_bucket", "tenon_modules", "tenon_task_runs_total", "took_seconds_bucket")):
        sys.exit("the example lacks metrics:\n" + text)
    code, said = check(text)
    if code != 0 or said:
        sys.exit(f"promtool ends with {code}:\n{said}\n{text}")
    if check(text.replace("# TYPE took_seconds histogram", "# TYPE took_seconds nonsense"))[0] == 0:
        sys.exit("promtool accepts nonsense")
