# SPDX-License-Identifier: MIT
"""The scripts of `make install`, on a small project: the prefix that is asked for is the one that
is used, and the dynamic linker is told where that matters. WEIR_MESON: the command of Meson."""
import os
import subprocess
import tempfile
import unittest

TOOLS = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))) + "/tools"
PROJECT = """project('x', meson_version: '>= 1.0')
install_data('meson.build', install_dir: 'share')
meson.add_install_script('ldconfig.sh', get_option('libdir'), skip_if_destdir: true)
"""
LDCONFIG = """#!/bin/sh
case "$*" in
*-v*) printf '/usr/local/lib: (from x)\\n\\tlibx.so\\n/lib: (from <builtin>:0)\\n' ;;
*) echo called >>"$LOG" ;;
esac
"""


class ScriptsTest(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.root = holder.name
        self.log = self.root + "/log"
        os.mkdir(self.root + "/bin")
        self.put("bin/ldconfig", LDCONFIG)
        # Where `meson` is another name in a test run, the script finds it as that.
        self.put("bin/meson", f'#!/bin/sh\nexec {os.environ["WEIR_MESON"]} "$@"\n')
        self.env = dict(os.environ, PATH=f"{self.root}/bin:{os.environ['PATH']}", LOG=self.log)

    def put(self, name, text):
        with open(f"{self.root}/{name}", "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(f"{self.root}/{name}", 0o755)

    def run_(self, *command, **more):
        return subprocess.run(command, env=dict(self.env, **more), cwd=self.root, text=True,
                              check=True, capture_output=True).stdout

    def set_up(self, prefix):
        self.put("meson.build", PROJECT)
        with open(TOOLS + "/ldconfig.sh", encoding="utf-8") as f:
            self.put("ldconfig.sh", f.read())
        self.run_("meson", "setup", "build", "--prefix=" + prefix, "--libdir=lib")

    def install(self, prefix, *options):
        self.run_(TOOLS + "/prefix.sh", "build", prefix)
        return self.run_("meson", "install", "-C", "build", "--no-rebuild", *options)

    def test_a_new_prefix_is_used(self):
        self.set_up("/usr/local")
        self.install(self.root + "/a")
        self.install(self.root + "/b")
        for name in "ab":
            self.assertTrue(os.path.exists(f"{self.root}/{name}/share/meson.build"))

    def test_the_same_prefix_changes_nothing(self):
        self.set_up("/usr/local")
        before = os.stat(self.root + "/build/build.ninja").st_mtime_ns
        self.run_(TOOLS + "/prefix.sh", "build", "/usr/local")
        self.assertEqual(os.stat(self.root + "/build/build.ninja").st_mtime_ns, before)

    def test_with_destdir_nothing_else_is_touched(self):
        self.set_up("/usr/local")
        self.install("/usr/local", "--destdir", self.root + "/dest")
        self.assertTrue(os.path.exists(self.root + "/dest/usr/local/share/meson.build"))
        self.assertFalse(os.path.exists(self.log))

    @unittest.skipUnless(os.access("/etc/ld.so.cache", os.W_OK), "root's business")
    def test_the_linker_is_told_of_what_it_searches(self):
        for prefix, libdir, told in (("/usr/local", "lib", True), ("/usr", "lib", True),
                                     ("/opt/x", "lib", False), ("/usr/local", "lib/x", False)):
            with self.subTest(prefix=prefix, libdir=libdir):
                self.run_(TOOLS + "/ldconfig.sh", libdir, MESON_INSTALL_PREFIX=prefix)
                self.assertEqual(os.path.exists(self.log), told)
                if told:
                    os.unlink(self.log)


if __name__ == "__main__":
    unittest.main()
