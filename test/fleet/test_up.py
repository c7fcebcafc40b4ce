# SPDX-License-Identifier: MIT
"""`weir up` on fleets of plain commands: order, readiness, ends, output."""
import contextlib
import os
import resource
import signal
import subprocess
import time
import unittest

from fleets import BLOCK, LIMIT, PREPARE, FleetTest, ancestors, free_port, say_and_wait

# A server that answers on the port of its argument until its TERM.
SERVER = ("import signal, socket, sys; s = socket.create_server(('127.0.0.1', int(sys.argv[1]))); "
          "print('serving', flush=True)\nwhile True: s.accept()")
CLIENT = "import socket, sys; socket.create_connection(('127.0.0.1', int(sys.argv[1]))).close()"
MUTE = "weir: what the nodes print cannot be written: stopping the fleet\n"


def read_terminal(fd):
    """All that was written to the other end of a terminal whose last writer has closed it."""
    text = b""
    with contextlib.suppress(OSError):  # EIO: the other end is closed
        while piece := os.read(fd, 1000):
            text += piece
    return text


class Order(FleetTest):
    def test_a_node_starts_when_what_it_depends_on_has_said_that_it_is_ready(self):
        self.fleet(c={"sh": "echo c >> log", "depends_on": "[b]"},
                   b={"sh": "echo b >> log; echo ready >&$WEIR_CONTROL_FD; " + PREPARE + BLOCK,
                      "ready": "notify", "depends_on": "[a]", "port": free_port()},
                   a={"sh": "echo a >> log; echo ready port=1 >&3", "ready": "notify"})
        self.assertEqual(self.up(), (0, "", ""))
        self.assertEqual(self.read("log"), "a\nb\nc\n")

    def test_a_node_may_speak_of_its_readiness_less_than_well(self):
        self.write("speak.py", "import os, socket, sys, time\n"
                   "s = socket.socket(fileno=int(os.environ['WEIR_CONTROL_FD']))\n"
                   "for x in eval(sys.argv[1]): s.send(x)\ntime.sleep(1000)")
        for said in ('[b"ready"]', '[b"", b"ready\\n"]', '[b"x" * 300 + b"\\n", b"ready\\n"]',
                     '[b"", b"x" * 9000, b"", b"\\n", b"ready port=5"]', '[b"ready\\r\\n"]',
                     '[b"beat\\nready"]', '[b"\\0", b"\\xff" * 256, b"ready\\n"]'):
            with self.subTest(said):
                self.fleet(a={"command": f"[python3, speak.py, '{said}']", "ready": "notify",
                              "port": 1},
                           b={"sh": "echo b", "depends_on": "[a]"})
                self.assertEqual(self.up(), (0, "b | b\n", ""))

    def test_a_command_with_a_port_is_ready_when_the_port_answers(self):
        port = free_port()
        self.write("server.py", SERVER)
        self.write("client.py", CLIENT)
        self.fleet(client={"command": f"python3 client.py {port}", "depends_on": "[server]"},
                   server={"command": f"python3 server.py {port}", "port": port})
        self.assertEqual(self.up(), (0, "server | serving\n", ""))

    def test_nodes_that_wait_for_nobody_run_at_the_same_time(self):
        self.fleet(a="mkfifo ab; echo a > ab", b="while ! test -p ab; do :; done; cat ab")
        self.assertEqual(self.up(), (0, "b | a\n", ""))

    def test_nodes_are_stopped_in_reverse_order(self):
        script = "trap 'echo %s >> log; exit 0' TERM; " + say_and_wait("echo ready >&3")
        self.fleet(a={"sh": script % "a", "ready": "notify", "port": 1},
                   c={"sh": script % "c", "ready": "notify", "port": 3, "depends_on": "[b]"},
                   b={"sh": script % "b", "ready": "notify", "port": 2, "depends_on": "[a]"},
                   end={"sh": "exit 0", "depends_on": "[c]"})
        self.assertEqual(self.up(), (0, "", ""))
        self.assertEqual(self.read("log"), "c\nb\na\n")

    def test_a_source_that_is_done_before_it_was_ready_lets_others_start(self):
        self.fleet(a={"sh": "exit 0", "ready": "notify"}, b={"sh": "echo b", "depends_on": "[a]"})
        self.assertEqual(self.up(), (0, "b | b\n", ""))


class Ends(FleetTest):
    def test_the_code_is_the_first_that_is_not_0(self):
        self.fleet(a="exit 0", b="mkfifo x; exit 3",
                   c="while ! test -p x; do :; done; exit 4")
        code, out, err = self.up()
        self.assertIn(code, (3, 4))  # told by two keepers: the one that was heard first
        self.assertEqual(sorted(err.splitlines()), ["weir: node 'b' exited with 3",
                                                    "weir: node 'c' exited with 4"])

    def test_a_failed_node_does_not_end_the_others(self):
        self.fleet(a="exit 3", b=PREPARE + "echo up; " + BLOCK)
        up = self.start("up", "-q")
        self.assertEqual(up.stderr.readline(), "weir: node 'a' exited with 3\n")
        self.assertEqual(up.stdout.readline(), "b | up\n")
        up.send_signal(signal.SIGTERM)
        self.assertEqual(self.ends(up), (0, "", ""))

    def test_a_signal_that_ends_a_node_is_its_code(self):
        self.fleet(a="kill -SEGV $$")
        self.assertEqual(self.up(),
                         (139, "", "weir: node 'a' was ended by signal 11 (Segmentation fault)\n"))

    def test_a_node_with_a_port_that_ends_early_ends_the_fleet(self):
        for script, code in (("exit 7", 7), ("exit 0", 1)):
            with self.subTest(script):
                self.fleet(a={"sh": script, "port": 1, "ready": "notify"},
                           b=PREPARE + BLOCK)
                got, _, err = self.up()
                self.assertEqual((got, err), (code, f"weir: node 'a' exited with {script[-1]}, "
                                              "though it should serve: stopping the fleet\n"))

    def test_what_cannot_run_is_told(self):
        self.fleet(a={"command": "./nothing-here"})
        self.assertEqual(self.up(), (127, "", "a | weir: cannot run './nothing-here': "
                                     "No such file or directory\nweir: node 'a' exited with 127\n"))

    def test_a_node_that_is_not_ready_in_time_ends_the_fleet(self):
        port = free_port()
        self.fleet(a={"sh": PREPARE + BLOCK, "port": port}, b={"sh": "echo b", "depends_on": "[a]"})
        self.assertEqual(self.up("--ready-within", "500ms"),
                         (1, "", f"weir: node 'a' is not ready after 500ms: nothing answers at "
                          f"localhost:{port}\n"))
        self.fleet(a={"sh": PREPARE + BLOCK, "ready": "notify"})
        self.assertEqual(self.up("--ready-within", "500ms"),
                         (1, "", "weir: node 'a' is not ready after 500ms: it has not said so\n"))

    def test_a_node_whose_dependency_failed_does_not_start(self):
        self.fleet(a={"sh": "exit 3", "ready": "notify"}, b={"sh": "echo b", "depends_on": "[a]"})
        code, out, err = self.up()
        self.assertEqual((code, out), (3, ""))
        self.assertEqual(sorted(err.splitlines()),
                         ["weir: node 'a' exited with 3",
                          "weir: node 'b' cannot start: 'a' did not become ready"])

    def test_a_fleet_that_needs_too_many_descriptors_is_told_and_stopped(self):
        self.fleet(**{f"n{i}": PREPARE + BLOCK for i in range(10)})
        up = self.start("up", "-q", preexec_fn=lambda: resource.setrlimit(
            resource.RLIMIT_NOFILE, (30, 30)))
        code, out, err = self.ends(up)
        self.assertEqual((code, out), (1, ""))
        self.assertRegex(err.splitlines()[0],
                         r"^weir: node 'n\d' cannot be started: too many open files")

    def test_what_a_node_leaves_running_ends_with_it(self):
        os.mkfifo(self.path("held"))
        self.fleet(a="exec 9>held; (setsid sh -c '(sleep 1000 & exec sleep 1001) &' &) & exit 0")
        up = self.start("up", "-q")
        with open(self.path("held"), encoding="utf-8") as held:
            self.assertEqual(held.read(), "")  # its end: nobody has it open
        self.assertEqual(self.ends(up), (0, "", ""))


class Signals(FleetTest):
    def raised(self, script="trap 'echo bye; exit 3' TERM; " + say_and_wait("echo up"), **keys):
        self.fleet(a={"sh": script, **keys})
        up = self.start("up", "-q")
        self.assertEqual(up.stdout.readline(), "a | up\n")
        return up

    def test_a_signal_stops_all_and_the_code_is_0(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with self.subTest(number):
                up = self.raised()
                up.send_signal(number)
                self.assertEqual(self.ends(up), (0, "a | bye\n", ""))

    def test_a_terminal_s_interrupt_reaches_up_alone(self):
        self.fleet(a="trap 'echo int' INT; trap 'echo bye; exit 0' TERM; "
                   + say_and_wait("echo up"))
        up = self.start("up", "-q", start_new_session=True)
        self.assertEqual(up.stdout.readline(), "a | up\n")
        os.killpg(up.pid, signal.SIGINT)
        self.assertEqual(self.ends(up), (0, "a | bye\n", ""))

    def test_who_does_not_stop_within_its_grace_is_killed(self):
        up = self.raised("trap '' TERM; echo up; while :; do sleep 1000; done", grace="50ms")
        up.send_signal(signal.SIGINT)
        self.assertEqual(self.ends(up),
                         (1, "", "weir: node 'a' did not stop within 50ms and was killed\n"))

    def test_what_was_ignored_when_it_started_stays_so(self):
        """As nohup and a script's `&` leave it; nodes have it as from a shell."""
        ignored = {signal.SIGINT: 0x2, signal.SIGHUP: 0x1, signal.SIGTERM: 0x4000}
        for number, others in (({signal.SIGINT, signal.SIGHUP}, signal.SIGTERM),
                               ({signal.SIGTERM}, signal.SIGINT)):
            def leave():
                for n in number:
                    signal.signal(n, signal.SIG_IGN)
                signal.pthread_sigmask(signal.SIG_BLOCK, {others, signal.SIGUSR1})
            self.fleet(a="grep -h Sig[BI] /proc/self/status; read x < go; echo on; exec sleep 1000")
            with contextlib.suppress(FileExistsError):
                os.mkfifo(self.path("go"))
            up = self.start("up", "-q", preexec_fn=leave)
            self.assertEqual(up.stdout.readline(), "a | SigBlk:\t0000000000000000\n")
            mask = int(up.stdout.readline().split()[-1], 16)
            for n, bit in ignored.items():
                # TERM is how a node is told to end, so that one is never ignored
                self.assertEqual(bool(mask & bit), n in number and n != signal.SIGTERM)
            for n in number:
                up.send_signal(n)
                up.send_signal(n)
            with open(self.path("go"), "w", encoding="utf-8"):
                pass
            self.assertEqual(up.stdout.readline(), "a | on\n")
            up.send_signal(others)
            self.assertEqual(self.ends(up), (0, "", ""))

    def test_a_second_signal_kills(self):
        script = "trap 'echo no' TERM; " + say_and_wait("echo up")
        for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
            with self.subTest(number):
                up = self.raised(script, grace="60m")
                up.send_signal(number)
                self.assertEqual(up.stdout.readline(), "a | no\n")
                up.send_signal(number)
                self.assertEqual(self.ends(up), (code, "", ""))

    def test_a_signal_while_nodes_start_stops_what_has_started(self):
        self.fleet(a="trap 'echo bye; exit 0' TERM; " + say_and_wait("echo up"),
                   b={"sh": PREPARE + BLOCK, "ready": "notify", "port": 1},
                   c={"sh": "echo c", "depends_on": "[b]"})
        up = self.start("up", "-q")
        self.assertEqual(up.stdout.readline(), "a | up\n")
        up.send_signal(signal.SIGTERM)
        self.assertEqual(self.ends(up), (0, "a | bye\n", ""))


class Output(FleetTest):
    def test_lines_carry_names_and_keep_their_stream(self):
        self.fleet(**{"a": "echo out; echo err >&2", "longer-1": "printf 'no end'"})
        code, out, err = self.up()
        self.assertEqual((code, sorted(out.splitlines()), err),
                         (0, ["a        | out", "longer-1 | no end"], "a        | err\n"))

    def test_color_is_for_terminals_or_by_order(self):
        self.fleet(a="echo x; echo y >&2")
        colored = ("\033[36ma |\033[0m x\n", "\033[36ma |\033[0m y\n")
        plain = ("a | x\n", "a | y\n")
        self.assertEqual(self.up()[1:], plain)
        self.assertEqual(self.up("--color", "always")[1:], colored)
        self.assertEqual(self.up("--color", "always", env={"NO_COLOR": "1"})[1:], colored)
        self.assertEqual(self.up("--color", "never")[1:], plain)
        self.assertEqual(self.run_weir("--color=always", "-q", "up")[1:], colored)
        for env, text in (({}, b"\033[36ma |\033[0m x\r\n"), ({"NO_COLOR": "1"}, b"a | x\r\n"),
                          ({"TERM": "dumb"}, b"a | x\r\n")):
            ours, theirs = os.openpty()
            up = self.start("up", "-q", env={"TERM": "xterm", "NO_COLOR": "", **env},
                            stdout=theirs)
            os.close(theirs)
            up.wait(LIMIT)
            self.assertEqual(read_terminal(ours), text)
            os.close(ours)

    def test_colours_end_with_their_line(self):
        self.fleet(a="printf '\\033[31mred\\nplain\\n\\033[32mg\\033[0m\\nopen\\033[3\\n'; "
                     "printf '\\033[1mend'")
        red, rest = "\033[31mred\033[0m", ["plain", "\033[32mg\033[0m", "open\033[3\033\\",
                                            "\033[1mend\033[0m"]
        for words, env, name in (((), {}, "a | "), (("--color", "never"), {}, "a | "),
                                 (("--color", "always"), {}, "\033[36ma |\033[0m ")):
            out = self.up(*words, env=env)[1]
            self.assertEqual(out, "".join(f"{name}{line}\n" for line in (red, *rest)))
        for env in {"NO_COLOR": "1"}, {"TERM": "dumb"}:
            ours, theirs = os.openpty()
            up = self.start("up", "-q", env=env, stdout=theirs)
            os.close(theirs)
            up.wait(LIMIT)
            self.assertEqual(read_terminal(ours).decode(),
                             "".join(f"a | {line}\r\n" for line in (red, *rest)))
            os.close(ours)

    def test_a_cut_line_is_cut_outside_of_its_colours(self):
        self.write("long.py", "print('\\033[31m' + 'x' * 9000 + '\\033[0m')\n"
                   "print('x' * 8179 + '\\033[31mred' * 10)\nprint('after')")
        self.fleet(a={"command": "python3 long.py"})
        lines = self.up()[1].splitlines()
        self.assertEqual(lines, ["a | \033[31m" + "x" * 8177 + "\033[0m ... (cut)",
                                 "a | " + "x" * 8179 + "\033[3\033\\ ... (cut)", "a | after"])

    def test_a_line_beyond_the_limit_is_cut(self):
        self.write("long.py", "print('x' * 8192)\nprint('x' * 8193)\nprint('\u00e9' * 100000)\n"
                   "print('after')")
        self.fleet(a={"command": "python3 long.py", "environment": "{PYTHONIOENCODING: utf8}"})
        code, out, err = self.up()
        lines = out.splitlines()
        self.assertEqual((code, err, len(lines)), (0, "", 4))
        self.assertEqual(lines[0], "a | " + "x" * 8192)
        self.assertEqual(lines[1], "a | " + "x" * 8182 + " ... (cut)")
        self.assertEqual(lines[2], "a | " + "\u00e9" * 4091 + " ... (cut)")
        self.assertEqual(lines[3], "a | after")

    def test_bytes_that_are_no_text_pass(self):
        self.write("bytes.py", "import os\nos.write(1, b'\\x80' * 10000 + b'\\n\\0\\xff\\n\\n')")
        self.fleet(a={"command": "python3 bytes.py"})
        up = subprocess.run([os.environ["WEIR"], "up", "-q"], cwd=self.folder, timeout=LIMIT,
                            capture_output=True, check=False)
        lines = up.stdout.split(b"\n")
        self.assertEqual((up.returncode, up.stderr, len(lines)), (0, b"", 4))
        self.assertTrue(lines[0].startswith(b"a | \x80") and lines[0].endswith(b" ... (cut)"))
        self.assertEqual(lines[1:], [b"a | \0\xff", b"a | ", b""])

    def test_many_lines_of_many_nodes_stay_whole(self):
        self.fleet(**{f"n{i}": f"seq -f 'line %g of {i}' 500" for i in range(8)})
        code, out, err = self.up()
        self.assertEqual((code, err), (0, ""))
        for i in range(8):
            own = [line for line in out.splitlines() if line.startswith(f"n{i} ")]
            self.assertEqual(own, [f"n{i} | line {k} of {i}" for k in range(1, 501)])

    def test_signals_are_heard_while_lines_never_end(self):
        self.fleet(a={"command": "'yes'"}, b={"sh": "echo up >&2; yes"})
        up = self.start("up", "-q", stdout=subprocess.DEVNULL)
        self.assertEqual(up.stderr.readline(), "b | up\n")
        up.send_signal(signal.SIGINT)
        self.assertEqual((up.wait(LIMIT), up.stderr.read()), (0, ""))

    def test_a_closed_output_ends_the_fleet(self):
        self.fleet(a="while :; do echo x; done")
        up = self.start("up", "-q")
        self.assertEqual(up.stdout.readline(), "a | x\n")
        up.stdout.close()
        self.assertEqual((up.wait(LIMIT), up.stderr.read()), (1, MUTE))

    def test_without_any_reader_it_ends_too(self):
        self.fleet(a="while :; do echo x; done")
        up = self.start("up", "-q", stderr=subprocess.STDOUT)
        self.assertEqual(up.stdout.readline(), "a | x\n")
        up.stdout.close()
        self.assertEqual(up.wait(LIMIT), 1)

    def test_what_cannot_be_printed_is_no_success(self):
        with open("/dev/full", "w", encoding="utf-8") as full:
            self.fleet(a="echo x; exec sleep 1000")
            self.assertEqual(self.ends(self.start("up", stdout=full)), (1, None, MUTE))
            self.fleet(a="exit 0")  # says nothing: there is only the summary
            for words in ("up",), ("up", "--dry-run"):
                self.assertEqual(self.ends(self.start(*words, stdout=full)),
                                 (1, None, "weir up: cannot print: no space left on device "
                                           "(ENOSPC)\n"))

    def test_a_slow_reader_loses_nothing_and_delays_no_stop(self):
        os.mkfifo(self.path("held"))
        self.fleet(a="exec 9>held; seq -f 'line %g' 9000; exit 3",  # twice what a pipe takes
                   b={"sh": "exec 9>held; echo ready >&3; exec sleep 1000", "ready": "notify",
                      "port": 1})
        up = self.start("up", "-q")
        with open(self.path("held"), encoding="utf-8") as held:
            self.assertEqual(held.read(), "")
        time.sleep(1.5)  # longer than `up` listens to copies of a dead node's pipes
        code, out, err = self.ends(up)
        self.assertEqual((code, err), (3, "weir: node 'a' exited with 3\n"))
        self.assertEqual(out.splitlines(), [f"a | line {i}" for i in range(1, 9001)])

    def test_signals_end_it_even_if_nobody_reads(self):
        os.mkfifo(self.path("held"))
        self.fleet(a="exec 9>held; seq -f 'line %g' 9000")
        up = self.start("up", "-q")
        with open(self.path("held"), encoding="utf-8") as held:
            self.assertEqual(held.read(), "")
        while up.poll() is None:
            up.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                up.wait(0.1)
        self.assertEqual((up.returncode, up.stderr.read()), (130, ""))

    def test_signals_are_heard_to_the_very_end(self):
        os.mkfifo(self.path("held"))
        os.mkfifo(self.path("go"))
        self.fleet(a="exec 9>held; echo $PPID >&9; read x <go; seq -f 'line %g' 9000")
        up = self.start("up", "-q")
        with open(self.path("held"), encoding="utf-8") as held:
            guard = ancestors(int(held.readline()))[0]
            with open(self.path("go"), "w", encoding="utf-8"):
                pass
            self.assertEqual(held.read(), "")
        while self.sockets(guard) > 1:  # it has seen the end of the node
            pass
        while up.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(guard, signal.SIGSTOP)  # so that `up`, when all is over, waits for it
            up.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                up.wait(0.01)
        self.assertEqual(up.returncode, 130)
        self.assertRegex(up.stderr.read(), "^(weir: the guard process was stopped by a signal, and "
                                           "continued\n)?$")

    def sockets(self, pid):
        folder = f"/proc/{pid}/fd/"
        count = 0
        for name in os.listdir(folder):
            with contextlib.suppress(FileNotFoundError):
                count += os.readlink(folder + name).startswith("socket:")
        return count

    def test_the_summary_tells_what_nodes_counted(self):
        self.fleet(a="echo stat messages=12 acks=11 errors=1 p50_us=41 p99_us=12345 >&3; exit 3",
                   b={"sh": PREPARE + "echo ready >&3; " + BLOCK, "port": 1, "ready": "notify"})
        code, out, err = self.run_weir("up")
        self.assertEqual(code, 3)
        self.assertEqual(out,
                         "node  messages      acks  errors        p50        p99  exit\n"
                         "a           12        11       1      41 us      12 ms  3\n"
                         "b            -         -       -          -          -  stopped\n")

    def exit_column(self, out):
        *_, head, row = out.splitlines()
        return row[head.index("exit"):]

    def test_summary_and_messages_say_the_same_of_an_end(self):
        stubborn = "(trap '' TERM; echo up; exec sleep 1000) & "
        for script, end, told in (
                (f"{stubborn} exec sleep 1001", "killed", ""),
                (f"trap 'exit 4' TERM; {stubborn} while :; do wait; done", "4, killed", ""),
                ("trap '' TERM; echo up; while :; do sleep 1002; done", "killed", ""),
                ("echo up; exec sleep 1003", "stopped", None)):
            with self.subTest(script):
                self.fleet(a={"sh": script, "grace": "50ms"})
                up = self.start("up")
                self.assertEqual(up.stdout.readline(), "a | up\n")
                up.send_signal(signal.SIGTERM)
                code, out, err = self.ends(up)
                self.assertEqual(self.exit_column(out), end)
                self.assertEqual((code, err), (0 if told is None else 1, (
                    "weir: Terminated: stopping the fleet; once more kills it\n"
                    + ("" if told is None else
                       f"weir: node 'a'{told} did not stop within 50ms and was killed\n"))))
        self.fleet(a={"sh": f"{stubborn} sleep 0.1; exit 5", "grace": "50ms"})
        code, out, err = self.run_weir("up")
        self.assertEqual((code, self.exit_column(out)), (5, "5, killed"))
        self.assertIn("weir: node 'a': what it left did not stop within 50ms and was killed\n", err)

    def test_a_node_whose_heart_stops_is_told_once(self):
        self.fleet(a="echo beat >&3; " + PREPARE + BLOCK)
        up = self.start("up", "-q")
        self.assertEqual(up.stderr.readline(), "weir: node 'a' has sent no heartbeat for 5s\n")
        up.send_signal(signal.SIGTERM)
        self.assertEqual(self.ends(up), (0, "", ""))


class Launches(FleetTest):
    def test_dry_run_prints_the_plan_and_starts_nothing(self):
        self.fleet(clock={"source": "clock", "with": "{tacks: 3}", "depends_on": "[iopin]"},
                   iopin={"worker": "iopin", "port": 8765, "grace": "1500ms",
                          "with": '{chance: "0.6"}'},
                   log={"command": "sh -c 'touch \"it''s\"' ''", "port": 90, "host": "'::1'"},
                   mine={"worker": "./mine", "port": 91, "connections_max": 20000,
                         "origins": "[http://a, 'https://b:1']"},
                   shared={"worker": "./x.so", "port": 92, "origins": "null"})
        self.write("mine", "", 0o755)
        self.write("x.so", "")
        self.assertEqual(self.run_weir("up", "--dry-run"), (0, """\
fleet test: 5 nodes, started in this order
iopin   weir iopin --host localhost --port 8765 --with chance=0.6
        ready when it says so; grace 1500ms
clock   weir clock --with tacks=3
        ready when it says so; grace 5s; after iopin
log     sh -c 'touch "its"' ''
        ready when its port answers; grace 5s
mine    ./mine --host localhost --port 91 --connections-max 20000 --origin http://a \
--origin https://b:1
        ready when it says so; grace 5s
shared  weir run ./x.so --host localhost --port 92 --origin null
        ready when it says so; grace 5s
WEIR_GRID=iopin=localhost:8765,blink=localhost:8765,log=[::1]:90,mine=localhost:91,\
shared=localhost:92
""", ""))

    def test_a_worker_of_one_s_own_gets_host_port_and_parameters(self):
        self.write("mine", "#!/bin/sh\necho \"$@\"\necho ready >&3\n" + PREPARE + BLOCK, 0o755)
        self.fleet(mine={"worker": "./mine", "port": 91, "with": '{sound: "buzz buzz"}'},
                   end={"sh": "exit 0", "depends_on": "[mine]"})
        self.assertEqual(self.up(),
                         (0, "mine | --host localhost --port 91 --with sound=buzz buzz\n", ""))

    def test_insecure_is_handed_to_workers(self):
        self.fleet(pin={"worker": "iopin", "port": 91, "host": "'*'"}, clock={"source": "clock"})
        out = self.run_weir("up", "--dry-run", "--insecure")[1]
        self.assertIn("pin    weir iopin --host '*' --port 91 --insecure\n", out)
        self.assertIn("clock  weir clock\n", out)
        self.assertIn("WEIR_GRID=pin=localhost:91,blink=localhost:91\n", out)

    def test_it_runs_without_standard_descriptors(self):
        self.fleet(a="echo x > said; echo y; echo z >&2")
        up = subprocess.run(["sh", "-c", 'exec "$WEIR" up <&- >&- 2>&-'], cwd=self.folder,
                            timeout=LIMIT, check=False)
        self.assertEqual((up.returncode, self.read("said")), (0, "x\n"))

    def test_nodes_run_in_the_folder_of_the_file_with_its_environment(self):
        path = self.fleet(a={"sh": 'pwd; echo "$A-$WEIR_GRID-$WEIR_BACKEND"',
                             "environment": "[A=1 2]"})
        up = subprocess.run([os.environ["WEIR"], "up", "-q", "-f", path, "--backend", "epoll"],
                            cwd="/", text=True, capture_output=True, timeout=LIMIT, check=False)
        self.assertEqual(up.stdout, f"a | {os.path.realpath(self.folder)}\na | 1 2--epoll\n")

    def test_the_file_has_the_last_word_on_the_environment(self):
        self.fleet(a={"sh": 'echo "$WEIR_GRID $WEIR_BACKEND"',
                      "environment": "{WEIR_GRID: x=y:1, WEIR_BACKEND: z}"})
        self.assertEqual(self.up("--backend", "epoll"), (0, "a | x=y:1 z\n", ""))

    def test_stdin_is_empty(self):
        self.fleet(a="cat; echo done")
        self.assertEqual(self.up(), (0, "a | done\n", ""))


class Mistakes(FleetTest):
    def test_a_bad_file_is_told_with_line_and_column(self):
        self.write("fleet.yml", "fleet: t\nnodes:\n  a:\n    comand: x\n")
        self.assertEqual(self.up(), (1, "", "fleet.yml:4:5: unknown key 'comand'; "
                                     "did you mean 'command'?\n"))

    def test_no_file_is_told(self):
        self.assertEqual(self.up(), (3, "", "weir up: no fleet.yaml or fleet.yml here: "
                                     "name a file with -f\n"))
        self.assertEqual(self.up("-f", "x.yaml"), (3, "", "weir up: cannot read 'x.yaml': "
                                                   "no such file or directory\n"))

    def test_bad_options_are_usage_errors(self):
        for args, text in ((["--flie", "x"], "unknown option '--flie'; did you mean '--file'?"),
                           (["-x"], "unknown option '-x'"),
                           (["-f"], "option '-f' wants a value"),
                           (["--dry-run=1"], "option '--dry-run=1' takes no value"),
                           (["--color", "blue"],
                            "--color wants auto, always or never, not 'blue'"),
                           (["--ready-within", "5"],
                            "--ready-within wants a time such as 500ms or 5s, not '5'"),
                           (["x.yaml"], "unexpected 'x.yaml' (the file is named with -f)")):
            with self.subTest(args):
                self.assertEqual(self.up(*args), (2, "", f"weir up: {text}\n"))

    def test_a_backend_that_is_none_is_a_usage_error(self):
        self.fleet(a="exit 0")
        for name in "kqueue", "", "EPOLL", "sim":
            for who, *words in (("weir up", "up"), ("weir send", "send"), ("weir clock", "clock"),
                                ("weir iopin", "iopin"), ("weir buzzer", "buzzer")):
                self.assertEqual(self.run_weir(*words, "--backend", name), (
                    2, "", f"{who}: a backend is epoll or uring, not '{name}'\n"))

    def test_workers_that_are_not_there_are_all_told_before_anything_starts(self):
        os.mkdir(self.path("folder"))
        self.write("mine", "")
        self.write("here.so", "")
        self.fleet(a="touch started", b={"worker": "./nope", "port": 2},
                   c={"worker": "./nope.so", "port": 3}, d={"source": "./folder/"},
                   e={"worker": "./mine", "port": 4}, f={"worker": "./here.so", "port": 5},
                   g={"worker": "/dev/null", "port": 6})
        told = "".join(f"fleet.yaml:{line}:13: node '{node}' cannot run '{what}': {why}\n"
                       for line, node, what, why in (
                           (10, "b", "./nope", "No such file or directory"),
                           (13, "c", "./nope.so", "No such file or directory"),
                           (16, "d", "./folder/", "Is a directory"),
                           (18, "e", "./mine", "Permission denied"),
                           (24, "g", "/dev/null", "it is no file")))
        if os.geteuid() == 0:  # may run nothing that has no x at all, as everybody
            self.assertFalse(os.access(self.path("mine"), os.X_OK))
        self.assertEqual(self.up(), (1, "", told))
        self.assertEqual(self.up("--dry-run"), (1, "", told))
        self.assertFalse(os.path.exists(self.path("started")))

    def test_a_file_that_nobody_writes_is_not_waited_for(self):
        os.mkfifo(self.path("fifo"))
        self.assertEqual(self.up("-f", "fifo"), (
            1, "", "weir up: cannot read 'fifo': nothing came from it for 5s\n"))

    def test_a_file_may_be_a_fifo_or_standard_input(self):
        text = "\ufefffleet: t\nnodes: {a: {command: echo x}}\n"
        os.mkfifo(self.path("fifo"))
        up = self.start("up", "-q", "-f", "fifo")
        with open(self.path("fifo"), "w", encoding="utf-8") as fifo:
            fifo.write(text)
        self.assertEqual(self.ends(up), (0, "a | x\n", ""))
        problem = "<stdin>:2:1: unknown key 'nods'; did you mean 'nodes'?\n"
        for words, wanted in ((text, (0, "a | x\n", "")),
                              ("fleet: t\nnods: 1\n", (1, "", problem))):
            done = subprocess.run([os.environ["WEIR"], "up", "-q", "-f", "-"], input=words,
                                  cwd=self.folder, text=True, capture_output=True, timeout=LIMIT,
                                  check=False)
            self.assertEqual((done.returncode, done.stdout, done.stderr), wanted)

    def test_what_is_no_file_is_told(self):
        for path, told in (("/", "weir up: cannot read '/': is a directory\n"),
                           ("/dev/zero", "/dev/zero:1:1: larger than 256 KiB\n"),
                           ("/dev/null", "/dev/null:1:1: the file is empty\n")):
            self.assertEqual(self.up("-f", path), (1, "", told))


if __name__ == "__main__":
    unittest.main()
