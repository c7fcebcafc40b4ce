/* SPDX-License-Identifier: MIT */
/* link_layout.h - the members of a link, and what a task waits for on one. link.c only. */
#ifndef WEIR_MESH_LINK_LAYOUT_H
#define WEIR_MESH_LINK_LAYOUT_H

#include <stddef.h>

#include "mesh/link.h"
#include "mesh/retry.h"
#include "proto/ws_room.h"
#include "task/waitq.h"

enum ask_state {
    QUIET,
    ASKED,    /* an item was sent, and its ack has not come */
    ANSWERED, /* the ack has come, and its memory is not yet released */
};

struct weir__link {
    struct weir__list in_mesh;
    struct weir_mesh *mesh;
    char *target;  /* NULL: url is fixed */
    char *channel;
    char *url;     /* of the last dial */
    struct weir_ws *ws; /* the reader's; NULL: not connected */
    struct weir_task *reader;
    struct weir__waitq turns; /* slot: a struct weir_error, for the outage that ends the wait */
    struct weir__retry outage; /* the time that is left of it; all of it while there is none */
    bool taken, doomed, has_left; /* has_left: the item is out, its ack is awaited or was */
    bool dropping; /* ws is of no use any more: the reader ends */
    enum ask_state state;
    struct weir_ws_message ack; /* ANSWERED: a copy of it, so that the reader goes on */
    struct weir__waitq asker;   /* the task of the asker, while it waits for the reader */
    int ended, close_code; /* how the last connection ended */
    int failed; /* the code of `why`, 0: none */
    int status; /* of the last dial's refusal, or 0 */
    bool late;       /* a message that began before the item left is still coming */
    uint64_t heard, unasked; /* messages received; those of them that answered no item */
    char why[200];         /* what failed last, for people; longer than any reason */
};

#define ON_LINK .kind = WEIR__ON_LINK, .name_at = offsetof(struct weir__link, url)
static const struct weir__what takes_turn = {.text = "a turn on the link", .link = "to", ON_LINK};
static const struct weir__what awaits_ack = {.text = "an ack", .link = "from", ON_LINK};
static const struct weir__what awaits_end = {.text = "the end of the last connection",
                                             .link = "to", ON_LINK};
static const struct weir__what looks = {.text = "the link", .kind = WEIR__ON_TIMER};

#endif
