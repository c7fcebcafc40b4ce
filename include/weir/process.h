/* SPDX-License-Identifier: MIT */
/* process.h - run other programs: start them, wait for them, send signals, use their input and
 * output.
 *
 * A started program gets the descriptors 0, 1 and 2 and those that its options name, and no other.
 * Its signal mask is empty and each signal has its default effect, whatever this program has set.
 * It has a process group of its own, so that a signal can reach it together with all that it has
 * started.
 *
 * The library installs no SIGCHLD handler. This program may ignore SIGCHLD, or have a SIGCHLD
 * handler that calls waitpid(-1): either takes the exit status away. From Linux 6.15 on the library
 * gets it all the same; before, a wait returns -ECHILD.
 *
 * In a simulation a function plays the program: weir_sim_program of weir/testing.h. Loop thread
 * only: a process belongs to its loop. */
#ifndef WEIR_PROCESS_H
#define WEIR_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>
#include <weir/base.h>

#ifdef __cplusplus
extern "C" {
#endif

struct weir_stream;
struct weir_pty_options;
struct weir_process; /* a program that was started */

/* What the program finds at its descriptor 0, 1 or 2. */
enum weir_stdio_kind {
    WEIR_STDIO_DEFAULT, /* weir_process_start: as INHERIT. weir_process_run: as PIPE for 1 and 2;
                         * for 0 as PIPE if there is input, else as NULL */
    WEIR_STDIO_INHERIT, /* this program's own; if that is closed, as NULL */
    WEIR_STDIO_NULL,    /* /dev/null */
    WEIR_STDIO_PIPE,    /* a pipe: weir_process_stdin, weir_process_stdout, weir_process_stderr */
    WEIR_STDIO_FD,      /* a duplicate of the descriptor fd, which stays this program's */
    WEIR_STDIO_OUT,     /* 2 only: the same as 1 */
    WEIR_STDIO_PTY      /* a pseudo-terminal. Those of 0, 1 and 2 that are PTY share one. It becomes
                         * the controlling terminal of the program, in a session of its own. Its
                         * master is the stream: weir_process_stdin and weir_process_stdout are then
                         * the same. If 1 is PTY, weir_process_stderr is NULL */
};
struct weir_stdio {
    enum weir_stdio_kind kind;
    int fd; /* WEIR_STDIO_FD only */
};

/* One more descriptor for the program. */
struct weir_passed_fd {
    int number; /* in the program: 3 or more, each once */
    int fd;     /* in this program, whose it stays */
};

/* The process group of the program. */
enum weir_process_group {
    WEIR_PROCESS_OWN_GROUP,  /* a group of its own. On a terminal it is a background group: a
                              * program that reads the terminal is stopped (SIGTTIN) */
    WEIR_PROCESS_SESSION,    /* a session and a group of its own, without a terminal */
    WEIR_PROCESS_SAME_GROUP  /* this program's group: Ctrl-C reaches both. What this header says
                              * of the group then concerns the program's own process only */
};

/* The limits of the program's resources: see setrlimit(2). 0: as this program's; less than 0: a
 * limit of 0. */
struct weir_process_limits {
    int64_t cpu_s;     /* seconds of CPU time, then SIGXCPU and SIGKILL */
    int64_t memory;    /* bytes of address space */
    int64_t files;     /* one more than the highest descriptor */
    int64_t file_size; /* bytes in a file that it writes, then SIGXFSZ */
    int64_t core;      /* bytes of a core file */
    int64_t processes; /* processes of its user */
};

/* The user that the program runs as. This program must be allowed to change it (root is). gid is
 * also the only supplementary group of the program. */
struct weir_process_user {
    uid_t uid;
    gid_t gid;
};

/* The options of weir_process_start and weir_process_run. What they point to is borrowed until the
 * call returns. */
struct weir_process_options { /* zero: the default */
    size_t size;                 /* sizeof (struct weir_process_options) */
    struct weir_stdio in, out, err;
    const struct weir_passed_fd *fds; /* more descriptors */
    size_t fd_count;
    const char *cwd;             /* the program's working directory; NULL: this program's */
    const char *const *env;      /* its environment: texts "NAME=value", then NULL; NULL: this
                                  * program's */
    const char *const *set_env;  /* changes to it: "NAME=value" sets, "NAME" removes; then NULL.
                                  * NULL: none */
    enum weir_process_group group;
    const struct weir_pty_options *pty; /* of WEIR_STDIO_PTY (weir/tty.h); NULL: the default */
    const struct weir_process_limits *limits; /* NULL: this program's */
    const struct weir_process_user *user;     /* NULL: this program's */
    const mode_t *umask;         /* NULL: this program's */
    int nice;                    /* added to this program's */
    bool die_with_parent;        /* the kernel kills the program (not what it has started) when
                                  * the loop's thread ends, at the latest with this program. The
                                  * start then blocks the loop until the program runs, for about
                                  * 0.5 ms; otherwise a helper thread makes the start */
    weir_ns grace_ns;            /* weir_process_run, after an error or cancel: the time between
                                  * SIGTERM and SIGKILL. 0: 2 s; less than 0: SIGKILL at once */
    size_t output_max;           /* how many bytes of each output are kept; the rest is read and
                                  * dropped. 0: 16 MiB */
    weir_ns drain_ns;            /* how long to read on when the program has ended, but another
                                  * process holds its output open. 0 or less: only what is there */
    const void *input;           /* weir_process_run: bytes for its standard input */
    size_t input_len;
};

/* How a program has ended. */
struct weir_exit {
    int code;            /* its exit status, 0 to 255; -1 if a signal ended it */
    int signal;          /* the signal that ended it; else 0 */
    bool core;           /* it left a core file */
    weir_ns user_ns, system_ns; /* CPU time, with that of the children that it has waited for; -1:
                                 * not known, since another wait of this program took the status */
    int64_t memory_peak; /* the most bytes that were resident; -1: not known. The kernel also
                          * counts what this program had resident when it started the other */
};

/* Start a program, and return when it has begun to run. argv holds its arguments, then NULL.
 * argv[0] is a path if it contains a slash; otherwise it is looked up in PATH of the program's
 * environment. options may be NULL. argv is borrowed until return. The caller must close
 * *ret_process.
 * Returns 0; -ENOENT, -EACCES, -ENOEXEC, ... (there is no such program, or it cannot be executed);
 * another error of the kernel (a directory, limit, user or descriptor could not be set); -EINVAL
 * (the options contradict each other, as a terminal and WEIR_PROCESS_SAME_GROUP do), -ENOSPC (no
 * pseudo-terminal is left), -EAGAIN (too many processes, or no helper thread), -ECANCELED, -ETIME,
 * -EMFILE, -ENOMEM, WEIR_ESIMREFUSED (in a simulation: no function plays the program, or a
 * descriptor is passed), WEIR_ENOLOOP. The error's text names the command and the step. On error or
 * cancel nothing runs, nothing stays open, and *ret_process is untouched. If the program runs
 * already when the cancel comes, the call returns 0. */
WEIR_SUSPENDS int weir_process_start(const char *const *argv,
                                     const struct weir_process_options *options,
                                     struct weir_process **ret_process);

/* Make a process of a child that this program has made by other means, such as fork. It has no
 * streams, and its group counts as this program's (WEIR_PROCESS_SAME_GROUP). The caller must close
 * *ret_process, and must not wait for pid in any other way.
 * Returns 0; -ESRCH (no such process), -ECHILD (no child of this program), -EINVAL, -EMFILE,
 * -ENOMEM, WEIR_ESIMREFUSED (in a simulation), WEIR_ENOLOOP. On error *ret_process is untouched. */
WEIR_API int weir_process_from_pid(pid_t pid, struct weir_process **ret_process);

/* The streams of a program: of its standard input, to be written, and of its standard output and
 * standard error, to be read. NULL if it has no pipe there; weir_process_stdin also after
 * weir_process_close_stdin. Lent until weir_process_close: do not close them. */
WEIR_API struct weir_stream *weir_process_stdin(const struct weir_process *p);
WEIR_API struct weir_stream *weir_process_stdout(const struct weir_process *p);
WEIR_API struct weir_stream *weir_process_stderr(const struct weir_process *p);

/* Close the stream of the program's standard input: the program reads end of stream behind what was
 * written. Does nothing if there is none. A pseudo-terminal stays open: write "\4" (Ctrl-D) behind
 * a line there to end the input. Never suspends, never fails. */
WEIR_API void weir_process_close_stdin(struct weir_process *p);

/* The process id. It belongs to this process until weir_process_close, also after its end. Except
 * for WEIR_PROCESS_SAME_GROUP it is also the id of the group. weir_process_fd: the pidfd, lent
 * until weir_process_close; in a simulation -EOPNOTSUPP. */
WEIR_API pid_t weir_process_pid(const struct weir_process *p);
WEIR_API int weir_process_fd(const struct weir_process *p);

/* Wait until the program has ended. Any number of tasks may wait, also after the end. ret_exit may
 * be NULL. The call does not read the program's output: a program that fills a pipe which nobody
 * reads does not end.
 * Returns 0; -ECHILD (it has ended, but another wait of this program took its status, and Linux is
 * older than 6.15), WEIR_ECLOSED (closed meanwhile), -ECANCELED, -ETIME, WEIR_ENOLOOP. On error or
 * cancel *ret_exit is untouched. A cancel does not affect the program. */
WEIR_SUSPENDS int weir_process_wait(struct weir_process *p, struct weir_exit *ret_exit);

/* Send a signal to the program; weir_process_signal_group: to all processes of its group, also to
 * those that have outlived it.
 * Returns 0, for a group also when none of it is left; -ESRCH (the program has ended), -EPERM (it
 * runs as another user), -EINVAL (no such signal), WEIR_EFORKED. */
WEIR_API int weir_process_signal(struct weir_process *p, int signal);
WEIR_API int weir_process_signal_group(struct weir_process *p, int signal);

/* End the program and its group. The group gets SIGTERM and, when the program has ended or grace_ns
 * has passed, SIGKILL. With grace_ns 0 or less it gets SIGKILL at once. The call returns when the
 * program has ended. If it had ended before, only what is left of its group is killed. ret_exit may
 * be NULL.
 * Returns 0; an error as weir_process_wait. After -ECANCELED or -ETIME the program may run on, and
 * has had SIGTERM. */
WEIR_SUSPENDS int weir_process_stop(struct weir_process *p, weir_ns grace_ns,
                                    struct weir_exit *ret_exit);

/* What a program has written, and how it has ended. */
struct weir_output {
    struct weir_exit exit;
    char *out, *err; /* with a NUL behind the last byte; NULL if there is no pipe */
    size_t out_len, err_len;
    bool out_truncated, err_truncated; /* there was more than output_max */
};

/* Write input to the program's standard input and close it, read its standard output and standard
 * error to their end, and wait until it has ended. All three go on at once, so that no full pipe
 * blocks the program. Streams that it does not have are left out. Another process may hold the
 * pipes open when the program has ended: then they are read for drain_ns of its options, and what
 * is in them at that time is still taken. On a pseudo-terminal Ctrl-D is written behind the input,
 * and the output contains the echo of the input. input is borrowed until return. The caller must
 * free *ret_output by weir_output_free.
 * Returns 0, whatever the program's exit status is; -EBUSY (another task uses the streams, or
 * communicates), -ENOMEM, or an error as weir_process_wait. On error or cancel the program runs on,
 * and *ret_output is untouched. Call again with the same input to go on: no byte is lost or written
 * twice. */
WEIR_SUSPENDS int weir_process_communicate(struct weir_process *p, const void *input, size_t len,
                                           struct weir_output *ret_output);

/* Run a program to its end and keep what it writes; {"/bin/sh", "-c", line, NULL} as argv runs a
 * line of the shell. It is weir_process_start, weir_process_communicate
 * with the input of the options, weir_process_close. When the program has ended, what is left of
 * its group is killed. So nothing that it has started outlives the call, unless it has left the
 * group. On error or cancel the group gets SIGTERM and after grace_ns SIGKILL, and the call returns
 * when the program has ended. A program that a disk holds in the kernel may not end: 5 s after
 * SIGKILL the call returns all the same, and the end of the run waits for it. The caller must free
 * *ret_output by weir_output_free.
 * Returns 0, whatever the program's exit status is; an error as weir_process_start and
 * weir_process_communicate. On error or cancel *ret_output is untouched. */
WEIR_SUSPENDS int weir_process_run(const char *const *argv,
                                   const struct weir_process_options *options,
                                   struct weir_output *ret_output);

/* Free what an output holds, and zero it. NULL and a zeroed one are fine. Never fails. */
WEIR_API void weir_output_free(struct weir_output *output);

/* Give up a process; *take_process becomes NULL, and its streams are closed. If the program still
 * runs, its group gets SIGKILL. The library takes its exit status, so no zombie stays; the end of
 * the run waits until all such programs have ended. Tasks that wait for it get WEIR_ECLOSED. NULL
 * and *NULL are fine. In a fork child it only closes the child's copies of the descriptors. Never
 * suspends, never fails. If a run ends with a process that was not closed, the program runs on, and
 * the library logs that. */
WEIR_API void weir_process_close(struct weir_process **take_process);

#ifdef __cplusplus
}
#endif
#endif
