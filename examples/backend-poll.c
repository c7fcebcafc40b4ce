/* SPDX-License-Identifier: MIT */
/* backend-poll - a backend of one's own, over poll(2), and a program that runs on it: a timer,
 * posts from a thread, an echo over TCP, a cancel. weir/backend.h is the contract. It is unstable:
 * compile a backend against the version of weir that it runs with.
 *
 * The backend keeps one array of the ops that wait for a descriptor. A turn asks poll about all of
 * them and tries each that is ready; what is not done by then waits for the next turn. So a turn
 * is bounded: each op moves one piece. The kernel never holds a caller's memory: every cancel is
 * done at once. What no descriptor decides is left to weir_backend_common.
 *
 * It has no descriptor of its own for a foreign loop to wait for: weir_loop_fd is -EOPNOTSUPP. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <weir/backend.h>
#include <weir/weir.h>

enum { IS_FREE = 0, IS_WAITING, IS_OVER }; /* op->state: the caller, `waiting`, `done` has it */

enum { PIECE_SIZE = 16 << 10 }; /* of a buffer that RECV lends */

struct poll_backend {
    struct weir__backend base; /* first: the loop knows this part only */
    struct weir_backend_common *common;
    struct weir__op **waiting; /* each knows its place: op->priv */
    struct pollfd *fds;        /* of the ops at the same places; behind them one for the wake */
    unsigned count, max;
    struct weir__op *done, **done_tail; /* completed, for the next turn to return */
    uint8_t *spare; /* freed buffers, linked by their first bytes */
};

static struct poll_backend *self(struct weir__backend *base) {
    return (struct poll_backend *)(void *)base;
}

/* ---- ops: free, waiting, over ---------------------------------------------------------------- */

static int now_done(struct weir__op *op, int64_t result) {
    op->state = IS_FREE;
    op->result = result;
    return WEIR__DONE;
}

static void complete(struct poll_backend *b, struct weir__op *op, int64_t result) {
    op->state = IS_OVER;
    op->result = result;
    op->next = NULL;
    *b->done_tail = op;
    b->done_tail = &op->next;
}

static bool is_reader(const struct weir__op *op) {
    return op->kind == WEIR__RECV || op->kind == WEIR__RECV_INTO || op->kind == WEIR__RECVMSG
           || op->kind == WEIR__ACCEPT;
}

static int make_room(struct poll_backend *b) {
    unsigned max = b->max > 0 ? 2 * b->max : 16;
    if (b->count < b->max)
        return 0;
    struct weir__op **waiting = realloc(b->waiting, max * sizeof *waiting);
    if (waiting == NULL)
        return -ENOMEM;
    b->waiting = waiting;
    struct pollfd *fds = realloc(b->fds, (max + 1) * sizeof *fds);
    if (fds == NULL)
        return -ENOMEM;
    b->fds = fds;
    b->max = max;
    return 0;
}

static int wait_for(struct poll_backend *b, struct weir__op *op) {
    int rc = make_room(b);
    if (rc != 0)
        return now_done(op, rc);
    struct pollfd *p = &b->fds[b->count];
    if (op->kind == WEIR__POLL)
        *p = (struct pollfd){.fd = op->u.poll.fd, .events = op->u.poll.events};
    else
        *p = (struct pollfd){.fd = op->file->fd, .events = is_reader(op) ? POLLIN : POLLOUT};
    if (op->kind != WEIR__POLL)
        *(is_reader(op) ? &op->file->reader : &op->file->writer) = op;
    op->state = IS_WAITING;
    op->priv = b->count;
    b->waiting[b->count++] = op;
    return WEIR__PENDING;
}

/* Take an op out of the array. The last one gets its place. */
static void leave(struct poll_backend *b, struct weir__op *op) {
    unsigned at = op->priv, last = --b->count;
    b->waiting[at] = b->waiting[last];
    b->fds[at] = b->fds[last];
    b->waiting[at]->priv = at;
    if (op->kind != WEIR__POLL)
        *(is_reader(op) ? &op->file->reader : &op->file->writer) = NULL;
}

/* ---- lent memory ----------------------------------------------------------------------------- */

static uint8_t *take_buffer(struct poll_backend *b) {
    uint8_t *buf = b->spare;
    if (buf == NULL)
        return malloc(PIECE_SIZE);
    memcpy(&b->spare, buf, sizeof b->spare);
    return buf;
}

static void put_buffer(struct poll_backend *b, uint8_t *buf) {
    memcpy(buf, &b->spare, sizeof b->spare);
    b->spare = buf;
}

/* The receiver may return pieces in any order, and hands back lent as it got it. */
static void poll_release(struct weir__backend *base, struct weir__lent *lent) {
    put_buffer(self(base), lent->base);
    *lent = (struct weir__lent){0};
}

/* The op is RECV_INTO for the length of the try: only where the bytes go is different. */
static int64_t try_lending(struct poll_backend *b, struct weir__op *op) {
    uint8_t *buf = take_buffer(b);
    if (buf == NULL)
        return -ENOMEM;
    struct weir__op into = {.kind = WEIR__RECV_INTO, .file = op->file,
                            .u.bytes = {.base = buf, .len = PIECE_SIZE}};
    int64_t n = weir_backend_try(&into);
    op->u.lent = (struct weir__lent){0};
    if (n > 0)
        op->u.lent = (struct weir__lent){.base = buf, .len = (uint32_t)n, .token = 1};
    else
        put_buffer(b, buf);
    return n;
}

static int64_t try_once(struct poll_backend *b, struct weir__op *op) {
    return op->kind == WEIR__RECV ? try_lending(b, op) : weir_backend_try(op);
}

/* ---- the contract ---------------------------------------------------------------------------- */

/* RECV and RECV_INTO are not tried before poll has said that there is something: most callers ask
 * before it has come. All others are. */
static int submit_io(struct poll_backend *b, struct weir__op *op) {
    if ((is_reader(op) ? op->file->reader : op->file->writer) != NULL)
        return now_done(op, -EBUSY);
    if (op->kind == WEIR__RECV || op->kind == WEIR__RECV_INTO)
        return wait_for(b, op);
    int64_t n = try_once(b, op);
    return n != -EINPROGRESS ? now_done(op, n) : wait_for(b, op);
}

/* A file that poll always calls ready, to read and to write, never has urgent data: poll would wait
 * for ever. (A socket can be ready for both and have some later.) */
static bool never_urgent(int fd) {
    const short always = POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;
    struct pollfd p = {.fd = fd, .events = always};
    struct stat st;
    return poll(&p, 1, 0) > 0 && p.revents == always && fstat(fd, &st) == 0
           && !S_ISSOCK(st.st_mode);
}

static int submit_poll(struct poll_backend *b, struct weir__op *op) {
    struct pollfd p = {.fd = op->u.poll.fd, .events = op->u.poll.events};
    int n = poll(&p, 1, 0);
    if (p.fd < 0 || (n > 0 && (p.revents & POLLNVAL)))
        return now_done(op, -EBADF); /* poll skips a negative number */
    if (n > 0)
        return now_done(op, p.revents);
    return never_urgent(p.fd) ? now_done(op, -EPERM) : wait_for(b, op);
}

/* The cancelled ops come back first, then this one. */
static int close_file(struct poll_backend *b, struct weir__op *op) {
    for (unsigned i = b->count; i-- > 0;) {
        struct weir__op *other = b->waiting[i];
        if (op->file->state == WEIR__FILE_NONE || other->file != op->file)
            continue;
        leave(b, other);
        complete(b, other, -ECANCELED);
    }
    weir_backend_common_submit(b->common, op);
    if (b->done == NULL)
        return WEIR__DONE;
    complete(b, op, op->result);
    return WEIR__PENDING;
}

static int poll_submit(struct weir__backend *base, struct weir__op *op) {
    struct poll_backend *b = self(base);
    switch (op->kind) {
    case WEIR__CONNECT:
    case WEIR__ACCEPT:
    case WEIR__RECV:
    case WEIR__RECV_INTO:
    case WEIR__RECVMSG:
    case WEIR__SEND:
    case WEIR__SENDV:
        return submit_io(b, op);
    case WEIR__POLL:
        return submit_poll(b, op);
    case WEIR__CLOSE:
        return close_file(b, op);
    default:
        return weir_backend_common_submit(b->common, op);
    }
}

static int poll_cancel(struct weir__backend *base, struct weir__op *op) {
    if (op->kind == WEIR__RESOLVE || op->kind == WEIR__WORK || op->kind == WEIR__SIGNAL)
        return weir_backend_common_cancel(self(base)->common, op);
    if (op->state != IS_WAITING)
        return WEIR__PENDING; /* it is over: its wake comes */
    leave(self(base), op);
    return now_done(op, -ECANCELED);
}

static weir_ns poll_now(struct weir__backend *base) {
    struct timespec t;
    (void)base;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (weir_ns)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Rounded up: a wait that ends too early would be followed by waits of 0. */
static int timeout_ms(struct poll_backend *b, weir_ns until_ns) {
    if (until_ns == WEIR_NEVER)
        return -1;
    weir_ns left = until_ns > 0 ? until_ns - poll_now(&b->base) : 0;
    weir_ns ms = left > 0 ? (left + 999999) / 1000000 : 0;
    return ms < INT32_MAX ? (int)ms : INT32_MAX;
}

static void ready(struct poll_backend *b, struct weir__op *op, short revents) {
    int64_t n = op->kind != WEIR__POLL ? try_once(b, op) : revents & POLLNVAL ? -EBADF : revents;
    if (n == -EINPROGRESS)
        return;
    leave(b, op);
    complete(b, op, n);
}

/* Backwards: leave() moves an op that has been looked at into the hole. */
static void ask(struct poll_backend *b, int timeout) {
    int wake_fd = timeout != 0 ? weir_backend_common_sleep(b->common) : -EAGAIN;
    b->fds[b->count] = (struct pollfd){.fd = wake_fd, .events = POLLIN}; /* < 0: poll skips it */
    int n = poll(b->fds, b->count + 1, wake_fd >= 0 ? timeout : 0);
    for (unsigned i = n > 0 ? b->count : 0; i-- > 0;)
        if (b->fds[i].revents != 0)
            ready(b, b->waiting[i], b->fds[i].revents);
}

static struct weir__op *poll_turn(struct weir__backend *base, weir_ns until_ns) {
    struct poll_backend *b = self(base);
    ask(b, b->done != NULL ? 0 : timeout_ms(b, until_ns));
    *b->done_tail = weir_backend_common_collect(b->common);
    struct weir__op *done = b->done;
    b->done = NULL;
    b->done_tail = &b->done;
    return done;
}

static void poll_random(struct weir__backend *base, void *buf, size_t len) {
    (void)base;
    for (uint8_t *p = buf; len > 0;) {
        ssize_t n = getrandom(p, len, 0);
        if (n < 0 && errno != EINTR)
            abort(); /* a key that is not random is worse */
        p += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
    }
}

static const char *poll_explain(struct weir__backend *base) {
    (void)base;
    return "poll: asked for";
}

static void poll_close(struct weir__backend *base) {
    struct poll_backend *b = self(base);
    while (b->spare != NULL)
        free(take_buffer(b));
    weir_backend_common_close(&b->common);
    free(b->waiting);
    free(b->fds);
    free(b);
}

static const struct weir__backend_ops poll_ops = {
    .name = "poll",
    .submit = poll_submit,
    .cancel = poll_cancel,
    .turn = poll_turn,
    .release = poll_release,
    .wake = weir_backend_common_wake,
    .now = poll_now,
    .random = poll_random,
    .explain = poll_explain,
    .close = poll_close,
};

int backend_poll_open(struct weir__backend **ret_backend, const char **ret_why);

int backend_poll_open(struct weir__backend **ret_backend, const char **ret_why) {
    struct poll_backend *b = calloc(1, sizeof *b);
    if (b == NULL)
        return -ENOMEM;
    b->base.ops = &poll_ops;
    b->done_tail = &b->done;
    int rc = make_room(b);
    if (rc == 0)
        rc = weir_backend_common_open(&b->base, &b->common);
    if (rc != 0) {
        *ret_why = "poll: no memory or no descriptor is left";
        poll_close(&b->base);
        return rc;
    }
    *ret_backend = &b->base;
    return 0;
}

/* ---- a program on it ------------------------------------------------------------------------- */

static int sleep_twice(void) {
    weir_ns began = weir_now();
    int rc = weir_sleep(WEIR_MILLISECONDS(2));
    if (rc == 0)
        rc = weir_sleep(WEIR_MILLISECONDS(1));
    printf("slept: %s\n", weir_now() - began >= WEIR_MILLISECONDS(3) ? "3 ms" : "too short");
    return rc;
}

struct posts {
    struct weir_loop *loop;
    struct weir_event come;
    int left;
};

static void posted(void *arg) {
    struct posts *p = arg;
    if (--p->left == 0)
        weir_event_set(&p->come);
}

static void *post_from_a_thread(void *arg) {
    struct posts *p = arg;
    for (int i = 0; i < 1000; i++)
        if (weir_post(p->loop, posted, p) < 0)
            abort();
    return NULL;
}

/* The loop sleeps in poll when the first post comes. */
static int wait_for_posts(void) {
    struct posts p = {.loop = weir_loop_current(), .left = 1000};
    pthread_t thread;
    weir_event_init(&p.come);
    if (pthread_create(&thread, NULL, post_from_a_thread, &p) != 0)
        return -EAGAIN;
    int rc = weir_event_wait(&p.come);
    pthread_join(thread, NULL);
    weir_event_fini(&p.come);
    printf("posts left: %d\n", p.left);
    return rc;
}

struct echo_args {
    struct weir_listener *listener;
};

static int echo(void *args) {
    WEIR_AUTO(weir_close) struct weir_stream *peer = NULL;
    int rc = weir_accept(((struct echo_args *)args)->listener, &peer);
    struct weir_view v;
    ssize_t n;
    while (rc == 0 && (n = weir_peek(peer, 1, &v)) != 0) {
        if (n < 0)
            return (int)n;
        if ((rc = weir_write(peer, v.base, v.len)) == 0)
            weir_consume(peer, v.len);
    }
    return rc;
}

struct send_all_args {
    struct weir_stream *to;
    size_t len;
};

static int send_all(void *args) {
    struct send_all_args *a = args;
    char *bytes = malloc(a->len);
    if (bytes == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < a->len; i++)
        bytes[i] = (char)(i % 251);
    int rc = weir_write(a->to, bytes, a->len);
    free(bytes);
    return rc < 0 ? rc : weir_shutdown(a->to);
}

/* Much more than the sockets hold: both sides wait to write. */
static int echo_over_tcp(void) {
    WEIR_AUTO(weir_unlisten) struct weir_listener *l = NULL;
    WEIR_AUTO(weir_close) struct weir_stream *s = NULL;
    struct weir_group g;
    char buf[4096], address[64];
    size_t got = 0, wrong = 0, len = 8 << 20;
    ssize_t n = 0;
    int rc = weir_listen("tcp://127.0.0.1:0", NULL, &l);
    if (rc < 0)
        return rc;
    snprintf(address, sizeof address, "tcp://127.0.0.1:%d", weir_listener_port(l));
    weir_group_open(&g, WEIR_TOGETHER);
    rc = weir_go(&g, echo, .listener = l);
    if (rc >= 0)
        rc = weir_dial(address, NULL, &s);
    if (rc >= 0)
        rc = weir_go(&g, send_all, .to = s, .len = len);
    while (rc >= 0 && (n = weir_read(s, buf, sizeof buf)) > 0)
        for (ssize_t i = 0; i < n; i++, got++)
            wrong += buf[i] != (char)(got % 251);
    rc = weir_group_close(&g, n < 0 ? (int)n : rc);
    printf("echoed: %zu bytes, %zu wrong\n", got, wrong);
    return rc;
}

/* Nobody connects: the scope's end cancels the accept. */
static int cancel_an_accept(void) {
    WEIR_AUTO(weir_unlisten) struct weir_listener *l = NULL;
    struct weir_stream *peer = NULL;
    struct weir_scope scope;
    int rc = weir_listen("tcp://127.0.0.1:0", NULL, &l);
    if (rc < 0)
        return rc;
    weir_scope_enter(&scope, WEIR_MILLISECONDS(2));
    rc = weir_accept(l, &peer);
    weir_scope_leave(&scope, 0);
    printf("accept: %s\n", rc == -ETIME ? "cancelled by its deadline" : "not cancelled");
    return 0;
}

static int all(void *arg) {
    (void)arg;
    printf("%s\n", weir_loop_explain(weir_loop_current()));
    int rc = sleep_twice();
    if (rc >= 0)
        rc = wait_for_posts();
    if (rc >= 0)
        rc = echo_over_tcp();
    if (rc >= 0)
        rc = cancel_an_accept();
    bool has_none = weir_loop_fd(weir_loop_current()) == -EOPNOTSUPP;
    printf("descriptor for a foreign loop: %s\n", has_none ? "not supported" : "?");
    return rc;
}

int main(void) {
    struct weir_run_options options = {.size = sizeof options, .backend = "poll"};
    if (weir_backend_register("poll", backend_poll_open) < 0)
        return EXIT_FAILURE;
    return weir_run(all, NULL, &options) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
