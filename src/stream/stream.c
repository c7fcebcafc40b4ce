/* SPDX-License-Identifier: MIT */
/* stream.c - the calls on streams, the same for every kind: peek and consume on lent pieces; read,
 * read_exactly and read_until, which use these; write, shutdown, close.
 *
 * Bytes are copied only into the reader's memory, or, when peek asks for more bytes than one piece
 * has, into the hold, which is freed as soon as it is empty.
 * After close the object lives until its kind is gone and both tasks inside have left. A caller of
 * read_leave or write_leave that gets WEIR_ECLOSED must not touch the object again. */
#include "stream/stream.h"

#include <string.h>

#include "base/alloc.h"
#include "base/check.h"
#include "loop/debug.h"

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

enum { TRY_MAX = 64 << 10 }; /* of weir_try_write: the same for every kind of stream */

void weir__stream_init(struct weir_stream *s, const struct weir__stream_kind *kind,
                       struct weir__loop *l) {
    memset(s, 0, sizeof *s);
    s->kind = kind;
    s->loop = l;
    weir__debug_begins(l, s);
}

/* ---- life ---- */

void weir__stream_left(struct weir_stream *s) {
    if (!s->gone || s->reading || s->writing)
        return;
    if (s->kind->fini != NULL)
        s->kind->fini(s);
    weir__free(s->names);
    weir__free(s);
}

void weir__stream_drop(struct weir_stream *s) {
    weir__stream_release(s);
    weir__free(s->hold);
    s->hold = NULL;
    s->held = false;
    s->left = 0;
}

void weir__stream_gone(struct weir_stream *s) {
    WEIR_CHECK(s->closed && !s->gone);
    s->gone = true;
    weir__stream_left(s);
}

void weir__close_submit(struct weir__loop *l, struct weir__op *op, struct weir__file *file,
                        void (*done)(struct weir__op *op)) {
    void *waiter = op->waiter;
    *op = (struct weir__op){.kind = WEIR__CLOSE, .file = file, .wake = done, .waiter = waiter};
    l->hidden++;
    if (weir__submit(l->backend, op) == WEIR__DONE)
        done(op);
}

void weir__stream_remember(struct weir_stream *s, const void *pc) {
    char text[WEIR__NAME_TEXT];
    if (likely(s->loop->debug == NULL))
        return;
    s->kind->address(s, true, text);
    weir__debug_made(s->loop, s, "stream to", text, pc);
}

void weir_close(struct weir_stream **take_stream) {
    struct weir_stream *s = take_stream != NULL ? *take_stream : NULL;
    if (s == NULL)
        return;
    weir__debug_not_closed(weir__loop(), s, "weir_close", __builtin_return_address(0));
    if (unlikely(weir__loop_is_parents(s->loop))) {
        *take_stream = NULL;
        if (s->kind->leave != NULL)
            s->kind->leave(s);
        return;
    }
    weir__loop_assert(s->loop, s, "weir_close");
    if (s->owned)
        WEIR_BUG("weir_close on the stream of a reactive connection: use weir_conn_close");
    if (s->lent_out)
        WEIR_BUG("weir_close on the stream of a process: weir_process_close closes it (standard "
                 "input alone: weir_process_close_stdin)");
    WEIR_CHECK(!s->closed);
    *take_stream = NULL;
    s->closed = true;
    s->loop->unclosed -= s->given;
    weir__debug_closed(s->loop, s, __builtin_return_address(0));
    s->kind->close(s);
}

/* Write the error's record. The peer's address is asked for only here. */
static __attribute__((cold, noinline)) int failed(struct weir_stream *s, int rc,
                                                  const char *what) {
    char text[WEIR__NAME_TEXT];
    if (s->closed)
        return weir__fail(rc, what, s->kind->name);
    s->kind->address(s, true, text);
    const char *why = s->kind->why != NULL ? s->kind->why(s, rc) : NULL;
    return why != NULL ? weir__failf(rc, what, text, "%s", why) : weir__fail(rc, what, text);
}

/* The call is refused because of something this program did: say what. The usual text of the code
 * would mislead (that of EPIPE blames the peer). */
static __attribute__((cold, noinline)) int refused(struct weir_stream *s, int rc, const char *what,
                                                   const char *why) {
    char text[WEIR__NAME_TEXT];
    s->kind->address(s, true, text);
    return weir__failf(rc, what, text, "%s (%s)", why, weir_error_name(rc));
}

static int second_reader(struct weir_stream *s, const char *what) {
    return refused(s, -EBUSY, what, s->owned ? "its reactive server is reading it"
                                             : "another task is reading it");
}

static int no_more_writes(struct weir_stream *s, const char *what) {
    if (s->writing)
        return refused(s, -EBUSY, what, "another task is writing to it");
    return s->torn ? failed(s, WEIR_ETORN, what)
                   : refused(s, -EPIPE, what, "this side was shut down before");
}

static __attribute__((cold, noinline)) int no_delimiter(struct weir_stream *s, size_t max) {
    char text[WEIR__NAME_TEXT];
    s->kind->address(s, true, text);
    return weir__failf(WEIR_ETOOBIG, "read", text, "%s: no delimiter in %zu bytes",
                       weir_error_text(WEIR_ETOOBIG), max);
}

/* ---- waiting ---- */

const struct weir__what weir__reads = {.text = "read", .link = "from", .kind = WEIR__ON_STREAM};
const struct weir__what weir__writes = {.text = "write", .link = "to", .kind = WEIR__ON_STREAM};
const struct weir__what weir__detaches = {.text = "detach", .kind = WEIR__ON_STREAM};

/* ---- reading ---- */

static int read_leave(struct weir_stream *s, int64_t rc, const char *what);

/* Other tasks have run: the scope may have fired, and the stream may have been closed. */
static __attribute__((cold, noinline)) int read_again(struct weir_stream *s, const char *what) {
    int rc = weir_cancelled();
    return read_leave(s, rc, what);
}

static inline int read_enter(struct weir_stream *s, const char *what) {
    int rc = weir__suspend_enter(what);
    if (rc < 0)
        return rc;
    if (unlikely((rc = weir__loop_enter(s->loop, s, what)) < 0))
        return rc;
    if (unlikely(s->reading))
        return second_reader(s, what);
    s->reading = true;
    if (unlikely(weir__breathe()))
        return read_again(s, what);
    s->reading = false;
    return 0;
}

static int read_leave(struct weir_stream *s, int64_t rc, const char *what) {
    s->reading = false;
    if (likely(!s->closed))
        return rc < 0 ? failed(s, (int)rc, what) : (int)rc;
    weir__stream_drop(s);
    failed(s, WEIR_ECLOSED, what);
    weir__stream_left(s);
    return WEIR_ECLOSED;
}

/* Remember the end of the stream and errors of the peer: after a reset the kernel answers 0. */
static int64_t note(struct weir_stream *s, int64_t n) {
    if (n == 0)
        n = weir__stream_end(s);
    if (n == 0) {
        s->ended = true;
    } else if (n < 0 && n != -ECANCELED && n != -ETIME && !weir__stream_lacks(n) && !s->closed &&
               !s->kind->goes_on) {
        s->failed = WEIR_SMALL_CODE(n);
        s->by_write = false;
    }
    return n;
}

static void window_is_lent(struct weir_stream *s) {
    s->at = s->lent.base;
    s->left = s->lent.len;
}

/* The window is empty: free or release what it lay in. A piece behind the hold is the window
 * now. */
static void drained(struct weir_stream *s) {
    if (likely(!s->held)) {
        weir__stream_release(s);
        return;
    }
    weir__free(s->hold);
    s->hold = NULL;
    s->held = false;
    if (s->lent.token != 0)
        window_is_lent(s);
}

static inline void take(struct weir_stream *s, size_t len) {
    s->at += len;
    s->left -= (uint32_t)len;
    if (s->left == 0)
        drained(s);
}

static size_t copy_out(struct weir_stream *s, void *buf, size_t len) {
    size_t n = len < s->left ? len : s->left;
    if (n == 0)
        return 0;
    memcpy(buf, s->at, n);
    take(s, n);
    return n;
}

/* How large a hold to allocate for size bytes: at least doubled, within the limit of peek. */
static size_t hold_room(const struct weir_stream *s, size_t size) {
    size_t doubled = s->held ? 2 * (size_t)s->hold->size : 0;
    if (doubled > WEIR__PEEK_MAX)
        doubled = WEIR__PEEK_MAX;
    return size > doubled ? size : doubled;
}

/* Move the window into the hold, with room for size bytes in all. */
static int hold_reserve(struct weir_stream *s, size_t size) {
    if (s->held && (size_t)(s->at - s->hold->bytes) + size <= s->hold->size)
        return 0;
    if (s->held && size <= s->hold->size) {
        memmove(s->hold->bytes, s->at, s->left);
        s->at = s->hold->bytes;
        return 0;
    }
    size_t room = hold_room(s, size);
    struct weir__hold *h = weir__alloc(sizeof *h + room);
    if (h == NULL)
        return -ENOMEM;
    h->size = (uint32_t)room;
    memcpy(h->bytes, s->at, s->left);
    if (s->held)
        weir__free(s->hold);
    else
        weir__stream_release(s);
    s->hold = h;
    s->held = true;
    s->at = h->bytes;
    return 0;
}

/* Receive one more piece and copy it behind a window that is not empty. Without memory for that the
 * piece stays lent behind the hold, and no byte is lost. */
static int64_t join(struct weir_stream *s, size_t min) {
    int rc = hold_reserve(s, min);
    if (rc < 0)
        return rc;
    if (s->lent.token == 0) {
        int64_t n = note(s, s->kind->recv(s, &s->lent));
        if (n <= 0 || s->closed)
            return n;
        if (!s->held) { /* another task has consumed all that was here */
            window_is_lent(s);
            return 1;
        }
    }
    rc = hold_reserve(s, s->left + (size_t)s->lent.len);
    if (rc < 0)
        return rc;
    memcpy(s->at + s->left, s->lent.base, s->lent.len);
    s->left += s->lent.len;
    weir__stream_release(s);
    return 1;
}

static int64_t more(struct weir_stream *s, size_t min) {
    if (s->left > 0 && s->lent.token != 0 && s->held)
        return join(s, min);
    if ((s->failed != 0 && !s->by_write) || s->ended)
        return s->failed;
    if (s->left > 0)
        return join(s, min);
    int64_t n = note(s, s->kind->recv(s, &s->lent));
    if (n > 0)
        window_is_lent(s);
    return n;
}

/* Call before a call waits once more. A cancel may have come while the task was ready and had no
 * wait that could be cut short. Returns 1 or the felt code. */
static int go_on(void) {
    int rc = weir_cancelled();
    return rc < 0 ? rc : 1;
}

/* Wait until the window has min bytes. Returns 1; 0 at end of stream with no byte left; an
 * error. */
static int fill(struct weir_stream *s, size_t min, const char *what) {
    if (min > WEIR__PEEK_MAX)
        return failed(s, WEIR_ETOOBIG, what);
    int64_t rc = 1;
    s->reading = true;
    while (s->left < min && rc > 0 && !s->closed) {
        rc = more(s, min);
        if (rc > 0 && s->left < min)
            rc = go_on();
    }
    if (rc == 0 && s->left > 0)
        rc = WEIR_EEOF;
    return read_leave(s, rc > 0 ? 1 : rc, what);
}

static bool goes_past(const struct weir_stream *s, size_t len) {
    return len >= WEIR__INTO_MIN && s->left == 0 && s->kind->recv_into != NULL && !s->ended &&
           s->failed == 0;
}

static int64_t read_into(struct weir_stream *s, void *buf, size_t len) {
    s->reading = true;
    int64_t n = note(s, s->kind->recv_into(s, buf, len < INT32_MAX ? len : INT32_MAX));
    return read_leave(s, n, "read");
}

ssize_t weir__stream_peek(struct weir_stream *s, size_t min, const char *what,
                          struct weir_view *ret_view) {
    int rc = read_enter(s, what);
    if (rc < 0)
        return rc;
    if (min == 0)
        min = 1;
    if (s->left < min && (rc = fill(s, min, what)) <= 0)
        return rc;
    *ret_view = (struct weir_view){s->at, s->left};
    return s->left;
}

ssize_t weir_peek(struct weir_stream *s, size_t min, struct weir_view *ret_view) {
    weir__not_null(s, "weir_peek");
    return weir__stream_peek(s, min, "peek", ret_view);
}

void weir_consume(struct weir_stream *s, size_t len) {
    weir__not_null(s, "weir_consume");
    weir__loop_assert(s->loop, s, "weir_consume");
    if (len > s->left)
        WEIR_BUG("weir_consume(%zu), but peek showed %u bytes", len, s->left);
    if (len > 0)
        take(s, len);
}

ssize_t weir_read(struct weir_stream *s, void *buf, size_t len) {
    weir__not_null(s, "weir_read");
    int rc = read_enter(s, "read");
    if (rc < 0 || len == 0)
        return rc;
    if (goes_past(s, len))
        return (ssize_t)read_into(s, buf, len);
    if (s->left == 0 && (rc = fill(s, 1, "read")) <= 0)
        return rc;
    return (ssize_t)copy_out(s, buf, len);
}

int weir_read_exactly(struct weir_stream *s, void *buf, size_t len) {
    weir__not_null(s, "weir_read_exactly");
    int64_t n = read_enter(s, "read");
    if (n < 0)
        return (int)n;
    size_t done = copy_out(s, buf, len);
    while (done < len) {
        void *rest = (char *)buf + done;
        if (goes_past(s, len - done)) {
            n = read_into(s, rest, len - done);
            done += n > 0 ? (size_t)n : 0;
        } else if ((n = fill(s, 1, "read")) > 0) {
            done += copy_out(s, rest, len - done);
        }
        if (n > 0 && done < len && (n = go_on()) < 0)
            failed(s, (int)n, "read");
        if (n <= 0)
            break;
    }
    if (done == len)
        return 0;
    int rc = n < 0 ? (int)n : failed(s, WEIR_EEOF, "read");
    weir__fail_done(rc, done);
    return rc;
}

ssize_t weir_read_until(struct weir_stream *s, int delim, char *buf, size_t size) {
    weir__not_null(s, "weir_read_until");
    int rc = read_enter(s, "read");
    if (rc < 0)
        return rc;
    if (size == 0)
        return no_delimiter(s, 0);
    size_t max = size - 1, seen = 0;
    for (;;) {
        size_t upto = s->left < max ? s->left : max;
        const uint8_t *hit = upto > seen ? memchr(s->at + seen, delim, upto - seen) : NULL;
        if (hit != NULL) {
            size_t len = (size_t)(hit - s->at) + 1;
            copy_out(s, buf, len);
            buf[len] = '\0';
            return (ssize_t)len;
        }
        if (upto == max)
            return no_delimiter(s, max);
        if (seen > 0 && (rc = go_on()) < 0)
            return failed(s, rc, "read");
        seen = upto;
        if ((rc = fill(s, seen + 1, "read")) <= 0)
            return rc;
    }
}

ssize_t weir__stream_read_by(struct weir_stream *s, void *buf, size_t len,
                             weir__stream_reads *fn, void *arg) {
    int rc = read_enter(s, "read");
    if (rc < 0 || s->left > 0)
        return rc < 0 ? rc : (ssize_t)copy_out(s, buf, len);
    bool over = s->ended || (s->failed != 0 && !s->by_write);
    s->reading = true;
    return read_leave(s, over ? s->failed : note(s, fn(s, arg)), "read");
}

/* ---- writing ---- */

/* A write has returned rc. If that broke the connection, reads must not take the end of what came
 * for the end of the stream. Not -EPIPE: after an end that the peer has sent, nothing is missing.
 * Nor what a file may return. */
void weir__stream_note_write(struct weir_stream *s, int rc) {
    bool breaks = rc == -ECONNRESET || rc == -ETIMEDOUT || rc == -ECONNABORTED ||
                  rc == -EHOSTUNREACH || rc == -ENETUNREACH || rc == -ENETDOWN;
    if (!breaks || s->failed != 0 || s->ended)
        return;
    s->failed = WEIR_SMALL_CODE(rc);
    s->by_write = true;
}

static __attribute__((cold, noinline)) int write_broken(struct weir_stream *s, int rc,
                                                        size_t done) {
    if (done > 0)
        s->torn = true;
    weir__stream_note_write(s, rc);
    rc = failed(s, s->closed ? WEIR_ECLOSED : rc, "write");
    weir__fail_done(rc, done);
    if (s->closed)
        weir__stream_left(s);
    return rc;
}

static inline int write_leave(struct weir_stream *s, int rc, size_t done) {
    s->writing = false;
    return likely(rc >= 0 && !s->closed) ? 0 : write_broken(s, rc, done);
}

static inline int write_enter(struct weir_stream *s, const char *what) {
    int rc = weir__suspend_enter(what);
    if (rc < 0)
        return rc;
    if (unlikely((rc = weir__loop_enter(s->loop, s, what)) < 0))
        return rc;
    if (unlikely(s->writing || s->torn || s->shut))
        return no_more_writes(s, what);
    s->writing = true;
    if (unlikely(weir__breathe()))
        return write_leave(s, weir_cancelled(), 0); /* other tasks have run: look again */
    s->writing = false;
    return 0;
}

int weir_write(struct weir_stream *s, const void *buf, size_t len) {
    weir__not_null(s, "weir_write");
    int rc = write_enter(s, "write");
    if (rc < 0 || len == 0)
        return rc;
    size_t done = 0;
    s->writing = true;
    rc = s->kind->send(s, buf, len, &done);
    return write_leave(s, rc, done);
}

int weir__stream_write_by(struct weir_stream *s, weir__stream_writes *fn, void *arg) {
    int rc = write_enter(s, "write");
    if (rc < 0)
        return rc;
    size_t done = 0;
    s->writing = true;
    rc = fn(s, arg, &done);
    return write_leave(s, rc, done);
}

/* For kinds without sendv: send one piece after the other. */
static int send_each(struct weir_stream *s, struct iovec *vec, size_t count, size_t *ret_done) {
    size_t all = 0;
    int rc = 0;
    for (size_t i = 0; i < count && rc >= 0; i++) {
        size_t done = 0;
        if (i > 0 && (rc = weir_cancelled()) < 0)
            break;
        if (vec[i].iov_len > 0)
            rc = s->kind->send(s, vec[i].iov_base, vec[i].iov_len, &done);
        all += done;
    }
    *ret_done = all;
    return rc;
}

int weir__stream_writev(struct weir_stream *s, struct iovec *vec, size_t count) {
    int rc = write_enter(s, "write");
    if (rc < 0)
        return rc;
    size_t done = 0;
    s->writing = true;
    rc = s->kind->sendv != NULL ? s->kind->sendv(s, vec, count, &done)
                                : send_each(s, vec, count, &done);
    return write_leave(s, rc, done);
}

ssize_t weir_try_write(struct weir_stream *s, const void *buf, size_t len) {
    weir__not_null(s, "weir_try_write");
    int rc = weir__loop_enter(s->loop, s, "weir_try_write");
    if (rc < 0)
        return rc;
    if (s->writing || s->torn || s->shut)
        return no_more_writes(s, "write");
    if (len == 0)
        return 0;
    int64_t n = s->kind->try_send(s, buf, len < TRY_MAX ? len : TRY_MAX);
    if (n >= 0)
        return (ssize_t)n;
    weir__stream_note_write(s, (int)n);
    return failed(s, (int)n, "write");
}

int weir_wait_writable(struct weir_stream *s) {
    weir__not_null(s, "weir_wait_writable");
    int rc = write_enter(s, "write");
    if (rc < 0)
        return rc;
    s->writing = true;
    rc = s->kind->wait_room(s);
    return write_leave(s, rc, 0);
}

int weir_shutdown(struct weir_stream *s) {
    weir__not_null(s, "weir_shutdown");
    bool is_twice = s->shut && !s->torn;
    int rc = is_twice ? weir__suspend_enter("shutdown") : write_enter(s, "shutdown");
    if (rc < 0)
        return rc;
    if (is_twice)
        return weir__loop_enter(s->loop, s, "shutdown");
    s->writing = true;
    rc = s->kind->shutdown(s);
    s->shut = rc >= 0;
    return write_leave(s, rc, 0);
}

/* ---- names ---- */

int weir_stream_fd(const struct weir_stream *s) {
    weir__not_null(s, "weir_stream_fd");
    int rc = weir__loop_enter(s->loop, s, "weir_stream_fd");
    if (rc < 0)
        return rc;
    if (s->kind->fd == NULL || s->loop->backend->simulated)
        return weir__fail(-EOPNOTSUPP, "stream descriptor", s->kind->name);
    return s->kind->fd(s);
}

static const char *name_of(struct weir_stream *s, bool peer) {
    if (s->names == NULL)
        s->names = weir__alloc_zero(sizeof *s->names);
    if (s->names == NULL)
        return "?";
    char *text = peer ? s->names->peer : s->names->local;
    if (text[0] == '\0')
        s->kind->address(s, peer, text);
    return text;
}

const char *weir_stream_peer(struct weir_stream *s) {
    weir__not_null(s, "weir_stream_peer");
    weir__loop_assert(s->loop, s, "weir_stream_peer");
    return name_of(s, true);
}

const char *weir_stream_local(struct weir_stream *s) {
    weir__not_null(s, "weir_stream_local");
    weir__loop_assert(s->loop, s, "weir_stream_local");
    return name_of(s, false);
}
