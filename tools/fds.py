#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""fds.py ROOT: every call in src/ that makes a descriptor stands inside weir__fd_lift(...) or
weir__fd_lift_pair(...), so that none of ours is ever 0, 1 or 2 (src/sys/fds.h). What is allowed
otherwise stands in ALLOWED with its reason. Tests and benchmarks may do as they like."""
import re
import sys

import csource

MAKERS = ("accept", "accept4", "creat", "dup", "dup2", "dup3", "epoll_create", "epoll_create1",
          "eventfd", "fanotify_init", "fdopendir", "fopen", "freopen", "inotify_init",
          "inotify_init1", "io_uring_queue_init", "io_uring_queue_init_params", "io_uring_setup",
          "memfd_create", "mkostemp", "mkstemp", "open", "openat", "opendir", "perf_event_open",
          "pidfd_open", "pipe", "pipe2", "popen", "posix_openpt", "recvmmsg", "recvmsg", "shm_open",
          "signalfd", "socket", "socketpair", "timerfd_create", "tmpfile", "userfaultfd",
          "io_uring_prep_accept", "io_uring_prep_multishot_accept", "io_uring_prep_openat",
          "io_uring_prep_socket")
CALL = re.compile(r"(?<![\w.>])(" + "|".join(MAKERS) + r")\s*\(")
COMMAND = re.compile(r"\b(?:fcntl\s*\([^;]*?F_DUPFD|syscall\s*\(\s*SYS_(?:pidfd_open|pidfd_getfd|"
                     r"io_uring_setup|memfd_create|openat2?|dup)\b)", re.S)
LIFTED = re.compile(r"weir__fd_lift(?:_pair)?\s*\(\s*(?:\(int\)\s*)?$")

# (file, call): why it need not be lifted.
ALLOWED = {
    ("src/sys/fds.c", "fcntl"): "the door itself",
    ("src/sys/fds.c", "accept4"): "likewise, onto a number held before",
    ("src/sys/fds.c", "dup3"): "likewise",
    ("src/sys/message.c", "recvmsg"): "what came beside the bytes is lifted by lift()",
    ("src/sys/message.c", "recvmmsg"): "likewise",
    ("src/sys/uring_setup.c", "io_uring_queue_init_params"): "liburing's; lift() follows",
    ("src/sys/verb.c", "openat"): "weir__verb_opened, which lifts, follows",
    ("src/sys/verb.c", "syscall"): "likewise",
    ("src/sys/uring_verb.c", "io_uring_prep_openat"): "likewise, when it completes",
    ("src/worker/standard.c", "open"): "fills 0, 1 and 2 on purpose when our programs begin",
    ("src/sys/child.c", "open"): "in a fork child, for its 0, 1 and 2",
    ("src/sys/child.c", "dup2"): "likewise",
    ("src/sys/spawn.c", "dup3"): "onto a number held before",
    ("src/sys/spawn_child.c", "syscall"): "in the child, above all numbers that it is to have",
    ("src/cli/guard.c", "dup2"): "the guard's 0, 1 and 2 become /dev/null",
    ("src/cli/guard.c", "recvmsg"): "our program: 0, 1 and 2 are open",
    ("src/cli/control.c", "recvmsg"): "no room for descriptors: the kernel keeps them",
    ("src/sys/signals.c", "fopen"): "for reading, closed by the same call: as good as not open",
    ("src/sys/signals.c", "opendir"): "likewise",
    ("src/cli/keeper.c", "dup2"): "a node's 0, 1, 2 and its control channel, before its exec",
    ("src/cli/cmd_doctor.c", "fopen"): "our program: 0, 1 and 2 are open",
    ("src/cli/cmd_doctor.c", "pipe2"): "likewise",
    ("src/cli/cmd_doctor.c", "syscall"): "likewise",
    ("src/cli/cmd_doctor.c", "timerfd_create"): "likewise",
    ("src/cli/children.c", "opendir"): "our program: 0, 1 and 2 are open",
}


def check(root):
    problems, used = [], set()
    for path in csource.files(root, ("src",), (".c", ".h")):
        if re.search(r"_(test|bench|test_util|rig)\.[ch]$", path):
            continue
        text = csource.blank(csource.read(root, path))
        for m in list(CALL.finditer(text)) + list(COMMAND.finditer(text)):
            name = re.match(r"\w+", m.group(0)).group(0)
            if LIFTED.search(text[:m.start()]):
                continue
            used.add((path, name))
            if (path, name) not in ALLOWED:
                line = text.count("\n", 0, m.start()) + 1
                problems.append(f"{path}:{line}: {name} makes a descriptor outside weir__fd_lift")
    problems += [f"tools/fds.py: {path} does not call {name}: drop the line"
                 for path, name in sorted(set(ALLOWED) - used) if root_has(root, path)]
    return problems


def root_has(root, path):
    return path in csource.files(root, ("src",), (".c", ".h"))


def main():
    problems = check(sys.argv[1])
    for p in problems:
        print(p)
    if not problems:
        print("every descriptor comes through one door")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
