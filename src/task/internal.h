/* SPDX-License-Identifier: MIT */
/* internal.h - the layouts of this room: task, scope, group, scheduler. Only files of this room and
 * its tests include it.
 *
 * felt: the code that a suspending call returns inside a scope, group or task now: 0, -ETIME or
 * -ECANCELED. It is the code with which the scope fired itself, or the felt code of what is around
 * it, whichever ranks higher; -ECANCELED ranks over -ETIME. When something fires, the felt codes
 * inside it are computed anew, through a work list. So the check at the head of each suspending
 * call is one load. */
#ifndef WEIR_TASK_INTERNAL_H
#define WEIR_TASK_INTERNAL_H

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/time.h"
#include "loop/loop.h"
#include "task/depth.h"
#include "task/stack.h"
#include "task/task.h"
#include "task/waitq.h"

enum scope_kind { SCOPE_PLAIN = 1, SCOPE_SHIELD, SCOPE_GROUP, SCOPE_UNDER };
enum { SCOPE_OPEN = 0x73636f70, SCOPE_LEFT = 0x6c656674 };

struct reason { /* why a felt code is not 0 */
    const char *cause; /* of the cancel; NULL: none was given */
    weir_ns budget;    /* of the deadline that passed; 0: it was a cancel */
    uint16_t note;     /* who did it, and where: number of a note; 0: not known */
};

/* A note: who cancelled, and where. See code in struct weir_error (by_code). */
struct note {
    const char *by; /* a task's name; NULL: it was no task */
    const struct weir_site *site;
    int32_t code;
    uint16_t next;  /* in the bucket */
};

enum { NOTES_MAX = 512, NOTE_BUCKETS = 64 };

struct notes {
    struct note notes[NOTES_MAX]; /* the first is not used */
    unsigned count;
    uint16_t buckets[NOTE_BUCKETS];
};

struct signal_wait; /* signal.c */
struct group;

struct scope { /* behind struct weir_scope */
    uint32_t cookie;      /* SCOPE_OPEN or SCOPE_LEFT, mixed with its own address */
    uint8_t kind : 4, outer_kind : 4;
    uint8_t signal;       /* the signal that fired it; 0: none did */
    bool expired : 1;     /* a shield whose budget is spent: outer codes are felt inside again */
    bool was_late : 1;    /* a group that felt -ETIME first, and then -ECANCELED */
    uint8_t depth;        /* outer's + 1, modulo 256 */
    int16_t own, felt;    /* 0, -ETIME, -ECANCELED; own: with what it fired itself */
    uint16_t loop;        /* number of the loop that it belongs to */
    uint16_t note;        /* who fired it, and where */
    struct scope *outer;  /* the scope of the same task around it; NULL: none */
    struct weir_task *task;
    union {
        struct weir__timer timer; /* PLAIN, SHIELD */
        struct {                  /* UNDER: a group without an opening task */
            struct weir__list link;
            struct group *parent;
            void (*ended)(struct weir_group *g);
        } under;
        struct {                  /* GROUP */
            const char *cause;    /* these, and note, are the reason, as long as felt is not 0 */
            weir_ns budget;
            uint32_t cancelled;   /* children that were cancelled with the group */
            uint16_t note;
            struct weir__park *joiner; /* the wait of close or drain; NULL: nobody joins now */
        } group;
    } u;
    union {
        weir_ns budget;
        struct weir_task *done_last; /* GROUP: next.c */
    };
    const char *cause;
    union {
        struct signal_wait *signals; /* PLAIN */
        struct weir_error *kept;     /* GROUP: record of the first error; UNDER: of the connection's
                                      * end, for the task that is told of it */
    } v;
    const struct weir_site *site;       /* where it was entered; NULL: not known */
    const struct weir_site *outer_site; /* outer's site: readable when outer's frame is gone */
};
static_assert(sizeof(struct scope) == sizeof(struct weir_scope), "public size is ABI");

struct group { /* behind struct weir_group */
    struct scope scope;
    struct weir__list tasks;  /* live tasks, and ended ones that somebody has a handle of */
    struct weir__list unders; /* groups of connections that hang below, by u.under.link */
    uint32_t live;            /* tasks and unders that have not ended */
    uint32_t failed;
    int32_t first_error;
    uint8_t policy;
    bool queued;              /* on the work list */
    uint16_t first_number;    /* number of first_error in the ledger */
    struct group *next_work;
};
static_assert(sizeof(struct group) == sizeof(struct weir_group), "public size is ABI");

/* YIELDED: as READY, in a simulated world: it runs after all that were ready before it. */
enum task_state {
    TASK_FREE,
    TASK_NEW,
    TASK_READY,
    TASK_YIELDED,
    TASK_RUNNING,
    TASK_PARKED,
    TASK_ENDED
};

enum { TASK_INLINE = 40 };

struct weir_task { /* first the members that a park, a wake and a switch use: few cache lines */
    struct weir_task *next; /* ready queue, free list */
    struct stack *stack;    /* bound when it first runs */
    struct scope *scope;    /* innermost; NULL: none */
    union {
        int (*fn)(void *args);    /* until it first runs */
        struct weir__park *park;  /* while parked: its wait */
        struct weir_error *error; /* when ended: the record, for the owners of handles */
    };
    union {
        struct locals *inherited; /* until it first runs: its task-locals, or NULL */
        weir_ns since;          /* turn time at which it last parked */
        uint16_t error_number;  /* when ended with an error: its number in the ledger */
    };
    uint16_t note;            /* who cancelled it (weir_task_cancel), and where */
    int16_t base, felt;       /* base: its own cancel and its group's code; felt: in its innermost
                               * scope, or base where it has no scope */
    uint8_t state;
    bool unread : 1;          /* it ended with an error, which no await has returned yet */
    bool cancelled : 1;       /* by weir_task_cancel */
    bool daemon : 1;          /* holds no run open */
    bool done : 1;            /* ended, and weir_group_next has not handed it out */
    uint32_t refs;            /* handles, and 1 while it has not ended */
    uint16_t generation;      /* moves at each resume, and when the block is given back */
    uint16_t loop;            /* number of the loop that it belongs to */
    struct group *group;    /* NULL once the group is closed; read it through group_of_task */
    struct weir__list link; /* in group->tasks */
    const struct weir_site *site;
    const struct weir_site *group_site; /* where group was opened: readable when group is gone */
    const char *name;
    const char *cause;
    struct weir__at_end *at_end; /* hooks for when it ends: the last of a ring; NULL: none */
    struct weir__waitq awaiters; /* tasks that await it */
    int32_t result;
    uint32_t args_size;
    union {
        void *args_heap;
        uint64_t args_inline[TASK_INLINE / 8];
    };
};
static_assert(sizeof(struct weir_task) <= 176, "the task block is at most 176 bytes");

struct shutdown { /* shutdown.c */
    struct weir__timer timer;
    struct weir__waitq waiting; /* tasks in weir_wait_stopping */
    const char *cause;
    uint16_t note;
    enum { NOT_ASKED, DRAINS, CANCELLED } phase;
    weir_ns bound_ns;           /* after which the next report comes */
};

struct sched {
    struct weir__loop loop; /* first: a loop pointer is a sched pointer */
    struct weir_task *current;
    struct weir_task *ready_head, *ready_tail; /* loop.ready counts them */
    unsigned budget; /* resumes left before the driver runs a turn of the loop */
    struct context driver;
    struct weir__order *order; /* a simulated world chooses the next task; else NULL */
    size_t batch;              /* order: so many tasks at the head of the ready queue are of the
                                * batch that runs now */
    struct weir_task *free_tasks;
    struct slab *task_slabs;
    struct stack_pool stacks;
    struct depths depths;
    struct group root;
    struct weir_task *first; /* that weir_run or weir_block_on waits for: its handle; or NULL */
    bool first_spared;       /* the root has fired, but first goes on (weir__stop_others) */
    struct group *work, *work_tail;
    struct notes notes;
    struct weir__list abandoned; /* detached offloads that still run */
    size_t tasks_live, tasks_spawned;
    size_t daemons;          /* that have not ended */
    bool is_run;             /* of weir_run: it ends when only daemons are left */
    struct shutdown shutdown;
    struct keeper *keepers;  /* keep.c */
    bool (*on_unhandled)(const struct weir_unhandled *u, void *arg);
    void *unhandled_arg;
    struct weir_task *fired_task; /* the task whose calls last returned a felt code at entry, */
    unsigned fired_in_row;        /* and how many of its calls did so, one after the other */
    struct weir__list soon; /* soon.c: callbacks */
    struct weir__flush soon_flush;
    bool ending; /* all tasks have ended: no callback is queued any more */
    bool crash_reports;
    bool stepping;       /* it runs its turn and its tasks now */
    struct sched *outer; /* drive.c: the loop that this thread opened before, if it is open still */
    int stack_class; /* of tasks whose spawn gives no stack_size */
    bool apart; /* this round: order is set, or very many are ready */
    struct weir_task *fetched; /* while very many are ready: sched.c, fetch_ahead; else NULL */
    unsigned fetched_ahead;    /* so many tasks behind the head of the ready queue */
};

static_assert(offsetof(struct sched, current) == offsetof(struct weir__sched_head, current),
              "task.h reads it inline");

static inline struct scope *scope_of(struct weir_scope *s) {
    return (struct scope *)(void *)s;
}

static inline struct group *group_of(struct weir_group *g) {
    return (struct group *)(void *)g;
}

/* Is the mark of sc that cookie? A scope that was copied, zeroed, left or overwritten is not
 * open. */
static inline bool scope_has(const struct scope *sc, uint32_t cookie) {
    return sc->cookie == (cookie ^ (uint32_t)(uintptr_t)sc);
}

/* Is the scope around sc still the one that was there when sc was entered? */
static inline bool outer_holds(const struct scope *sc) {
    const struct scope *outer = sc->outer;
    return outer == NULL ||
           (scope_has(outer, SCOPE_OPEN) && (uint8_t)(outer->depth + 1) == sc->depth);
}

/* What has fired sc itself, as weir_scope_leave calls it. */
static inline int scope_fired(const struct scope *sc) {
    return sc->own == -ECANCELED ? WEIR_ESTOPPED : sc->own;
}

static inline bool weir__reason_is(const struct reason *a, const struct reason *b) {
    return a->cause == b->cause && a->budget == b->budget && a->note == b->note;
}

static inline void weir__group_reason(struct group *g, struct reason why) {
    g->scope.u.group.cause = why.cause;
    g->scope.u.group.budget = why.budget;
    g->scope.u.group.note = why.note;
}

static inline int16_t code_max(int16_t a, int16_t b) {
    return a < b ? a : b; /* -ECANCELED (-125) outranks -ETIME (-62) outranks 0 */
}

/* owner.c: each of these aborts with a message that names the misuse. */
_Noreturn void weir__scope_refuse(const struct scope *sc, const char *call) __attribute__((cold));
_Noreturn void weir__task_refuse(const struct weir_task *t, const char *call) __attribute__((cold));
_Noreturn void weir__group_gone(const struct weir_task *child) __attribute__((cold));
_Noreturn void weir__scope_gone(const struct weir_task *t, const struct weir_site *site,
                                uint8_t kind) __attribute__((cold));
_Noreturn void weir__scope_open_already(const struct weir_site *site, uint8_t kind)
    __attribute__((cold));
_Noreturn void weir__returned_in_child(const struct weir_task *t) __attribute__((cold));
_Noreturn void weir__ended_inside(const struct weir_task *t) __attribute__((cold));
_Noreturn void weir__scope_not_yours(const struct scope *sc, const char *call)
    __attribute__((cold));
struct sched *weir__sched_for(const char *call); /* aborts outside a task */

/* Write "the group opened at program.c:12" into buf and return buf. */
enum { SCOPE_TEXT = 160 };
const char *weir__scope_text(uint8_t kind, const struct weir_site *site,
                             char buf[static SCOPE_TEXT]);

/* Abort unless sc is open and belongs to the loop that runs on this thread. */
static inline void scope_assert(const struct scope *sc, const char *call) {
    struct sched *s = weir__sched;
    if (__builtin_expect(sc == NULL || s == NULL || !scope_has(sc, SCOPE_OPEN) ||
                             sc->loop != s->loop.number, 0))
        weir__scope_refuse(sc, call);
}

/* Abort unless t is a task of the loop that runs on this thread, and somebody holds it. */
static inline void task_assert(const struct weir_task *t, const char *call) {
    struct sched *s = weir__sched;
    if (__builtin_expect(t == NULL || s == NULL || t->loop != s->loop.number || t->refs == 0, 0))
        weir__task_refuse(t, call);
}

/* Abort if the innermost scope of t, the running task, lies in a frame that has returned. Such a
 * scope lies below the frame of the public call, where no live memory of the caller is. So a helper
 * that forgot to leave its scope is named at the task's next suspending call: before a child of a
 * forgotten group can run, and before the scope's timer fires. A forgotten scope in other memory (a
 * block that has ended, the heap) is found by its mark, once that memory is overwritten. */
static inline void scope_alive(const struct weir_task *t, const void *frame) {
    const void *sc = t->scope;
    if (__builtin_expect(sc == NULL, 1))
        return;
    bool below = sc < frame && sc >= (const void *)t->stack->low;
    if (__builtin_expect(below || !scope_has(t->scope, SCOPE_OPEN), 0))
        weir__scope_gone(t, t->stack->inside, (uint8_t)t->stack->inside_kind);
}

/* The group of a task. Aborts if its memory was given up before the group was closed. */
static inline struct group *group_of_task(const struct weir_task *t) {
    if (__builtin_expect(t->group != NULL && !scope_has(&t->group->scope, SCOPE_OPEN), 0))
        weir__group_gone(t);
    return t->group;
}

/* The innermost group around t that a task has opened: that of t, or one above a connection's.
 * NULL: no task has opened any. */
static inline struct group *opened_group_of(const struct weir_task *t) {
    struct group *g = group_of_task(t);
    while (g != NULL && g->scope.kind == SCOPE_UNDER)
        g = g->scope.u.under.parent;
    return g;
}

static inline void *weir__task_args(struct weir_task *t) {
    return t->args_size > TASK_INLINE ? t->args_heap : t->args_inline;
}

/* sched.c */
void weir__make_ready(struct sched *s, struct weir_task *t);
/* The running task goes behind all ready tasks. Returns 0. */
int64_t weir__yield_now(struct sched *s);
void weir__slice_over(struct sched *s); /* the same, and the next turn of the loop comes sooner */
void weir__run_round(struct sched *s);  /* the driver: run the ready tasks and flushes of a turn */
void weir__interrupt(struct sched *s, struct weir_task *t); /* cut t's wait short with its code */
/* End t's wait with rc, whose record is t's already: weir__fail_wait leaves it. */
void weir__wait_refuse(struct weir_task *t, int rc) __attribute__((cold));
void weir__unpark_task(struct weir_task *t); /* as weir__unpark, but park->result stays */

/* Begin debug mode on this thread; a failure is logged, and the run goes on without. */
void weir__sched_debug(struct sched *s, weir_ns slow_ns);

/* scope.c */
void weir__scope_refresh(struct sched *s, struct weir_task *t); /* recompute what t feels */
/* Cancel all tasks of the run. */
void weir__root_fire(struct sched *s, const char *cause, uint16_t note);
/* The reason why t feels code in its scope sc (NULL: outside of its scopes). If several scopes or
 * groups around sc fired with that code, it is the reason of the outermost: the owner of that one
 * must handle the error, and the inner ones pass it on. */
struct reason weir__scope_reason(const struct weir_task *t, const struct scope *sc, int code);
/* The groups whose felt code has changed stand on a work list: hand their codes to their children
 * until the list is empty; put g on the list. */
void weir__scope_spread(struct sched *s);
void weir__scope_queue_group(struct sched *s, struct group *g);
void weir__scope_begin(struct scope *s, uint8_t kind, const struct weir_site *site,
                       const void *frame);
/* Abort unless sc is the innermost scope of the running task. */
void weir__scope_leavable(const struct scope *sc, const char *call);
void weir__scope_end(struct scope *s);
/* Write a record with the cause of sc's cancel. Returns WEIR_ESTOPPED. */
int weir__stopped(const char *what, const struct scope *sc);
void weir__scope_fire(struct scope *s, int16_t code, const char *cause, uint16_t note);

/* note.c: the number of a note; 0 if there is nothing to note, or no room */
uint16_t weir__note(const char *by, const struct weir_site *site, int code);
uint16_t weir__note_here(const struct weir_site *site); /* by the running task, if there is one */
const struct note *weir__note_of(uint16_t number);      /* never NULL */

/* signal.c */
void weir__signal_waits_drop(struct scope *s);

/* group.c */
void weir__group_init(struct group *g, enum weir_policy policy);
void weir__group_child_failed(struct group *g, struct weir_task *t, int rc,
                              const struct weir_error *e);
/* Is rc the code that is felt in g, or -ETIME that was felt there before a cancel replaced it? A
 * child or body that returns such a code was stopped from outside and has not failed itself. */
bool weir__group_has_felt(const struct group *g, int rc);
void weir__group_child_ended(struct group *g);
void weir__group_feels(struct group *g); /* its felt code changes from 0: count the children */
void weir__group_child_begins_cancelled(struct group *g) __attribute__((cold));
int weir__group_join(struct sched *s, struct group *g, weir_ns grace_ns);

/* keep.c: keep an error of t, a child of g. Returns false if nobody keeps those of g, or it cannot
 * be kept. */
bool weir__keep_error(struct group *g, const struct weir_task *t, int rc,
                      const struct weir_error *e) __attribute__((cold));
void weir__keeper_leave(struct sched *s, const struct group *g);

/* next.c: a child has ended that somebody holds; it is handed out, or nobody holds it any more, but
 * it stays in the group's list. */
void weir__group_child_done(struct group *g, struct weir_task *t);
void weir__group_done_leave(struct group *g, struct weir_task *t);

/* shutdown.c */
void weir__shutdown_init(struct sched *s);
void weir__shutdown_end(struct sched *s);
void weir__shutdown(struct sched *s, weir_ns grace_ns, const char *cause, uint16_t note);
void weir__daemon_begins(struct sched *s, struct weir_task *t);
void weir__daemons_cancel(struct sched *s); /* nobody else is left */
/* Log each task in g, and below it, that has not ended, and what it waits for. */
void weir__name_waiting(enum weir_log_level level, const struct group *g);

/* local.c */
struct locals *weir__locals_inherit(struct locals *l); /* one more task has them */
void weir__locals_drop(struct locals *l);

/* spawn.c */
int weir__task_slabs_init(struct sched *s);
void weir__task_slabs_fini(struct sched *s);
/* The run is over: log the errors that handles still keep, warn of other handles, free all. */
void weir__handles_end(struct sched *s);
void weir__task_ended(struct sched *s, struct weir_task *t, int rc);
_Noreturn void weir__task_first_run(void); /* sched.c: the first function on a fresh stack */
void weir__task_unref(struct sched *s, struct weir_task *t);

/* await.c */
/* Run all hooks of t, in the order they were added. What lay below frame is gone. */
void weir__at_end_run(struct weir_task *t, const void *frame);

/* error.c */
struct weir_error *weir__error_here(void); /* the record of the running task or thread */
/* As weir__failf, in the record of t, which runs or is parked. */
int weir__failf_in(struct weir_task *t, int rc, const char *what, const char *format, ...)
    __attribute__((cold, format(printf, 4, 5)));
/* The ledger: t has ended with an error, which gets a number; the error with that number has been
 * handed over, logged or excused, which must happen once for each. */
void weir__error_raised(struct weir_task *t) __attribute__((cold));
uint16_t weir__error_number(void) __attribute__((cold));
void weir__error_settled(uint16_t number) __attribute__((cold));
/* The running task's record is that of a cancel or a deadline: say whose. */
void weir__error_because(struct reason why) __attribute__((cold));
/* The text of a record, made now if it was not yet. */
const char *weir__error_words(struct weir_error *e);
/* Log "task ... VERB: error" and settle the error of t in the ledger. */
void weir__error_log(const char *verb, const struct weir_task *t, int rc,
                     const struct weir_error *e);
/* A copy of e on the heap; NULL if e is not rc's record, or without memory. */
struct weir_error *weir__error_copy(int rc, const struct weir_error *e);
/* The same; but if e is not rc's record, make one that names the child t. */
struct weir_error *weir__error_of_child(const struct weir_task *t, int rc,
                                        const struct weir_error *e) __attribute__((cold));

/* From now on calls outside of tasks write this record; NULL: that of the thread. Returns the one
 * before. */
struct weir_error *weir__error_divert(struct weir_error *e);

/* soon.c */
void weir__soon_init(struct sched *s);
void weir__soon_drop(struct sched *s); /* what is queued is not called any more */
void weir__run_ends(struct sched *s);  /* all tasks have ended: drop the callbacks */

/* op.c */
void weir__op_after_fork(void);
bool weir__is_fork_child(void); /* forked by a process whose loop ran on this thread */

/* offload.c */
void weir__offload_forget(struct sched *s); /* the run ends: give up the abandoned jobs */

/* crash.c */
bool weir__crash_reports_welcome(void); /* the program does not handle SIGSEGV itself */
int weir__crash_reports_start(struct sched *s);
void weir__crash_reports_stop(struct sched *s);

#endif
