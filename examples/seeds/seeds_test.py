# SPDX-License-Identifier: MIT
"""What each of the seeds prints. WEIR_SEEDS names the folder of the programs."""
import os
import subprocess
import unittest

HERE = os.environ["WEIR_SEEDS"]
ENV = {k: v for k, v in os.environ.items() if k != "WEIR_SEED"}  # it would change the order

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
    "line-receiver": "server: PUT poem 14\nserver: GET poem\nclient: kept\nclient: line 1\n"
                     "client: line 2\nserver: lost\nserver: PUT song 2\nserver: GET song\n"
                     "server: GET poem\nclient: kept\nclient: la\nclient: what?\n"
                     "server: lost\nserver: lost, WEIR_ETOOBIG\n",
    "echo-tasks": "sent: hello\nreceived: hello\n",
    "echo-callbacks": "sent: hello\nreceived: hello\n",
    "echo-deferred": "sent: hello\nreceived: hello\nfailed: ECONNREFUSED\n",
    "echo-reactive": "server: connected\nreceived: hello\nreceived: goodbye\n"
                     "server: 2 messages, 12 bytes, end of stream\n",
    "echo-datagram": "received: hello\nreceived: \n",
    "echo-protocol": "sent: hello\nreceived: hello\n"
                     "server: connection 1 lost after 5 bytes, no error\n",
    "low-sockets": "received: hello\n",
    "dns": "localhost: [::1]:80\nlocalhost: 127.0.0.1:80\n192.0.2.7: 192.0.2.7:80\n"
           "printer: [fd00::2]:80\nprinter: 10.0.0.2:80\nnowhere: WEIR_ENONAME\n",
    "redis": "OK\nhello\n(nil)\n(integer) 1\n(integer) 2\n"
             "error: ERR value is not an integer or out of range\n",
    "smtp": "S: 220 server.example\nC: EHLO client.example\nS: 250-server.example\n"
            "S: 250-8BITMIME\nS: 250 SIZE 1000000\nC: MAIL FROM:<ann@client.example>\n"
            "S: 250 OK\nC: RCPT TO:<bob@server.example>\nS: 250 OK\nC: DATA\n"
            "S: 354 end with a dot\nC: .\n   | Subject: dinner\n   | \n   | At eight.\n"
            "   | .. or at nine?\nS: 250 taken\nC: QUIT\nS: 221 goodbye\n",
    "stm": "quick: attempt 1: committed\nslow: attempt 1: again\nslow: attempt 2: committed\n"
           "ann 70, bob 80, cid 50: 200 in all\n",
    "result-or-error": "result: 42\nerror: no answer\nawaited result: 42\n"
                       "awaited error: no answer\nchained result: 84\nchained result: 40\n",
    "rpc": "value 23: it has grown\nvalue 39: it has grown\nvalue 55: it has grown\n"
           "value 71: it has grown\nvalue 87: it has grown\nstopped at 1431\n"
           "dance: the server says 'no such function'\n",
    "fetch": "friendly/: welcome\nfriendly/zzz: HTTP/1.0 404 Not Found\n"
             "mute/: no answer within 10 s\n",
    "remote-command": "Hello\nthe command exited successfully\n"
                      "the command exited with status 127: dance: command not found\n",
    "submit": "the other thread has got 9\n",
    "logging": "collected: info robot: arm 1 goes up\n2 lines, 1 of the library\n",
    "actor": "ann: +10, balance 10\nbob: -3, balance 7\ncid: +5, balance 12\n",
}


def run(name, *words, **kw):
    return subprocess.run([os.path.join(HERE, "seed-" + name), *words], capture_output=True,
                          text=True, timeout=20, env=ENV, **kw)


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

    def test_c10k_counts_connections_that_are_open_at_once(self):
        done = run("c10k", "1000")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(done.stdout, "1000 connections at once, 2 messages\nafterwards 0\n")
        self.assertEqual(run("c10k", "none").returncode, 2)

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
