# SPDX-License-Identifier: MIT
"""deps.sh in a world of its own: dpkg-query, apt-get, sudo and id are played by scripts, and
nothing else can be found that could install or ask."""
import os
import pty
import shutil
import subprocess
import unittest

import fixture

DEPS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "deps.sh")
RUN = ["gcc", "libc6-dev", "pkg-config", "meson", "ninja-build", "python3", "liburing-dev",
       "libyaml-dev", "libedit-dev", "zlib1g-dev", "libssl-dev"]
PROMPT = "Go on? [Y/n] "
APT = "apt-get -qq "
UPDATE = APT + "update"
INSTALL = APT + "install -y --no-install-recommends "

# Each notes how it was called; apt-get as what, too: the variable that keeps it from asking.
FAKES = {
    "dpkg-query": """while read -r name status; do
    for p; do
        [ "$p" != "$name" ] || echo "$name $status"
    done
done <packages
exit 1""",
    "apt-get": """echo "apt-get $*" >>calls
[ "$DEBIAN_FRONTEND" = noninteractive ] || echo "apt-get may ask" >>calls
for p; do
    [ "$p" != "$FAILS" ] || exit 100
    case "$p" in -*|update|install) ;; *) echo "$p installed" >>packages ;; esac
done""",
    "sudo": """[ "$1" = -n ] || echo "sudo may ask" >>calls
[ -z "$PASSWORD" ] || exit 1
shift
[ "$1" != true ] || exit 0
echo sudo >>calls
exec "$@\"""",
    "id": """echo "$ID\"""",
}


class DepsTest(fixture.ProjectTest):
    def setUp(self):
        super().setUp()
        for name in "sed", "env":
            self.link(name)
        for name, text in FAKES.items():
            self.put("bin/" + name, "#!/bin/sh\n" + text + "\n")
            os.chmod(self.root + "/bin/" + name, 0o755)
        self.has(RUN)

    def link(self, name):
        os.makedirs(self.root + "/bin", exist_ok=True)
        os.symlink(shutil.which(name), self.root + "/bin/" + name)

    def lacks(self, name):
        os.unlink(self.root + "/bin/" + name)

    def has(self, packages, status="installed"):
        self.put("packages", "".join(f"{p} {status}\n" for p in packages))

    def start(self, what="run", root=True, **options):
        env = {"PATH": self.root + "/bin", "ID": "0" if root else "1000", "FAILS": "",
               "PASSWORD": "", **options.pop("env", {})}
        return subprocess.Popen(["/bin/sh", DEPS, what], env=env, cwd=self.root,
                                stderr=subprocess.PIPE, text=True, **options)

    def deps(self, *words, **env):
        """Run it without a terminal. Returns its code, stdout and stderr."""
        root = env.pop("root", True)
        with self.start(*words, root=root, env=env, stdin=subprocess.DEVNULL,
                        stdout=subprocess.PIPE) as process:
            out, err = process.communicate()
        return process.returncode, out, err

    def calls(self):
        """Since it was last asked."""
        try:
            with open(self.root + "/calls", encoding="utf-8") as f:
                lines = f.read().splitlines()
        except FileNotFoundError:
            return []
        os.unlink(self.root + "/calls")
        return lines


class WithoutTerminal(DepsTest):
    def test_with_all_there_it_is_silent_and_does_nothing(self):
        for root in True, False:
            self.assertEqual(self.deps(root=root), (0, "", ""))
            self.assertEqual(self.calls(), [])

    def test_what_is_missing_is_installed_and_the_second_time_nothing_is_left(self):
        self.has(RUN[2:])
        self.assertEqual(self.deps(), (0, "installing by apt-get: gcc libc6-dev\n", ""))
        self.assertEqual(self.calls(), [UPDATE, INSTALL + "gcc libc6-dev"])
        self.assertEqual(self.deps(), (0, "", ""))
        self.assertEqual(self.calls(), [])

    def test_a_removed_package_that_left_its_settings_is_missing(self):
        self.has(RUN, "config-files")
        self.assertEqual(self.deps()[:2], (0, f"installing by apt-get: {' '.join(RUN)}\n"))

    def test_a_package_of_a_similar_name_is_another(self):
        self.has([])
        self.deps("check")
        with open(self.root + "/packages", encoding="utf-8") as f:
            names = [line.split()[0] for line in f]
        self.assertIn("libclang-rt-14-dev", names)
        self.has(name for name in names if name != "clang")
        self.assertEqual(self.deps("check")[:2], (0, "installing by apt-get: clang\n"))

    def test_no_install_only_names_it(self):
        self.has(RUN[1:])
        install = "apt-get install -y --no-install-recommends gcc"
        for root in True, False:
            self.assertEqual(self.deps(root=root, NO_INSTALL="1"),
                             (1, "", f"missing: gcc\ninstall with: {install}\n"))
        self.has(RUN)
        self.assertEqual(self.deps(NO_INSTALL="1"), (0, "", ""))
        self.assertEqual(self.calls(), [])

    def test_a_user_installs_by_sudo_which_may_not_ask(self):
        self.has(RUN[1:])
        self.assertEqual(self.deps(root=False), (0, "installing by apt-get: gcc\n", ""))
        self.assertEqual(self.calls(), ["sudo", UPDATE, "sudo", INSTALL + "gcc"])

    def test_a_user_who_cannot_is_told_what_root_must_do(self):
        self.has(RUN[1:])
        told = ("missing: gcc\nnot root, and {}: install them first, as root:\n"
                "  apt-get install -y --no-install-recommends gcc\n")
        self.assertEqual(self.deps(root=False, PASSWORD="secret"),
                         (1, "", told.format("sudo asks for a password")))
        self.lacks("sudo")
        self.assertEqual(self.deps(root=False), (1, "", told.format("there is no sudo")))
        self.assertEqual(self.calls(), [])

    def test_root_needs_no_sudo(self):
        self.has(RUN[1:])
        self.lacks("sudo")
        self.assertEqual(self.deps()[0], 0)

    def test_a_failed_apt_get_is_told_and_its_code_kept(self):
        self.has(RUN[2:])
        for step, calls in ("update", [UPDATE]), ("install", [UPDATE, INSTALL + "gcc libc6-dev"]):
            code, _, err = self.deps(FAILS=step)
            self.assertEqual((code, err), (100, f"apt-get {step} failed (exit code 100); "
                                                "still missing: gcc libc6-dev\n"))
            self.assertEqual(self.calls(), calls)

    def test_what_is_no_debian_is_told_and_left_to_meson(self):
        self.lacks("dpkg-query")
        code, out, err = self.deps()
        self.assertEqual((code, out), (0, ""))
        self.assertEqual(err, "This is no Debian; needed here is what its packages hold: "
                              + " ".join(RUN) + "\n")
        self.assertEqual(self.calls(), [])

    def test_each_word_wants_what_it_needs(self):
        self.has([])
        wanted = {}
        for word in "run", "test", "check", "foreign", "bench", "conformance", "all":
            code, _, err = self.deps(word, NO_INSTALL="1")
            self.assertEqual(code, 1)
            wanted[word] = set(err.splitlines()[0].removeprefix("missing: ").split())
        self.assertEqual(wanted["run"], set(RUN))
        self.assertTrue(wanted["run"] < wanted["test"] < wanted["check"] < wanted["all"])
        self.assertEqual(wanted["all"], wanted["check"] | wanted["foreign"] | wanted["bench"]
                         | wanted["conformance"])

    def test_an_unknown_word_is_a_usage_error(self):
        for word in "rum", "":
            self.assertEqual(self.deps(word),
                             (2, "", "usage: deps.sh run|test|check|foreign|bench|conformance|"
                                     "all\n"))


class OnTerminal(DepsTest):
    def talk(self, answer, **env):
        """Run it on a terminal and give the answer to its question. Returns its code, what was
        shown, and stderr."""
        ours, theirs = pty.openpty()
        process = self.start(stdin=theirs, stdout=theirs, env=env)
        os.close(theirs)
        shown = b""
        try:
            while piece := os.read(ours, 4096):
                shown += piece
                if shown.endswith(PROMPT.encode()):
                    os.write(ours, answer)
        except OSError:
            pass  # EIO: nobody has the terminal any more
        os.close(ours)
        err = process.communicate()[1]
        return process.returncode, shown.decode().replace("\r\n", "\n"), err

    def test_it_asks_once(self):
        for answer in b"\n", b"y\n", b"Yes\n":
            with self.subTest(answer=answer):
                self.has(RUN[2:])
                code, shown, err = self.talk(answer)
                self.assertEqual((code, err), (0, ""))
                self.assertTrue(shown.startswith("To install by apt-get: gcc libc6-dev\n" + PROMPT))
                self.assertEqual(shown.count(PROMPT), 1)
                self.assertEqual(self.calls(), [UPDATE, INSTALL + "gcc libc6-dev"])
                self.assertEqual(self.talk(b"n\n"), (0, "", ""))

    def test_no_is_no(self):
        self.has(RUN[1:])
        for answer in b"n\n", b"No\n", b"\x04":  # the last: the end of the input
            with self.subTest(answer=answer):
                code, shown, err = self.talk(answer)
                self.assertEqual((code, err), (1, "nothing was installed\n"))
                self.assertEqual(shown.count(PROMPT), 1)
                self.assertEqual(self.calls(), [])

    def test_no_install_does_not_ask(self):
        self.has(RUN[1:])
        code, shown, err = self.talk(b"y\n", NO_INSTALL="1")
        self.assertEqual((code, shown), (1, ""))
        self.assertIn("missing: gcc\n", err)
        self.assertEqual(self.calls(), [])


if __name__ == "__main__":
    unittest.main()
