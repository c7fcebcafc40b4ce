/* SPDX-License-Identifier: MIT */
/* process.h - run other programs: start, wait, signals, their input and output.
 *
 * A program that is started gets what its options say and nothing else: descriptors 0, 1 and 2 and
 * those that are named, no other; an empty signal mask and default signal handling, whatever this
 * program does with its signals; a process group of its own, so that it can be killed together with
 * all that it has started. No SIGCHLD handler is installed. A SIGCHLD handler of the program's own
 * that calls waitpid(-1), or an ignored SIGCHLD, does no harm from Linux 6.15 on; before, a wait
 * returns -ECHILD, since the exit status was thrown away.
 *
 * In a simulation a function plays the program: weir_sim_program of weir/testing.h.
 *
 * All calls: loop thread only, on processes of that loop. */
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
struct weir_process; /* a program that was started: the handle on it */

/* What the program finds at its descriptor 0, 1 or 2. */
enum weir_stdio_kind {
    WEIR_STDIO_DEFAULT, /* weir_process_start: as INHERIT. weir_process_run: a pipe for 1 and 2; for
                         * 0 a pipe if there is input, else as NULL */
    WEIR_STDIO_INHERIT, /* this program's own; if that is closed, as NULL */
    WEIR_STDIO_NULL,    /* /dev/null */
    WEIR_STDIO_PIPE,    /* a pipe: weir_process_stdin, weir_process_stdout, weir_process_stderr */
    WEIR_STDIO_FD,      /* the descriptor fd of this program, which stays its own */
    WEIR_STDIO_OUT,     /* 2 only: the same as 1 */
    WEIR_STDIO_PTY      /* a pseudo-terminal, one for all that say so, which becomes the controlling
                         * terminal of the program, in a session of its own. The streams are its
                         * master: weir_process_stdin and weir_process_stdout are the same then, and
                         * weir_process_stderr is NULL unless 1 is something else */
};
struct weir_stdio {
    enum weir_stdio_kind kind;
    int fd; /* WEIR_STDIO_FD only */
};

/* One more descriptor for the program. */
struct weir_passed_fd {
    int number; /* in the program: 3 or more, each once */
    int fd;     /* of this program, which stays its own */
};

/* The process group of the program. */
enum weir_process_group {
    WEIR_PROCESS_OWN_GROUP,  /* its own. In a terminal it is a background group: a program that
                              * reads the terminal is stopped (SIGTTIN) */
    WEIR_PROCESS_SESSION,    /* its own session, without a terminal, and group */
    WEIR_PROCESS_SAME_GROUP  /* this program's: Ctrl-C reaches both. What is said of the group in
                              * this header then concerns the program's own process alone */
};

/* Limits of the program's resources. 0: as this program's; less than 0: a limit of 0. */
struct weir_process_limits {
    int64_t cpu_s;     /* seconds of CPU, then SIGXCPU and SIGKILL */
    int64_t memory;    /* bytes of address space */
    int64_t files;     /* one more than the highest descriptor */
    int64_t file_size; /* bytes of a file that it writes, then SIGXFSZ */
    int64_t core;      /* bytes of a core file */
    int64_t processes; /* of the user */
};

/* Another user for the program; this program must be allowed to change it (root is). The program
 * has no supplementary groups but gid. */
struct weir_process_user {
    uid_t uid;
    gid_t gid;
};

/* The options of weir_process_start and weir_process_run. All that they point to is borrowed until
 * the call returns. */
struct weir_process_options { /* zero: the default */
    size_t size;                 /* sizeof (struct weir_process_options) */
    struct weir_stdio in, out, err;
    const struct weir_passed_fd *fds; /* more descriptors */
    size_t fd_count;
    const char *cwd;             /* the program's working directory; NULL: this program's */
    const char *const *env;      /* its environment, "NAME=value", NULL behind the last; NULL: this
                                  * program's */
    const char *const *set_env;  /* changes to that: "NAME=value" sets, "NAME" takes away; NULL
                                  * behind the last */
    enum weir_process_group group;
    const struct weir_pty_options *pty; /* of WEIR_STDIO_PTY: see weir/tty.h; NULL: the default */
    const struct weir_process_limits *limits; /* NULL: none */
    const struct weir_process_user *user;     /* NULL: this program's */
    const mode_t *umask;         /* NULL: this program's */
    int nice;                    /* is added to this program's */
    bool die_with_parent;        /* SIGKILL to it (not to what it has started) when the thread of
                                  * the loop ends, so at the latest with this program. The start
                                  * then holds the loop until the program runs, some 0.5 ms; else a
                                  * helper thread starts it */
    weir_ns grace_ns;            /* of a run that is cut short: between SIGTERM and SIGKILL. 0: 2 s;
                                  * less than 0: SIGKILL at once */
    size_t output_max;           /* bytes kept of each output; more is read and dropped.
                                  * 0: 16 MiB */
    weir_ns drain_ns;            /* how long to go on reading when the program has ended, but other
                                  * processes hold its output open. 0 or less: only what is there */
    const void *input;           /* weir_process_run: bytes for its standard input */
    size_t input_len;
};

/* How a program has ended. */
struct weir_exit {
    int code;            /* its exit status, 0 to 255; -1 if a signal ended it */
    int signal;          /* the signal that ended it; else 0 */
    bool core;           /* it has left a core file */
    weir_ns user_ns, system_ns; /* CPU time, with that of children for which it has waited; -1: not
                                 * known, since another wait of this program took its status */
    int64_t memory_peak; /* the most bytes that were resident; -1 as above. At least what this
                          * program had when it started it: so the kernel counts */
};

/* Start a program. argv is its arguments, NULL behind the last; argv[0] is a path if it contains a
 * slash, else it is looked up in PATH of the program's environment. options may be NULL. The caller
 * must close *ret_process. The call returns when the program has begun to run.
 * Returns 0; -ENOENT, -EACCES, -ENOEXEC, ... (there is no such program, or it cannot be executed);
 * another error of the kernel: a directory, limit, user or descriptor could not be set; -EAGAIN
 * (too many processes, or no helper thread), -EMFILE, -ENOMEM, -ENOSPC (no more
 * pseudo-terminals), -EINVAL (the options contradict each other: a terminal in our group, for one),
 * -ECANCELED, -ETIME, WEIR_ESIMREFUSED (in a simulation: no function plays the program;
 * WEIR_STDIO_FD and fds), WEIR_ENOLOOP. The error's text names the command and the step. On error
 * or cancel nothing runs, nothing stays open, and *ret_process is untouched. A start that has
 * succeeded when the cancel comes returns 0. */
WEIR_SUSPENDS int weir_process_start(const char *const *argv,
                                     const struct weir_process_options *options,
                                     struct weir_process **ret_process);

/* Take charge of a child process that this program has made by other means, such as fork. It has no
 * streams, and its group counts as this program's (WEIR_PROCESS_SAME_GROUP). The caller must close
 * *ret_process, and must not wait for pid in another way.
 * Returns 0; -ESRCH (no such process), -ECHILD (no child of this program), -EINVAL, -EMFILE,
 * -ENOMEM, WEIR_ESIMREFUSED (in a simulation), WEIR_ENOLOOP. */
WEIR_API int weir_process_from_pid(pid_t pid, struct weir_process **ret_process);

/* The streams of a program's standard input (write to it), output and errors (read them): NULL if
 * it has no pipe there, and for standard input after weir_process_close_stdin. Lent until
 * weir_process_close: do not close them. */
WEIR_API struct weir_stream *weir_process_stdin(const struct weir_process *p);
WEIR_API struct weir_stream *weir_process_stdout(const struct weir_process *p);
WEIR_API struct weir_stream *weir_process_stderr(const struct weir_process *p);

/* Close the stream to the program's standard input: it reads end of stream behind what was written.
 * Harmless if there is none. A pseudo-terminal stays open: on it, write "\4" (Ctrl-D) behind a line
 * to end the input. Never suspends. */
WEIR_API void weir_process_close_stdin(struct weir_process *p);

/* The process id, which belongs to this process until weir_process_close, also after its end; it is
 * also the number of its group, unless that is this program's. And the pidfd, lent until then.
 * In a simulation a number, and -EOPNOTSUPP. */
WEIR_API pid_t weir_process_pid(const struct weir_process *p);
WEIR_API int weir_process_fd(const struct weir_process *p);

/* Wait until the program has ended. Any number of tasks may wait, and may wait again afterwards.
 * ret_exit may be NULL. It does not read the program's output: a program that fills a pipe which
 * nobody reads does not end.
 * Returns 0; -ECANCELED, -ETIME: the program is not affected; -ECHILD (it has ended, but another
 * wait of this program has taken its status, and the kernel is older than 6.15), WEIR_ECLOSED
 * (closed meanwhile), WEIR_ENOLOOP. */
WEIR_SUSPENDS int weir_process_wait(struct weir_process *p, struct weir_exit *ret_exit);

/* Send a signal to the program; or to all processes of its group, also to those that outlived it.
 * Returns 0; -ESRCH (it has ended; none of its group is left), -EPERM (it is another user's),
 * -EINVAL (no such signal). */
WEIR_API int weir_process_signal(struct weir_process *p, int signal);
WEIR_API int weir_process_signal_group(struct weir_process *p, int signal);

/* End the program and its group: SIGTERM, then, when grace_ns has passed or the program has ended,
 * SIGKILL. grace_ns 0 or less: SIGKILL at once. Waits until the program has ended. If it has ended
 * before, only what is left of its group is killed. ret_exit may be NULL.
 * Returns 0 or an error as weir_process_wait. After -ECANCELED, -ETIME the program may run on: it
 * has had SIGTERM. */
WEIR_SUSPENDS int weir_process_stop(struct weir_process *p, weir_ns grace_ns,
                                    struct weir_exit *ret_exit);

/* What a program has written, and how it ended. */
struct weir_output {
    struct weir_exit exit;
    char *out, *err; /* with a NUL behind the last byte; NULL if there is no pipe */
    size_t out_len, err_len;
    bool out_truncated, err_truncated; /* there was more than output_max */
};

/* Write input to the program's standard input and close it; read its output and its errors to their
 * end; wait until it has ended. All at once, so that no full pipe stops anything. Streams that it
 * does not have are left out. When the program has ended, what is in the pipes is read, but not
 * waited for any longer than drain_ns of its options: another process may hold them open for ever.
 * On a pseudo-terminal Ctrl-D is typed behind the input; the output holds the echo of the input.
 * The caller must free *ret_output by weir_output_free.
 * Returns 0, whatever the program's exit status is; an error as weir_process_wait; -EBUSY (another
 * task uses the streams, or communicates), -ENOMEM. After an error or cancel the program runs on,
 * *ret_output is untouched, and a second call with the same input goes on where the first has
 * stopped: no byte is lost or written twice. input is borrowed until return. */
WEIR_SUSPENDS int weir_process_communicate(struct weir_process *p, const void *input, size_t len,
                                           struct weir_output *ret_output);

/* Run a program to its end and keep what it writes: weir_process_start, weir_process_communicate
 * with input of the options, weir_process_close. When it has ended, what is left of its group is
 * killed: nothing of it outlives the call, unless it has made a group of its own. If a scope fires
 * meanwhile, or an error comes, the group gets SIGTERM, after grace_ns SIGKILL, and the call
 * returns when the program has ended. (It waits for that no longer than 5 s after SIGKILL, which a
 * disk that does not answer can hold back. The end of the run waits then.)
 * The caller must free *ret_output by weir_output_free.
 * Returns 0, whatever the program's exit status is; an error as weir_process_start and
 * weir_process_communicate. On error or cancel *ret_output is untouched. */
WEIR_SUSPENDS int weir_process_run(const char *const *argv,
                                   const struct weir_process_options *options,
                                   struct weir_output *ret_output);

/* Free what an output holds; *output is zero then. NULL and a zeroed one are fine. */
WEIR_API void weir_output_free(struct weir_output *output);

/* Give up a process; *take_process becomes NULL, and its streams are closed. If the program still
 * runs, its group is killed (SIGKILL). The library waits for it: nobody else has to, and no zombie
 * stays. The end of the run waits until all such processes have ended. Tasks that wait for it get
 * WEIR_ECLOSED. NULL and *NULL are fine. In a fork child it only frees the child's copy. Never
 * suspends, never fails. A run that ends with a process that was not closed leaves the program
 * running, and logs that. */
WEIR_API void weir_process_close(struct weir_process **take_process);

#ifdef __cplusplus
}
#endif
#endif
