/* SPDX-License-Identifier: MIT */
/* what.h - what a parked task waits for, in a form that can be read without running any code of the
 * room that parks: by the list of waiting tasks, and later by another process that reads this one's
 * memory. Each call that parks has one static const struct weir__what. */
#ifndef WEIR_TASK_WHAT_H
#define WEIR_TASK_WHAT_H

#include <stddef.h>
#include <stdint.h>

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

/* Nothing in the library reads the members behind text yet. */
struct weir__what {
    const char *text; /* the call, as in error records: "read", "sleep", "await" */
    const char *link; /* between the text and the object's name: "from", "to"; NULL: nothing */
    uint8_t kind;     /* enum weir__on */
    struct weir__place at;      /* WEIR__ON_LISTENER */
    uint16_t stream_at, name_at; /* WEIR__ON_WS; WEIR__ON_LINK */
};

#endif
