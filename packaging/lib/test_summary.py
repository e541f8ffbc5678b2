"""Counts of a ctest run, from its JUnit file: lists what was skipped and why, what failed, and ends with the line of counts.

With --expected-skips FILE a skipped test that the file does not name counts as failed. The file: one `name: reason` a line, `#`
begins a comment, `*` in a name stands for anything. With --skips-only nothing but that is looked at, and no line of counts is
printed. With --again FILE, the result of running the failed tests once more, alone: a test that passed there counts as passed and is
listed as unsteady, so that a machine too busy for a test's time limit does not decide about the tree, and a race does not go unseen.
With --details the end of what each failed or unsteady test printed is shown. Exit code 1 if anything failed.
"""

import argparse
import fnmatch
import sys
import xml.etree.ElementTree as ElementTree


def read_expected(path):
    expected = {}
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            line = line.split("#", 1)[0].strip()
            if not line:
                continue
            name, separator, reason = line.partition(": ")
            if not separator or not reason.strip():
                sys.exit(f"{path}:{number}: expected `test name: reason`")
            expected[name.strip()] = reason.strip()
    return expected


DETAIL_LINES = 40


def first_lines(text):
    """The reason a test gives is on the line that begins with 'skipped:', or else on its first line."""
    lines = [line.strip() for line in (text or "").splitlines() if line.strip()]
    said = [line for line in lines if line.startswith("skipped:")]
    return (said or lines or ["no reason given"])[0]


def read_results(path):
    """Yields (name, "passed" | "failed" | "skipped", reason, output)."""
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        name = case.get("name", "")
        output = case.findtext("system-out") or ""
        skipped = case.find("skipped")
        if case.get("status") == "disabled":
            yield name, "skipped", "disabled", output
        elif skipped is not None:
            # ctest also says "skipped" of a test that it could not start.
            message = skipped.get("message", "")
            if message.startswith("SKIP_"):
                yield name, "skipped", first_lines(output), output
            else:
                yield name, "failed", message or "was not run", output
        elif case.get("status") == "run" and case.find("failure") is None:
            yield name, "passed", "", output
        else:
            failure = case.find("failure")
            yield name, "failed", failure.get("message", "") if failure is not None else "", output


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("results", nargs="+")
    parser.add_argument("--expected-skips")
    parser.add_argument("--skips-only", action="store_true")
    parser.add_argument("--again")
    parser.add_argument("--details", action="store_true")
    arguments = parser.parse_args()
    expected = read_expected(arguments.expected_skips) if arguments.expected_skips else None

    again = {name: result for name, result, _, _ in read_results(arguments.again)} if arguments.again else {}

    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for path in arguments.results:
        for name, result, reason, output in read_results(path):
            if arguments.skips_only and result != "skipped":
                continue
            if result == "skipped":
                print(f"skipped: {name}: {reason.removeprefix('skipped:').strip()}")
                if expected is not None and not any(fnmatch.fnmatchcase(name, pattern) for pattern in expected):
                    result, reason = "failed", "was skipped, and .ci/expected-skips does not name it"
            if result == "failed":
                steady = again.get(name) != "passed"
                print(f"{'failed' if steady else 'unsteady, passed when run alone'}: {name}: {reason}")
                if arguments.details:
                    print("\n".join("  | " + line for line in output.splitlines()[-DETAIL_LINES:]))
                result = "failed" if steady else "passed"
            counts[result] += 1
    if arguments.skips_only:
        print(f"{counts['skipped']} expected skips, {counts['failed']} unexpected ones")
        return 1 if counts["failed"] else 0
    if sum(counts.values()) == 0:
        print("no test was run")
        counts["failed"] = 1
    print(f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped")
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
