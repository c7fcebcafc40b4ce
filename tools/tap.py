#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tap.py FILE [NAME...]: runs the unittest cases of a Python file and prints TAP, so that each
case counts in the reports of the build. A failed test's story goes to stderr: Meson shows that."""
import importlib.util
import os
import signal
import sys
import unittest


class TapResult(unittest.TestResult):
    count = 0

    def line(self, passed, test, note=""):
        self.count += 1
        name = test.id().split(".", 1)[-1]
        print(f"{'' if passed else 'not '}ok {self.count} - {name}{note}", flush=True)

    def addSuccess(self, test):
        self.line(True, test)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        if isinstance(test, unittest.case._SubTest):
            self.skipped_part = reason
        else:
            self.line(True, test, f" # SKIP {reason}")

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err:
            self.broken.append(str(subtest) + "\n" + (self.failures + self.errors)[-1][1])

    def startTest(self, test):
        super().startTest(test)
        self.broken = []  # the stories of failed subtests
        self.skipped_part = None  # why a subtest was skipped: unittest then tells no success

    def stopTest(self, test):
        super().stopTest(test)
        if self.broken:
            self.fail_with(test, "\n".join(self.broken))
        elif self.skipped_part:
            self.line(True, test, f" # SKIP {self.skipped_part}")

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.fail_with(test, self.failures[-1][1])

    def addError(self, test, err):
        super().addError(test, err)
        self.fail_with(test, self.errors[-1][1])

    def fail_with(self, test, story):
        self.skipped_part = None
        self.line(False, test)
        for text in story.splitlines():
            print("# " + text, file=sys.stderr, flush=True)


def main(path, names):
    # Tests begin as from a shell, also where `nohup` or a script's `&` had signals ignored.
    for number in (signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.path.insert(0, os.path.dirname(os.path.abspath(path)))
    spec = importlib.util.spec_from_file_location("tests", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["tests"] = module
    spec.loader.exec_module(module)
    loader = unittest.defaultTestLoader
    loader.testNamePatterns = [f"*{name}*" for name in names] or None
    suite = loader.loadTestsFromModule(module)
    print(f"1..{suite.countTestCases()}")
    result = TapResult()
    suite.run(result)
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
