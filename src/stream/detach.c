/* SPDX-License-Identifier: MIT */
/* detach.c - a stream leaves its loop, and enters another. The window of the stream (lent pieces,
 * the hold) and what the backend had received become one block, which is the hold of the next
 * stream. All that can fail comes before the op DETACH is done: after that nothing may fail. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "loop/debug.h"
#include "stream/detached.h"
#include "sys/plain.h"


/* ---- leaving --------------------------------------------------------------------------------- */

static int refused(struct weir_stream *s, int rc, const char *what, const char *why) {
    char text[WEIR__NAME_TEXT];
    s->kind->address(s, true, text);
    return why == NULL ? weir__fail(rc, what, text)
                       : weir__failf(rc, what, text, "%s (%s)", why, weir_error_name(rc));
}

static int is_at_rest(struct weir_stream *s, const char *what) {
    if (s->owned || s->lent_out)
        return refused(s, -EBUSY, what, s->owned ? "it is the stream of a reactive connection"
                                                 : "it is the stream of a process");
    if (s->reading || s->writing)
        return refused(s, -EBUSY, what, s->reading ? "another task is reading it"
                                                   : "another task is writing to it");
    return s->torn ? refused(s, WEIR_ETORN, what, NULL) : 0;
}

static int may_leave(struct weir_stream *s, const char *what) {
    int rc = is_at_rest(s, what);
    return rc == 0 && s->kind->detach == NULL ? refused(s, -EOPNOTSUPP, what, NULL) : rc;
}

/* Unread bytes: of the window, and of the piece behind a hold. */
static size_t unread_of(const struct weir_stream *s) {
    return s->left + (s->held && s->lent.token != 0 ? s->lent.len : 0);
}

static void unread_copy(const struct weir_stream *s, uint8_t *to) {
    if (s->left > 0)
        memcpy(to, s->at, s->left);
    if (s->held && s->lent.token != 0)
        memcpy(to + s->left, s->lent.base, s->lent.len);
}

static struct weir__hold *hold_new(size_t size) {
    struct weir__hold *h = weir__alloc(sizeof *h + size);
    if (h != NULL)
        h->size = (uint32_t)size;
    return h;
}

/* The window of s, which has none, is h. */
static void window_is_hold(struct weir_stream *s, struct weir__hold *h, size_t len) {
    s->hold = h;
    s->held = true;
    s->at = h->bytes;
    s->left = (uint32_t)len;
}

int weir__stream_hold(struct weir_stream *s, const void *bytes, size_t len) {
    struct weir__hold *h = hold_new(len);
    if (h == NULL)
        return -ENOMEM;
    memcpy(h->bytes, bytes, len);
    window_is_hold(s, h, len);
    return 0;
}

int weir__stream_settle(struct weir_stream *s, const char *what) {
    int rc = is_at_rest(s, what);
    size_t room = unread_of(s);
    if (rc < 0 || room == 0)
        return rc;
    struct weir__hold *h = hold_new(room);
    if (h == NULL)
        return refused(s, -ENOMEM, what, NULL);
    unread_copy(s, h->bytes);
    weir__stream_drop(s);
    window_is_hold(s, h, room);
    return 0;
}

/* The file has left: d gets the unread bytes, of which there were `room` before, and what the
 * backend adds. A consume may have made the window smaller meanwhile. */
static void take_bytes(struct weir_detached *d, const struct weir_stream *s, size_t room,
                       const struct weir__op *op) {
    struct weir__hold *own = (struct weir__hold *)(void *)op->u.detach.block;
    if (own != NULL) {
        own->size = (uint32_t)room + op->u.detach.len;
        weir__free(d->hold);
        d->hold = own;
    }
    if (d->hold == NULL)
        return;
    d->at = d->hold->bytes + (room - unread_of(s));
    d->left = (uint32_t)unread_of(s) + op->u.detach.len;
    unread_copy(s, d->at);
    if (d->left == 0) { /* all was consumed meanwhile */
        weir__free(d->hold);
        d->hold = NULL;
    }
}

static void take_end(struct weir_detached *d, const struct weir_stream *s, int end) {
    d->failed = s->failed;
    d->by_write = s->by_write;
    d->ended = s->ended;
    d->shut = s->shut;
    if (s->ended || (s->failed != 0 && !s->by_write) || end > 0)
        return; /* known before; or nothing has come */
    d->ended = end == 0 && s->failed == 0;
    if (end < 0)
        d->failed = WEIR_SMALL_CODE(end);
    d->by_write = false;
}

/* The stream is no more; its object goes at once, since no task is inside. */
static void bury(struct weir_stream *s, const void *pc) {
    s->closed = true;
    s->loop->unclosed -= s->given;
    weir__debug_closed(s->loop, s, pc);
    weir__stream_drop(s);
    weir__stream_gone(s);
}

/* Another task has closed the stream. If its file has left all the same, nobody else closes it. */
static int closed_meanwhile(struct weir_stream *s, struct weir_detached *d, const char *what,
                            int64_t fd, const struct weir__op *op) {
    if (fd >= 0) {
        d->fd = (int)fd;
        d->left = op->u.detach.len;
        weir__free(op->u.detach.block);
    }
    weir__detached_drop(d, false);
    weir__stream_left(s);
    return weir__fail(WEIR_ECLOSED, what, NULL);
}

static struct weir_detached *detached_new(struct weir_stream *s, size_t room) {
    struct weir_detached *d = weir__alloc_zero(sizeof *d);
    if (d == NULL)
        return NULL;
    d->fd = -1;
    d->simulated = s->loop->backend->simulated;
    d->hold = room > 0 ? hold_new(room) : NULL;
    if (room > 0 && d->hold == NULL) {
        weir__free(d);
        return NULL;
    }
    s->kind->address(s, true, d->peer_text);
    return d;
}

/* max: the most unread bytes that may come along. plain: an error that has come is refused. */
static WEIR_NOINLINE int leave(struct weir_stream **take_stream, const char *what, size_t max,
                               bool plain, const void *pc, struct weir_detached **ret_detached) {
    struct weir_stream *s = *take_stream;
    int rc = may_leave(s, what);
    if (rc < 0)
        return rc;
    size_t room = unread_of(s);
    if (plain && s->failed != 0)
        return refused(s, s->failed, what, NULL);
    if (room > max)
        return refused(s, WEIR_ETOOBIG, what, NULL);
    struct weir_detached *d = detached_new(s, room);
    if (d == NULL)
        return refused(s, -ENOMEM, what, NULL);
    struct weir__op op = {.kind = WEIR__DETACH,
                          .u.detach = {.room = (uint32_t)(sizeof(struct weir__hold) + room),
                                       .max = (uint32_t)(max - room),
                                       .whole = plain}};
    s->reading = s->writing = true;
    int64_t fd = s->kind->detach(s, &op, d);
    s->reading = s->writing = false;
    if (s->closed)
        return closed_meanwhile(s, d, what, fd, &op);
    if (fd < 0) {
        weir__detached_drop(d, false);
        return refused(s, (int)fd, what, NULL);
    }
    d->fd = (int)fd;
    take_bytes(d, s, room, &op);
    take_end(d, s, op.u.detach.end);
    bury(s, pc);
    *take_stream = NULL;
    *ret_detached = d;
    return 0;
}

/* As many as the 32 bits of a hold can count. */
enum { UNREAD_MAX = INT32_MAX };

int weir_detach(struct weir_stream **take_stream, struct weir_detached **ret_detached) {
    weir__not_null(*take_stream, "weir_detach");
    int rc = weir__suspend_enter("detach");
    if (rc < 0 || (rc = weir__loop_enter((*take_stream)->loop, *take_stream, "detach")) < 0)
        return rc;
    return leave(take_stream, "detach", UNREAD_MAX, false, __builtin_return_address(0),
                 ret_detached);
}

int weir__stream_leave(struct weir_stream **take_stream, const char *what,
                       struct weir_detached **ret_detached) {
    return leave(take_stream, what, UNREAD_MAX, false, __builtin_return_address(0), ret_detached);
}

ssize_t weir_stream_take_fd(struct weir_stream **take_stream, void *buf, size_t size,
                            int *ret_fd) {
    weir__not_null(*take_stream, "weir_stream_take_fd");
    int rc = weir__suspend_enter("detach");
    if (rc < 0 || (rc = weir__loop_enter((*take_stream)->loop, *take_stream, "detach")) < 0)
        return rc;
    struct weir_detached *d;
    size_t max = size < UNREAD_MAX ? size : UNREAD_MAX;
    rc = leave(take_stream, "detach", max, true, __builtin_return_address(0), &d);
    if (rc < 0)
        return rc;
    size_t n = d->left;
    if (n > 0)
        memcpy(buf, d->at, n);
    *ret_fd = d->fd;
    d->fd = -1;
    weir__detached_drop(d, false);
    return (ssize_t)n;
}

/* ---- entering -------------------------------------------------------------------------------- */

void weir__detached_into(struct weir_detached *d, struct weir_stream *s) {
    s->hold = d->hold;
    s->held = d->hold != NULL;
    s->at = d->at;
    s->left = d->left;
    s->failed = d->failed;
    s->by_write = d->by_write;
    s->ended = d->ended;
    s->shut = d->shut;
    weir__free(d);
}

int weir_attach(struct weir_detached **take_detached, struct weir_stream **ret_stream) {
    static const char what[] = "attach";
    struct weir_detached *d = *take_detached;
    weir__not_null(d, "weir_attach");
    struct weir__loop *l = weir__loop();
    struct weir_stream *s;
    if (l == NULL)
        return weir__no_loop(what);
    int rc = l->backend->simulated == d->simulated ? 0 : WEIR_ESIMREFUSED;
    if (rc == 0)
        rc = d->is_socket ? weir__socket_again(l, d, &s) : weir__descriptor_again(l, d, &s);
    if (rc < 0)
        return weir__fail(rc, what, d->peer_text);
    weir__detached_into(d, s);
    *take_detached = NULL;
    weir__stream_give(s, ret_stream);
    weir__stream_remember(s, __builtin_return_address(0));
    return 0;
}

/* ---- between --------------------------------------------------------------------------------- */

struct weir_view weir_detached_unread(const struct weir_detached *d) {
    weir__not_null(d, "weir_detached_unread");
    return (struct weir_view){d->at, d->left};
}

/* An error that a write has met is behind bytes of which the kernel may still have some. */
int weir_detached_end(const struct weir_detached *d) {
    weir__not_null(d, "weir_detached_end");
    if (d->failed != 0 && !d->by_write)
        return d->failed;
    return d->ended ? 0 : 1;
}

const char *weir_detached_peer(const struct weir_detached *d) {
    weir__not_null(d, "weir_detached_peer");
    return d->peer_text;
}

static void closed_simulated(struct weir__op *op) {
    weir__close_done(op->waiter);
    weir__free(WEIR_CONTAINER(op, struct weir_detached, op));
}

/* The number of a simulated socket means something to the simulation of this thread only. The close
 * of a file that no backend keeps is a reset. */
static void close_simulated(struct weir_detached *d, bool resets) {
    struct weir__loop *l = weir__loop();
    struct weir__op attach = {.kind = WEIR__ATTACH, .file = &d->file};
    if (l == NULL || !l->backend->simulated) {
        weir__free(d);
        return;
    }
    d->file.fd = d->fd;
    if (!resets)
        weir__op_now(l, &attach);
    d->op.waiter = l;
    weir__close_submit(l, &d->op, &d->file, closed_simulated);
}

void weir__detached_drop(struct weir_detached *d, bool is_copy) {
    bool resets = d->left > 0 && d->peer.family != AF_UNSPEC && !is_copy;
    weir__free(d->hold);
    d->hold = NULL;
    if (d->fd >= 0 && d->simulated) {
        close_simulated(d, resets);
        return;
    }
    if (d->fd >= 0 && resets)
        weir__plain_turn_away(d->fd);
    else if (d->fd >= 0)
        close(d->fd);
    weir__free(d);
}

void weir_detached_close(struct weir_detached **take_detached) {
    struct weir_detached *d = take_detached != NULL ? *take_detached : NULL;
    if (d == NULL)
        return;
    *take_detached = NULL;
    weir__detached_drop(d, false);
}
