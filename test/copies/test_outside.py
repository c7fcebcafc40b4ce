# SPDX-License-Identifier: MIT
"""A process that uses the library is looked at from outside, without its help: its ELF note leads
to struct weir__process, and that to the loops and the parts (doc/design/process.md).
WEIR_LOOKED_AT: the programs to look at, one linked statically, one with the shared library."""
import os
import struct
import subprocess
import unittest

PROGRAMS = os.environ["WEIR_LOOKED_AT"].split(":")
HEAD = struct.Struct("<8sII16sIIQQ")
PT_LOAD, PT_NOTE = 1, 4


def mapped_files(pid):
    """file -> the address of its first mapping"""
    found = {}
    with open(f"/proc/{pid}/maps", encoding="utf-8") as maps:
        for line in maps:
            fields = line.split(maxsplit=5)
            if len(fields) == 6 and fields[5].startswith("/") and fields[2] == "00000000":
                found.setdefault(fields[5].strip(), int(fields[0].split("-")[0], 16))
    return found


def headers(elf):
    """(type, offset in the file, address, size) of each program header"""
    at, size, count = struct.unpack_from("<Q", elf, 32)[0], *struct.unpack_from("<HH", elf, 54)
    for i in range(count):
        kind, _, offset, address, _, length = struct.unpack_from("<IIQQQQ", elf, at + i * size)
        yield kind, offset, address, length


def struct_in(path, base):
    """The address of struct weir__process, if the file has one."""
    if not os.path.exists(path):  # a sanitizer's, deleted when it was mapped
        return None
    with open(path, "rb") as f:
        elf = f.read()
    if elf[:5] != b"\x7fELF\x02":
        return None
    first = min((h[2] for h in headers(elf) if h[0] == PT_LOAD), default=0) & ~4095
    for kind, offset, address, length in headers(elf):
        at = 0
        while kind == PT_NOTE and at + 12 <= length:
            name, desc, note = struct.unpack_from("<III", elf, offset + at)
            desc_at = at + (12 + name + 3 & ~3)
            if note == 1 and elf[offset + at + 12:offset + at + 12 + name] == b"weir\0":
                away = struct.unpack_from("<q", elf, offset + desc_at)[0]
                return base - first + address + desc_at + away
            at = desc_at + (desc + 3 & ~3)
    return None


class Memory:
    def __init__(self, pid):
        self.fd = os.open(f"/proc/{pid}/mem", os.O_RDONLY)

    def read(self, address, size):
        return os.pread(self.fd, size, address)

    def pointer(self, address):
        return struct.unpack("<Q", self.read(address, 8))[0]

    def text(self, address):
        return self.read(address, 32).split(b"\0")[0].decode()


class OutsideTest(unittest.TestCase):
    def start(self, program):
        p = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(p.stdout.close)
        self.addCleanup(p.wait, 30)
        self.addCleanup(p.stdin.close)
        self.assertEqual(p.stdout.readline(), "ready\n")
        return p

    def look_at(self, program):
        p = self.start(program)
        found = [a for a in (struct_in(*f) for f in mapped_files(p.pid).items()) if a is not None]
        self.assertEqual(len(found), 1)
        memory = Memory(p.pid)
        self.addCleanup(os.close, memory.fd)
        head = memory.read(found[0], HEAD.size)
        magic, version, size, library, runs, _, at, _ = HEAD.unpack(head)
        self.assertEqual((magic, version), (b"weirproc", 1))
        self.assertRegex(library.rstrip(b"\0").decode(), r"^\d+\.\d+")
        self.assertGreater(size, HEAD.size)
        self.assertNotEqual(runs, 0)
        loops = 0
        while at != found[0] + 40:
            loops, at = loops + 1, memory.pointer(at)
            self.assertLessEqual(loops, 2)
        self.assertEqual(loops, 2)
        parts = [memory.pointer(found[0] + HEAD.size + 8 * i) for i in range(11)]
        names = [memory.text(memory.pointer(part)) for part in parts if part != 0]
        for name in ("log", "loops", "pool", "signals"):
            self.assertIn(name, names)

    def test_a_process_is_looked_at_from_outside(self):
        for program in PROGRAMS:
            with self.subTest(program):
                self.look_at(program)


if __name__ == "__main__":
    unittest.main()
