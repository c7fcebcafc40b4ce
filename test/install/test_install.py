# SPDX-License-Identifier: MIT
"""Installs the build into a temporary folder and uses it as a stranger would. The environment
names the build folder (WEIR_BUILD), the command that runs Meson (WEIR_MESON), and the libraries
that libweir.so may need beside the dynamic linker (WEIR_NEEDS)."""
import glob
import os
import re
import subprocess
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
STRICT = ["-Wall", "-Wextra", "-Werror"]


def run(*command, **options):
    return subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE, **options).stdout


def symbols_needed(so, tag):
    return set(re.findall(rf"\({tag}\).*\[(.*)\]", run("readelf", "-d", so)))


class InstallTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        holder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(holder.cleanup)
        cls.root = holder.name
        with open(cls.root + "/ldconfig", "w", encoding="ascii") as f:
            f.write(f"#!/bin/sh\ntouch {cls.root}/ldconfig-was-called\n")
        os.chmod(cls.root + "/ldconfig", 0o755)
        run(*os.environ["WEIR_MESON"].split(), "install", "-C", os.environ["WEIR_BUILD"],
            "--no-rebuild", "--quiet", "--destdir", cls.root,
            env=dict(os.environ, PATH=cls.root + ":" + os.environ["PATH"]))
        pc, = glob.glob(cls.root + "/**/weir.pc", recursive=True)
        cls.libdir = os.path.dirname(os.path.dirname(pc))
        cls.headers = os.path.dirname(glob.glob(cls.root + "/**/weir/base.h", recursive=True)[0])
        cls.env = dict(os.environ, PKG_CONFIG_SYSROOT_DIR=cls.root, LD_LIBRARY_PATH=cls.libdir,
                       PKG_CONFIG_PATH=os.path.dirname(pc), PKG_CONFIG_ALLOW_SYSTEM_CFLAGS="1")

    def pkg_config(self, *words):
        return run("pkg-config", *words, env=self.env).split()

    def build(self, compiler, source, name, libs, package="weir"):
        program = f"{self.root}/{name}"
        run(*compiler, *STRICT, *self.pkg_config("--cflags", package), "-o", program,
            os.path.join(HERE, source), *libs, env=self.env)
        return program

    def build_and_run(self, compiler, source, libs, package="weir"):
        return run(self.build(compiler, source, "hello", libs, package), env=self.env)

    def test_c11_with_the_shared_library(self):
        libs = self.pkg_config("--libs", "weir")
        self.assertEqual(self.build_and_run(["cc", "-std=c11"], "hello.c", libs), "hello world\n")
        self.assertIn("libweir.so.0", symbols_needed(self.root + "/hello", "NEEDED"))

    def static_libs(self):
        return [f"-l:lib{lib[2:]}.a" if lib.startswith("-lweir") else lib
                for lib in self.pkg_config("--static", "--libs", "weir")]

    def test_c11_with_the_static_library(self):
        out = self.build_and_run(["cc", "-std=c11"], "hello.c", self.static_libs())
        self.assertEqual(out, "hello world\n")
        self.assertNotIn("libweir.so.0", symbols_needed(self.root + "/hello", "NEEDED"))

    def test_libweir_test_as_an_archive(self):
        """A linker takes from it only what something names: that must suffice for a simulation."""
        libs = ["-l:libweir-test.a", *self.static_libs()]
        out = self.build_and_run(["cc", "-std=c11"], "simulated.c", libs, "weir-test")
        self.assertEqual(out, "an hour has passed, and a fault struck\n")

    def test_cxx17_with_both(self):
        for libs in (self.pkg_config("--libs", "weir"), self.static_libs()):
            out = self.build_and_run(["c++", "-std=c++17"], "hello.cpp", libs)
            self.assertEqual(out, "hello world\n")

    def beside(self):
        """The libraries beside libweir that this build has: each gives it one thing more."""
        return [name for name in ("weir-zlib", "weir-tls")
                if os.path.exists(f"{self.libdir}/lib{name}.so")]

    def test_a_library_beside_libweir_is_found_when_it_is_linked(self):
        """Although the program names nothing of it; as a shared library, and as an archive."""
        for package in self.beside():
            shared = self.pkg_config("--libs", package)
            static = [f"-Wl,-u,{package.replace('-', '__')}_anchor", f"-l:lib{package}.a",
                      *[word for word in self.pkg_config("--static", "--libs", package)
                        if "-lweir" not in word], *self.static_libs()]
            for libs, has in ((self.pkg_config("--libs", "weir"), "no"), (shared, "yes"),
                              (static, "yes")):
                with self.subTest(package=package, libs=libs):
                    out = self.build_and_run(["cc", "-std=c11", f"-D{package[5:].upper()}"],
                                             "beside.c", libs)
                    self.assertEqual(out, f"{package}: {has}\n")

    def test_without_the_library_an_error_names_it(self):
        for libs in (self.pkg_config("--libs", "weir"), self.static_libs()):
            out = self.build_and_run(["cc", "-std=c11"], "tls.c", libs)
            self.assertIn("ENOTLS\n", out)
            self.assertIn("pkg-config --libs weir-tls", out)

    def weir(self):
        if not os.path.exists(os.environ["WEIR_BUILD"] + "/weir"):
            self.skipTest("built without the command")
        path, = glob.glob(self.root + "/**/bin/weir", recursive=True)
        return path

    def test_the_page_of_the_command_has_its_options(self):
        """Section by section: `.Ss weir up` and what `weir up --help` says."""
        page, = glob.glob(self.root + "/**/man1/weir.1", recursive=True)
        with open(page, encoding="utf-8") as f:
            sections = re.split(r"(?m)^\.S[sh] ", f.read())
        described = {}
        for text in sections:
            for name in re.findall(r"weir (\w+)", text.split("\n")[0]):
                described[name] = set(re.findall(r"Fl -([a-z-]+)", text))
        self.assertEqual(len(described), 11)
        for name, options in described.items():
            told = set(re.findall(r" --([a-z-]+)", run(self.weir(), name, "--help")))
            if name == "run":  # refers to a worker's
                continue
            self.assertEqual(options | {"help"}, told, name)

    def worker_answers(self, *command):
        weir = self.weir()
        worker = subprocess.Popen([weir if word == "weir" else word for word in command] +
                                  ["-p", "0"], env=self.env, text=True, stdout=subprocess.PIPE)
        self.addCleanup(worker.stdout.close)
        self.addCleanup(worker.wait)
        self.addCleanup(worker.kill)
        serving = (re.search(r"serving on localhost:(\d+)", line) for line in worker.stdout)
        port = next(found for found in serving if found).group(1)
        self.assertEqual(run(weir, "send", f"ws://localhost:{port}/", "hello"), "got 5 bytes\n")
        worker.terminate()
        self.assertEqual(worker.wait(20), 0)

    def test_a_worker_as_a_program(self):
        for compiler, source in ((["cc", "-std=c11"], "worker.c"),
                                 (["c++", "-std=c++17"], "worker.cpp")):
            for libs in (self.pkg_config("--libs", "weir"), self.static_libs()):
                with self.subTest(source=source, libs=libs):
                    self.worker_answers(self.build(compiler, source, "worker", libs))

    def test_a_worker_as_a_shared_object(self):
        """Also one that names libweir.so: its calls still go to the copy inside the command."""
        for compiler, source in ((["cc", "-std=c11"], "worker.c"),
                                 (["c++", "-std=c++17"], "worker.cpp")):
            for libs in ([], self.pkg_config("--libs", "weir")):
                with self.subTest(source=source, libs=libs):
                    so = self.build([*compiler, "-shared", "-fPIC"], source, "worker.so", libs)
                    self.worker_answers("weir", "run", so)

    def test_with_the_test_library(self):
        libs = ["-Wl,--no-as-needed", *self.pkg_config("--libs", "weir-test")]
        out = self.build_and_run(["cc", "-std=c11"], "hello.c", libs, "weir-test")
        self.assertEqual(out, "hello world\n")

    def test_pkg_config_hands_on_the_flags_that_stacks_need(self):
        flags = self.pkg_config("--cflags", "weir")
        self.assertIn("-fno-omit-frame-pointer", flags)
        self.assertIn("-fstack-clash-protection", flags)

    def test_shared_linking_asks_for_no_pc_file_but_ours(self):
        """As where liburing's library is there, but not what is needed to build with it."""
        env = dict(self.env, PKG_CONFIG_LIBDIR=self.env["PKG_CONFIG_PATH"])
        for package in ("weir", "weir-test", "weir-http", *self.beside()):
            for words in (["--cflags", "--libs"], ["--exists"], ["--modversion"],
                          ["--libs", "--static"]):
                with self.subTest(package=package, words=words):
                    run("pkg-config", *words, package, env=env)
        libs = run("pkg-config", "--libs", "weir", env=env).split()
        self.assertNotIn("-luring", libs)
        self.assertEqual(self.build_and_run(["cc", "-std=c11"], "hello.c", libs), "hello world\n")

    def test_static_linking_is_given_all(self):
        libs = self.pkg_config("--static", "--libs", "weir")
        self.assertIn("-pthread", libs)
        self.assertEqual("-luring" in libs, "liburing.so.2" in os.environ["WEIR_NEEDS"].split())

    def test_each_header_compiles_alone(self):
        for header in sorted(os.listdir(self.headers)):
            line = f"#include <weir/{header}>\n"
            for compiler in (["cc", "-std=c11", "-x", "c"], ["c++", "-std=c++17", "-x", "c++"]):
                with self.subTest(header=header, compiler=compiler[0]):
                    run(*compiler, *STRICT, "-Wpedantic", "-fsyntax-only",
                        *self.pkg_config("--cflags", "weir"), "-", input=line)

    def test_weir_go_in_cpp_says_what_to_write(self):
        for call, last in (("weir_go(g, work, .x = 1)", "nullptr, nullptr"),
                           ("weir_go_task(g, work, &t, .x = 1)", "nullptr, &t"),
                           ("weir_go_with(g, &o, work, .x = 1)", "&o, nullptr")):
            code = ("#include <weir/weir.h>\nstruct work_args { int x; };\nint work(void *);\n"
                    "weir_task *t;\nweir_spawn_options o;\n"
                    f"int go(weir_group *g) {{ return {call}; }}\n")
            done = subprocess.run(["c++", "-std=c++17", "-fsyntax-only", "-x", "c++", "-",
                                   *self.pkg_config("--cflags", "weir")], input=code, text=True,
                                  stderr=subprocess.PIPE, check=False)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("In C++ fill a struct work_args args and call weir_spawn(g, "
                          f"WEIR_SITE(work), work, &args, sizeof args, {last})", done.stderr)

    def test_weir_h_has_every_header_but_testing_and_the_unstable_ones(self):
        with open(self.headers + "/weir.h", encoding="utf-8") as f:
            included = set(re.findall(r"#include <weir/(\w+\.h)>", f.read()))
        self.assertEqual(included,
                         set(os.listdir(self.headers))
                         - {"weir.h", "testing.h", "backend.h", "op.h"})

    def test_with_destdir_the_system_is_not_told(self):
        self.assertFalse(os.path.exists(self.root + "/ldconfig-was-called"))

    def test_libweir_needs_libc_and_with_io_uring_liburing_only(self):
        needed = symbols_needed(self.libdir + "/libweir.so", "NEEDED")
        self.assertEqual({n for n in needed if not n.startswith("ld-linux")},
                         set(os.environ["WEIR_NEEDS"].split()))
        self.assertEqual(symbols_needed(self.libdir + "/libweir.so", "SONAME"), {"libweir.so.0"})

    def test_the_archives_define_weir_names_only(self):
        beside = [f"lib{name}.a" for name in self.beside()]
        for archive in ("libweir.a", "libweir-test.a", "libweir-http.a", *beside):
            out = run("nm", "-g", "--defined-only", os.path.join(self.libdir, archive))
            names = {line.split()[-1] for line in out.splitlines() if len(line.split()) == 3}
            self.assertEqual([n for n in names if not n.startswith("weir_")], [])


if __name__ == "__main__":
    unittest.main()
