/* SPDX-License-Identifier: MIT */
/* what.h - what a parked task waits for, in a form that can be read without running any code of the
 * room that parks: by the list of waiting tasks, and later by another process that reads this one's
 * memory. Each call that parks has one static const struct weir__what. */
#ifndef WEIR_TASK_WHAT_H
#define WEIR_TASK_WHAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct weir_task;

/* Where an object keeps its peer's address (a struct weir__peer) and its descriptor (an int):
 * offsets within the object. 0: it has none. */
struct weir__place {
    uint16_t peer_at, fd_at;
};

/* The type of park->on, the object for which the task waits. */
enum weir__on {
    WEIR__ON_NOTHING = 1, /* NULL */
    WEIR__ON_TIMER,       /* struct weir__timer */
    WEIR__ON_TASK,        /* struct weir_task */
    WEIR__ON_GROUP,       /* struct weir_group */
    WEIR__ON_OFFLOAD,     /* a function on a helper thread; NULL */
    WEIR__ON_STREAM,      /* struct weir_stream; its first member points to its kind, and that
                           * begins with the struct weir__place of such streams */
    WEIR__ON_LISTENER,    /* struct weir_listener; at.fd_at: its first descriptor */
    WEIR__ON_FD,          /* int, the descriptor */
    WEIR__ON_WS,          /* struct weir_ws; at stream_at it points to its stream, or NULL */
    WEIR__ON_LINK,        /* const char *url at name_at */
    WEIR__ON_MESH,        /* struct weir_mesh */
    WEIR__ON_NAME,        /* char[], a name that is being resolved */
    WEIR__ON_SYNC,        /* what another task will change, in a struct of the room */
};

struct weir__what {
    const char *text; /* the call, as in error records: "read", "sleep", "await" */
    const char *link; /* between the text and the object's name: "from", "to"; NULL: "of" */
    uint8_t kind;     /* enum weir__on */
    struct weir__place at;      /* WEIR__ON_LISTENER */
    uint16_t stream_at, name_at; /* WEIR__ON_WS; WEIR__ON_LINK */
    uint16_t site_at;   /* where the object points to its struct weir_site; 0: nowhere */
    const char *object; /* WEIR__ON_SYNC: what it is, "mutex" */
    /* The task that must act before this wait can end: the owner of a mutex, the task that is
     * awaited. NULL if it is nobody's, or not known. NULL: such objects have no owner. A cycle of
     * owners is a deadlock. */
    struct weir_task *(*owner)(const void *on);
    bool all_must_end; /* WEIR__ON_GROUP: only the ends of all its children end this wait */
};

/* The owner of a wait for the end of a task, or for what that task does: on is that task. */
struct weir_task *weir__what_awaited(const void *on);

/* Write the call and what it waits for: "read from 127.0.0.1:4000 (fd 7)", "await of task 'b'
 * (await_test.c:3)". on may be NULL. Returns buf. What comes from outside (a URL, a name) stays as
 * it came: the log escapes it. */
enum { WEIR__WHAT_TEXT = 256 };
const char *weir__what_text(const struct weir__what *what, const void *on,
                            char buf[static WEIR__WHAT_TEXT]);

/* The same for what t waits for now; or that it is ready, runs, or has ended. Returns buf or a
 * static text. Loop thread. */
const char *weir__task_waits_text(const struct weir_task *t, char buf[static WEIR__WHAT_TEXT]);

#endif
