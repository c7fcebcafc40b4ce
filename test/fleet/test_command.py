# SPDX-License-Identifier: MIT
"""The command itself: help, version, words and options that are none."""
import os
import re
import unittest

from fleets import FleetTest

PAGE = os.path.dirname(os.path.abspath(__file__)) + "/../../doc/man/weir-fleet.5"
ARTICLES_LINE = "unknown sketch, please choose clock, iopin or buzzer\n"


class Command(FleetTest):
    def test_version(self):
        for flag in ("-V", "--version"):
            code, out, err = self.run_weir(flag)
            self.assertEqual((code, err), (0, ""))
            self.assertRegex(out, r"^weir \d+\.\d+\.\d+\n$")

    def test_help_lists_commands_that_have_help(self):
        code, out, err = self.run_weir("--help")
        self.assertEqual((code, err), (0, ""))
        self.assertEqual(self.run_weir("-h"), (0, out, ""))
        commands = re.findall(r"^  ([a-z]+) ", out, re.M)
        self.assertIn("up", commands)
        for name in commands:
            code, out, err = self.run_weir(name, "--help")
            self.assertEqual((code, err), (0, ""))
            self.assertTrue(out.startswith(f"usage: weir {name}"))
            self.assertLess(max(map(len, out.splitlines())), 101)

    def test_what_cannot_be_printed_is_no_success(self):
        for who, *words in (("weir", "--version"), ("weir", "--help"), ("weir send", "send", "-h"),
                            ("weir run", "run", "-h"), ("weir buzzer", "buzzer", "-h")):
            with self.subTest(words=words), open("/dev/full", "w", encoding="utf-8") as full:
                weir = self.start(*words, stdout=full)
                self.assertEqual(self.ends(weir), (1, None, f"{who}: cannot print: no space left "
                                                            "on device (ENOSPC)\n"))

    def test_the_example_of_the_manual_page_is_a_fleet(self):
        with open(PAGE, encoding="utf-8") as f:
            example = re.search(r"(?s)\.Bd -literal[^\n]*\n(fleet:.*?)\.Ed", f.read()).group(1)
        self.write("fleet.yaml", example)
        self.write("pin.so", "")
        code, out, err = self.run_weir("up", "--dry-run")
        self.assertEqual((code, err), (0, ""))
        self.assertTrue(out.startswith("fleet example: 4 nodes"))

    def test_a_fleet_file_with_an_error_is_a_failure(self):
        self.write("fleet.yaml", "fleet: t\n")
        code, out, err = self.run_weir("up")
        self.assertEqual((code, out), (1, ""))
        self.assertIn("fleet.yaml:1:1: key 'nodes' is missing", err)

    def test_explain_says_what_each_error_means(self):
        code, out, err = self.run_weir("explain")
        self.assertEqual((code, err), (0, ""))
        names = re.findall(r"^(WEIR_E\w+) +(-\d+)  \S", out, re.M)
        self.assertGreater(len(names), 25)
        for name, number in names:
            code, out, err = self.run_weir("explain", name)
            self.assertEqual((code, err), (0, ""))
            self.assertTrue(out.startswith(f"{name} ({number}): "), out)
            self.assertGreater(len(out.splitlines()), 1, f"{name} has no advice")
            self.assertLess(max(map(len, out.splitlines()[1:])), 81)

    def test_explain_takes_names_and_numbers(self):
        _, reset, _ = self.run_weir("explain", "ECONNRESET")
        self.assertTrue(reset.startswith("ECONNRESET (-104): "), reset)
        for word in ("-104", "104", "econnreset"):
            self.assertEqual(self.run_weir("explain", word), (0, reset, ""))
        _, torn, _ = self.run_weir("explain", "WEIR_ETORN")
        self.assertEqual(self.run_weir("explain", "etorn"), (0, torn, ""))
        self.assertEqual(self.run_weir("explain", "etorn", "104"), (0, torn + reset, ""))

    def test_explain_refuses_what_is_no_error(self):
        self.assertEqual(self.run_weir("explain", "ECONREFUSED"),
                         (3, "", "weir explain: no error 'ECONREFUSED'; did you mean "
                                 "'ECONNREFUSED'?\n"))
        for word in ("99999999999999999999", "0", "4000", "", "?"):
            self.assertEqual(self.run_weir("explain", word),
                             (3, "", f"weir explain: no error '{word}'\n"))

    def test_doctor_tries_the_backends_and_says_why(self):
        code, out, err = self.run_weir("doctor")
        self.assertEqual((code, err), (0, ""))
        self.assertRegex(out, r"(?m)^  uring +(yes|no) +\S.*$")
        self.assertRegex(out, r"(?m)^  epoll +yes +\S.*$")
        self.assertRegex(out, r"(?m)^  chosen: (uring|epoll)$")
        self.assertRegex(out, r"(?m)^  stack guards +(yes|no) +by m")
        self.assertRegex(out, r"(?m)^  open descriptors +\d")
        code, out, err = self.run_weir("doctor", env={"WEIR_BACKEND": "epoll"})
        self.assertRegex(out, r"(?m)^  chosen: epoll, by WEIR_BACKEND$")
        code, out, err = self.run_weir("doctor", env={"WEIR_BACKEND": "nonsense"})
        self.assertEqual((code, err), (1, "weir doctor: no backend works here\n"))
        self.assertIn("no backend 'nonsense'", out)
        self.assertEqual(self.run_weir("doctor", "me")[0], 2)

    def test_no_word_is_a_usage_error(self):
        code, out, err = self.run_weir()
        self.assertEqual((code, out), (2, ""))
        self.assertTrue(err.startswith("usage: weir COMMAND"))

    def test_an_unknown_word_names_the_nearest_that_exists(self):
        self.assertEqual(self.run_weir("upp"), (1, ARTICLES_LINE, "weir: no command or sketch "
                                                "'upp'; did you mean 'up'?\n"))
        self.assertEqual(self.run_weir("frobnicate"),
                         (1, ARTICLES_LINE, "weir: no command or sketch 'frobnicate'\n"))
        self.assertEqual(self.run_weir(""), (1, ARTICLES_LINE, "weir: no command or sketch ''\n"))

    def test_unknown_options_name_the_nearest(self):
        self.assertEqual(self.run_weir("--versoin"),
                         (2, "", "weir: unknown option '--versoin'; did you mean '--version'?\n"))
        self.assertEqual(self.run_weir("-x"), (2, "", "weir: unknown option '-x'\n"))
        self.assertEqual(self.run_weir("--color"),
                         (2, "", "weir: option '--color' wants a value\n"))


if __name__ == "__main__":
    unittest.main()
