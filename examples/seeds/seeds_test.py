# SPDX-License-Identifier: MIT
"""What each of the seeds prints. WEIR_SEEDS names the folder of the programs."""
import os
import subprocess
import unittest

HERE = os.environ["WEIR_SEEDS"]

SAYS = {
    "square-callback": "9\n",
    "square-deferred": "9\n",
    "square-inline": "9\n",
    "square-future": "9\n",
    "square-task": "9\n",
    "print-hello": "0 - Hello world!\n3 - Hello world!\n6 - Hello world!\n",
    "hello-soon": "soon\nsoon after\nat 10 ms\nHello World\n",
    "executor": "tick 1\ntick 2\nthe function returned 42\n",
    "cancel-one": "some: 1\nother: 1\nsome: cancelled\nother: 2\nother: 3\n",
    "threadsafe": "the task was cancelled\nstopped\n",
    "timeout": "slow: timed out\nquick: fetched\n",
    "supervisor": "attempt 1\nrestart: attempt 1 failed\nattempt 2\n"
                  "restart: attempt 2 failed\nattempt 3\ndone\n",
    "serial": "read ready\n",
    "asyncserial": "device: asked TEMP?\nresponse: 23.5C\n",
    "asyncify-serial": "a second read: EBUSY\nread ready\na read of a closed port: WEIR_ECLOSED\n",
    "cron": "01:00:00 report\n02:00:00 report\n03:00:00 report\n03:15:00 backup\n"
            "02:30:00 the clock was set: look at the calendar again\n"
            "03:00:00 report\n03:15:00 backup\n",
    "files": "13 bytes: first ...\nline: first\nline: second\ngone: ENOENT\n",
    "subprocess": "echo hello: [exited with 0]\n  stdout: some\n  stderr: none\n"
                  "ls /zzz: [exited with 2]\n  stdout: none\n  stderr: some\n"
                  "sleep 1000: took too long, and was ended\n"
                  "sorted: 4\nsorted: 30\nsorted: 100\n",
    "actor": "ann: +10, balance 10\nbob: -3, balance 7\ncid: +5, balance 12\n",
}


def run(name, **kw):
    return subprocess.run([os.path.join(HERE, "seed-" + name)], capture_output=True, text=True,
                          timeout=20, **kw)


class Seeds(unittest.TestCase):
    def test_each_prints_what_is_expected(self):
        for name, text in SAYS.items():
            with self.subTest(name=name):
                done = run(name)
                self.assertEqual((done.stdout, done.returncode, done.stderr), (text, 0, ""))

    def test_fib_answers_each_line_of_stdin(self):
        done = run("fib", input="10\n1\n-4\n93\n")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(done.stdout, "fib(10) = 55\nfib(1) = 1\nfib: 0 to 93, not -4\n"
                         "fib(93) = 12200160415121876738\n")

    def test_a_stop_warns_of_the_task_that_has_not_ended(self):
        done = run("stop")
        self.assertEqual((done.stdout, done.returncode), ("stop\n", 0))
        self.assertIn("tasks that have not ended: 1", done.stderr)
        self.assertIn("task 'unfinished'", done.stderr)

    def test_an_error_that_nobody_awaits_is_logged_and_an_awaited_one_is_not(self):
        done = run("awaited-error")
        self.assertEqual((done.stdout, done.returncode), ("bar: foo failed\n", 0))
        self.assertIn("nobody will read this", done.stderr)
        self.assertIn("awaited-error.c:", done.stderr)
        self.assertEqual(done.stderr.count("foo failed"), 1)


if __name__ == "__main__":
    unittest.main()
