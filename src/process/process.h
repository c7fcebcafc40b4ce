/* SPDX-License-Identifier: MIT */
/* process.h - a program that was started, inside the room, and the table by which a simulation
 * plays one. doc/design/processes.md has the states. */
#ifndef WEIR_PROCESS_PROCESS_H
#define WEIR_PROCESS_PROCESS_H

#include <weir/process.h>

#include "loop/timers.h"
#include "sys/spawn.h"
#include "task/waitq.h"

enum { WEIR__SUBPROCESS_RUNS = 1 };

/* What differs between a process of the kernel and a program that is played. */
struct weir__subprocess_kind {
    /* Send a signal, to the group or to the process alone. Returns 0 or an error. */
    int (*signal)(struct weir_process *p, int signal, bool group);
    /* It was closed and has ended: give back what the kind holds. */
    void (*release)(struct weir_process *p);
};

struct weir__capture { /* one output, as far as it was read */
    char *bytes;
    size_t len, size;
    bool truncated, ended;
};

struct weir_process {
    struct weir__loop *loop;
    const struct weir__subprocess_kind *kind;
    struct weir__op op;          /* POLL of the pidfd: pending until the process has ended */
    struct weir__timer again;    /* a debugger holds its end back: ask again */
    bool held_back;              /* that; the timer is armed while somebody waits for the end */
    unsigned waits;              /* tasks that do */
    struct weir__waitq waiting;  /* for that */
    struct weir_stream *in, *out, *err;
    struct weir_stream *terminal; /* the master: in, out or err are it; else NULL */
    struct weir__capture captures[2]; /* weir_process_communicate: of out and err */
    size_t sent, ends_sent;      /* and how much of the input is written, and of Ctrl-D */
    bool communicates;
    bool closed;
    bool grouped;                /* it leads a group of its own */
    int state;                   /* WEIR__SUBPROCESS_RUNS; 0: it has ended, and how is in exit; an
                                  * error: it has ended, and how is not known */
    unsigned holders;            /* the user or the wake to come, and calls inside */
    pid_t pid;
    int pidfd;
    weir_ns grace_ns, drain_ns;
    size_t output_max;
    struct weir_exit exit;
    void *played;                /* the kind's */
    char name[];                 /* the command */
};

/* From now on only the process closes its streams: a weir_close of the user's aborts. */
void weir__subprocess_lend(struct weir_process *p);

/* Everything that a start needs, made of its options (plan.c). */
struct weir__plan {
    struct weir__spawn spawn;
    struct weir__spawn_limit limits[6];
    char **env;
    char **paths;
    struct weir__spawn_map *maps;
};

/* is_run: defaults of weir_process_run. name: of the command, for records.
 * Returns 0 or an error with its record; the plan must be freed in both cases. */
int weir__plan_make(struct weir__plan *plan, const char *const *argv,
                    const struct weir_process_options *o, bool is_run);
void weir__plan_free(struct weir__plan *plan);

/* As weir_process_start, after its cancel point; o was copied. */
int weir__subprocess_start(const char *const *argv, const struct weir_process_options *o,
                           bool is_run, struct weir_process **ret_process);

/* A process that runs, and that nobody has yet; NULL: no memory. */
struct weir_process *weir__subprocess_new(struct weir__loop *l, const char *name);
void weir__subprocess_give(struct weir_process *p, struct weir_process **ret_process);

/* Where the stream of fd 0, 1 or 2 is kept, for a room that takes it: NULL there then. That room
 * may close it. */
struct weir_stream **weir__subprocess_stream(struct weir_process *p, int fd);

/* One holder less: the last frees the memory. */
void weir__subprocess_drop(struct weir_process *p);

/* It has ended: state and exit, for whoever waits. p may be freed on return. */
WEIR_API void weir__subprocess_over(struct weir_process *p, int state,
                                    const struct weir_exit *exit);

/* A stream as /dev/null, which the caller must close. Returns 0 or -ENOMEM. */
WEIR_API int weir__subprocess_null(struct weir__loop *l, struct weir_stream **ret_stream);

void weir__subprocess_close_streams(struct weir_process *p);

/* Let p follow its pidfd. Returns 0 or an error. */
int weir__subprocess_follow(struct weir_process *p);

extern const struct weir__subprocess_kind weir__subprocess_real;

/* How libweir-test plays a program; NULL without it. p has its streams already, or none; on error
 * it has none. Returns 0 or an error. */
extern WEIR_API int (*weir__subprocess_player)(struct weir_process *p, const struct weir__spawn *s);

#endif
