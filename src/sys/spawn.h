/* SPDX-License-Identifier: MIT */
/* spawn.h - start a program, and ask how it ended: the system calls of room process. The op SPAWN
 * carries a struct weir__spawn to the backend. A backend of the kernel calls weir__spawn_run on a
 * helper thread; a simulation fills played instead. doc/design/processes.md says why it is done in
 * this way. */
#ifndef WEIR_SYS_SPAWN_H
#define WEIR_SYS_SPAWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* What is at a number in the child: a descriptor of this process, or one of these. */
enum {
    WEIR__SPAWN_NULL = -1,
    WEIR__SPAWN_PIPE = -2,
    WEIR__SPAWN_OUT = -3, /* as number 1 */
    WEIR__SPAWN_PTY = -4  /* a simulation only: else its slave's descriptor */
};

struct weir__spawn_map {
    int source, target;
    int copy;     /* in the child: of source, above all targets; -1: none was needed */
    int pipe_end; /* set by weir__spawn_run for WEIR__SPAWN_PIPE: this process's end; else -1 */
    bool opened;  /* source was opened by weir__spawn_run */
};

struct weir_sim_process;

/* What the child was doing when it failed. */
enum weir__spawn_step {
    WEIR__SPAWN_OK,
    WEIR__SPAWN_PIPES, /* in this process: pipes, /dev/null, memory */
    WEIR__SPAWN_FORK,
    WEIR__SPAWN_GROUP,
    WEIR__SPAWN_FDS,
    WEIR__SPAWN_TERMINAL,
    WEIR__SPAWN_NICE,
    WEIR__SPAWN_LIMIT,
    WEIR__SPAWN_USER,
    WEIR__SPAWN_CWD,
    WEIR__SPAWN_EXEC
};

struct weir__spawn_limit {
    int resource;
    uint64_t value; /* soft and hard */
};

struct weir__spawn {
    char *const *argv, *const *envp;
    const char *const *paths; /* the files to try, NULL behind the last: at least one */
    const char *cwd;          /* NULL: that of this process */
    struct weir__spawn_map *maps; /* by rising target; 0, 1 and 2 are the first three */
    size_t map_count;
    bool own_group, session;
    int terminal; /* the number in the child that becomes its controlling terminal; -1: none */
    const struct weir__spawn_limit *limits;
    size_t limit_count;
    bool has_user, has_umask, dies_with_parent;
    bool no_close_range; /* tests: as if the kernel had no close_range */
    uid_t uid;
    gid_t gid;
    mode_t umask;
    int nice;
    /* Results. On error nothing is open, and no child is left. */
    enum weir__spawn_step failed;
    pid_t pid;
    int pidfd;
    /* A simulation: what plays the program (weir_sim_program); no process, no pipes. */
    int (*played)(struct weir_sim_process *p);
};

/* The fn of a SPAWN. Returns 0 or a negative errno. Blocks until the program has begun, or could
 * not: a short time, but for a file on a slow disk. A program that dies_with_parent ends with the
 * thread that calls this. */
int weir__spawn_run(void *spawn);

/* What runs in the child is not instrumented: it is on a stack that sanitizers do not know, in the
 * memory of the parent. */
#if defined(__clang__)
#define IN_CHILD __attribute__((noinline, no_sanitize("address", "thread", "undefined")))
#else
#define IN_CHILD                                                                                   \
    __attribute__((noinline, no_sanitize_address, no_sanitize_thread, no_sanitize_undefined))
#endif

/* Become the program. In the child; its memory is that of the process that made it, so it changes
 * nothing but *ret and the copies of s->maps. */
struct weir__spawn_failure {
    int step, error;
};
_Noreturn void weir__spawn_become(struct weir__spawn *s, pid_t parent,
                                  struct weir__spawn_failure *ret);

struct weir__spawn_end {
    int code, signal; /* code is -1 if a signal ended it */
    bool core;
    int64_t user_ns, system_ns, memory_peak; /* -1: not known */
};

/* How the process ended. reap: it leaves the kernel's table, else it stays a zombie.
 * Returns 0; -EAGAIN: it runs; -ECHILD: another wait of this program has reaped it, and the kernel
 * is too old (before 6.15) to tell. */
int weir__spawn_ended(int pidfd, bool reap, struct weir__spawn_end *ret_end);

/* The same, but wait until it has ended: for a process that was killed. */
void weir__spawn_reap(int pidfd);

/* Send a signal to it, or to its process group, which has its number. A group is only signalled
 * while its number cannot have become another's. Returns 0, -ESRCH, -EPERM, -EINVAL. */
int weir__spawn_signal(int pidfd, pid_t pid, int signal, bool group);
/* The group, as kernels before 6.9 need it: by number, while the process is not reaped. */
int weir__spawn_signal_number(int pidfd, pid_t pid, int signal);

/* A pidfd of a child. Returns it, or a negative errno. */
int weir__spawn_adopt(pid_t pid);

/* Is the number open in this process? */
bool weir__spawn_is_open(int fd);

#endif
