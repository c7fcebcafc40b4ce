/* SPDX-License-Identifier: MIT */
/* what.c - the text of what a task waits for. It reads memory as what.h describes it and calls
 * nothing of the room that parks, so it is also the test that the description is right. */
#include "task/what.h"

#include <stdio.h>
#include <string.h>

#include "sys/addr.h"
#include "sys/peer.h"
#include "task/internal.h"

enum { NAME_TEXT = SCOPE_TEXT };

static const void *pointer_at(const void *on, size_t at) {
    const void *p;
    memcpy(&p, (const char *)on + at, sizeof p);
    return p;
}

static int fd_at(const void *on, size_t at) {
    int fd = -1;
    if (at != 0)
        memcpy(&fd, (const char *)on + at, sizeof fd);
    return fd;
}

/* Leaves name empty if the peer is not known. */
static void peer_name(const void *on, size_t at, char name[static NAME_TEXT]) {
    struct weir__peer peer;
    struct weir__addr addr;
    if (at == 0)
        return;
    memcpy(&peer, (const char *)on + at, sizeof peer);
    if (peer.family == AF_UNSPEC)
        return;
    weir__peer_addr(&peer, &addr);
    weir__addr_format(&addr, name, NAME_TEXT);
}

/* Returns the stream's descriptor, or -1. */
static int stream_name(const void *stream, char name[static NAME_TEXT]) {
    struct weir__place place;
    memcpy(&place, pointer_at(stream, 0), sizeof place);
    peer_name(stream, place.peer_at, name);
    return fd_at(stream, place.fd_at);
}

static void task_name(const struct weir_task *t, char name[static NAME_TEXT]) {
    snprintf(name, NAME_TEXT, "task '%s' (%s:%d)", t->name, t->site->file, t->site->line);
}

static void sync_name(const struct weir__what *what, const void *on, char name[static NAME_TEXT]) {
    const struct weir_site *site = what->site_at != 0 ? pointer_at(on, what->site_at) : NULL;
    const struct weir_task *holder = what->owner != NULL ? what->owner(on) : NULL;
    if (what->object == NULL)
        return;
    bool is_named = strncmp(what->text, what->object, strlen(what->object)) == 0;
    if (is_named && site == NULL && holder == NULL) /* "event wait" says it all */
        return;
    size_t n = (size_t)snprintf(name, NAME_TEXT, "the %s", is_named ? "one" : what->object);
    if (site != NULL && n < NAME_TEXT)
        n += (size_t)snprintf(name + n, NAME_TEXT - n, " initialised at %s:%d", site->file,
                              site->line);
    if (holder != NULL && n < NAME_TEXT)
        snprintf(name + n, NAME_TEXT - n, "%s held by task '%s'",
                 is_named && site == NULL ? "" : ",", holder->name);
}

/* Write the name of on; empty if it has none. Returns its descriptor, or -1. */
static int name_of(const struct weir__what *what, const void *on, char name[static NAME_TEXT]) {
    const void *part = NULL;
    switch ((enum weir__on)what->kind) {
    case WEIR__ON_TASK:
        task_name(on, name);
        break;
    case WEIR__ON_GROUP:
        weir__scope_text(SCOPE_GROUP, ((const struct group *)on)->scope.site, name);
        break;
    case WEIR__ON_STREAM:
        return stream_name(on, name);
    case WEIR__ON_LISTENER:
        return fd_at(on, what->at.fd_at);
    case WEIR__ON_FD:
        return *(const int *)on;
    case WEIR__ON_WS:
        part = pointer_at(on, what->stream_at);
        return part != NULL ? stream_name(part, name) : -1;
    case WEIR__ON_LINK:
        part = pointer_at(on, what->name_at);
        snprintf(name, NAME_TEXT, "%s", part != NULL ? (const char *)part : "");
        break;
    case WEIR__ON_NAME:
        snprintf(name, NAME_TEXT, "'%s'", (const char *)on);
        break;
    case WEIR__ON_SYNC:
        sync_name(what, on, name);
        break;
    case WEIR__ON_NOTHING:
    case WEIR__ON_TIMER:
    case WEIR__ON_OFFLOAD:
    case WEIR__ON_MESH:
        break;
    }
    return -1;
}

const char *weir__what_text(const struct weir__what *what, const void *on,
                            char buf[static WEIR__WHAT_TEXT]) {
    char name[NAME_TEXT] = "", fd[24] = "";
    int number = on != NULL ? name_of(what, on, name) : -1;
    if (number >= 0)
        snprintf(fd, sizeof fd, " (fd %d)", number);
    if (name[0] == '\0')
        snprintf(buf, WEIR__WHAT_TEXT, "%s%s", what->text, fd);
    else
        snprintf(buf, WEIR__WHAT_TEXT, "%s %s %s%s", what->text, what->link ? what->link : "of",
                 name, fd);
    return buf;
}

const char *weir__task_waits_text(const struct weir_task *t, char buf[static WEIR__WHAT_TEXT]) {
    switch ((enum task_state)t->state) {
    case TASK_PARKED:
        return weir__what_text(t->park->what, t->park->on, buf);
    case TASK_RUNNING:
        return "it runs";
    case TASK_FREE:
    case TASK_ENDED:
        return "it has ended";
    case TASK_NEW:
    case TASK_READY:
    case TASK_YIELDED:
        break;
    }
    return "ready";
}
