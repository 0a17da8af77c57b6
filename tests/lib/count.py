# SPDX-License-Identifier: Apache-2.0
"""Adds up JUnit files: names what did not pass, and closes with the count."""

import sys
import xml.etree.ElementTree as ElementTree


def main(paths):
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for path in paths:
        for case in ElementTree.parse(path).iter("testcase"):
            # ctest marks what could not be run in an attribute, pytest by an element
            if case.find("failure") is not None or case.find("error") is not None or (
                    case.get("status") == "fail"):
                outcome = "failed"
            elif case.find("skipped") is not None or case.get("status") in ("notrun", "disabled"):
                outcome = "skipped"
            else:
                outcome = "passed"
            counts[outcome] += 1
            if outcome != "passed":
                print(f"{outcome}: {case.get('classname', '')} {case.get('name')}")
    print(", ".join(f"{number} {outcome}" for outcome, number in counts.items()))
    return 1 if counts["failed"] or not counts["passed"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
