# SPDX-License-Identifier: MIT
import unittest

import fds
import fixture


class FdsTest(fixture.ProjectTest):
    def check(self, body, path="src/sys/plain.c"):
        self.put(path, "int f(void) {\n" + body + "\n}\n")
        return fds.check(self.root)

    def test_what_is_lifted_passes(self):
        self.assertEqual(self.check("    return weir__fd_lift(socket(a, b, 0));"), [])
        self.assertEqual(self.check("    return weir__fd_lift_pair(pipe2(p, 0), p);"), [])
        self.assertEqual(self.check("    return weir__fd_lift(\n        accept4(a, b, c, d));"), [])

    def test_a_bare_call_is_found(self):
        for call in ("socket(a, b, 0)", "eventfd(0, 0)", "fopen(name, text)", "dup(fd)",
                     "fcntl(fd, F_DUPFD_CLOEXEC, 0)", "syscall(SYS_pidfd_open, pid, 0)"):
            name = call.partition("(")[0]
            self.assertEqual(
                self.check(f"    return {call};"),
                [f"src/sys/plain.c:2: {name} makes a descriptor outside weir__fd_lift"])

    def test_other_calls_of_that_kind_are_not(self):
        self.assertEqual(self.check("    return fcntl(fd, F_GETFL) + weir__plain_socket(a)"
                                    " + s->open(s) + backend.open(s); /* socket(a) */"), [])

    def test_tests_may_do_as_they_like(self):
        self.assertEqual(self.check("    return socket(a, b, 0);", "src/sys/plain_test.c"), [])

    def test_a_reason_without_its_call_is_found(self):
        self.put("src/worker/standard.c", "int f(void) {\n    return 0;\n}\n")
        self.assertEqual(fds.check(self.root),
                         ["tools/fds.py: src/worker/standard.c does not call open: drop the line"])


if __name__ == "__main__":
    unittest.main()
