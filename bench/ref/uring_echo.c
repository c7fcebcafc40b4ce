/* SPDX-License-Identifier: MIT */
/* The yardstick for completion: a TCP echo server on bare io_uring, frozen. One thread,
 * --port N, Linux 6.12; with --ws a WebSocket one, whose answers ws_answer.h writes over what
 * was received. One io_uring_enter per turn carries all sends and waits for all
 * receives. Receives are multishot and fill a few L2-sized buffers bit by bit
 * (IOU_PBUF_RING_INC). A send is tried within the enter and completes silently, so that after it
 * every send without a completion is done and its bytes are free. One send per connection and
 * turn, so that a short one is never overtaken; what it leaves is copied aside, and until
 * that is gone the connection is not read. */
#include "ws_answer.h"

#include <errno.h>
#include <liburing.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>

#ifndef BUFFER_SIZE
#define BUFFER_SIZE (256 << 10)
#endif
#ifndef BUFFERS
#define BUFFERS 2
#endif

enum {
    SQ_ENTRIES = 8192,
    CQ_ENTRIES = 4 * SQ_ENTRIES,
    CONNECTIONS_MAX = 1 << 14,
    CHUNKS = 1 << 16,
    GROUP = 1,
    STRIDE = BUFFER_SIZE + 64           /* no power of two: spread over the cache's sets */
};

/* Newer than the header of liburing 2.3. */
#define PBUF_RING_INC 2
#define CQE_BUF_MORE (1U << 4)

enum kind { ACCEPT, RECEIVE, SEND, BACKLOG, OTHER };
enum receive { IDLE, ARMED, STARVED };

/* Bytes that could not be sent yet; the first block of a connection may be in flight. */
struct block {
    struct block *next;
    size_t begin, end;
    uint8_t bytes[];
};

struct connection {
    struct block *first, **last;
    uint32_t sent_turn;                 /* the last turn with a send; turns begin at 1 */
    uint8_t receive, sending, ended;
};

struct buffer {
    uint32_t used, refs;                /* bytes filled; chunks not yet sent */
    int full;                           /* the kernel has let go of it */
};

/* What one send borrows from a buffer. */
struct chunk {
    uint8_t *bytes;
    uint32_t slot, len;
    uint16_t buffer;
};

static struct io_uring ring;
static struct io_uring_buf_ring *buffer_ring;
static struct buffer buffers[BUFFERS];
static uint8_t *memory;
static int given;                       /* buffers put back, not yet published */
static unsigned open_buffers;           /* buffers the kernel may fill */
static struct connection conns[CONNECTIONS_MAX];
static struct ws_peer *peers;           /* by slot; NULL: TCP */
static uint32_t turn;

static struct chunk chunks[CHUNKS];     /* a ring: released <= tried <= queued */
static uint32_t released, queued;
static struct io_uring_sqe *last_send;  /* of the newest chunk, if it is still in this turn's SQ */

static uint32_t starved[CONNECTIONS_MAX];       /* a ring of slots that met -ENOBUFS */
static uint32_t starved_head, starved_tail;
static uint32_t later[4 * CONNECTIONS_MAX];     /* slots to settle once their sends are tried */
static unsigned later_count;

static void die(const char *what, int rc) {
    fprintf(stderr, "ref-uring-echo: %s: %s\n", what, strerror(-rc));
    exit(1);
}

static struct io_uring_sqe *next_sqe(void) {
    struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);

    if (!sqe) {
        io_uring_submit(&ring);
        last_send = NULL;
        sqe = io_uring_get_sqe(&ring);
        if (!sqe)
            die("submission queue", -EBUSY);
    }
    return sqe;
}

static void tag(struct io_uring_sqe *sqe, enum kind kind, uint32_t value) {
    sqe->user_data = (uint64_t)kind << 32 | value;
}

static void arm_accept(int listener) {
    struct io_uring_sqe *sqe = next_sqe();

    io_uring_prep_multishot_accept_direct(sqe, listener, NULL, NULL, 0);
    tag(sqe, ACCEPT, 0);
}

static void arm_receive(uint32_t slot) {
    struct io_uring_sqe *sqe = next_sqe();

    io_uring_prep_recv_multishot(sqe, (int)slot, NULL, 0, 0);
    sqe->flags |= IOSQE_FIXED_FILE | IOSQE_BUFFER_SELECT;
    sqe->buf_group = GROUP;
    tag(sqe, RECEIVE, slot);
    conns[slot].receive = ARMED;
}

static void cancel_receive(uint32_t slot) {
    struct io_uring_sqe *sqe = next_sqe();

    io_uring_prep_cancel64(sqe, (uint64_t)RECEIVE << 32 | slot, 0);
    sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
    tag(sqe, OTHER, slot);
}

static void settle_later(uint32_t slot) {
    if (later_count < sizeof later / sizeof later[0])
        later[later_count++] = slot;
}

static void give(unsigned id) {
    buffers[id] = (struct buffer){.used = 0};
    io_uring_buf_ring_add(buffer_ring, memory + (size_t)id * STRIDE, BUFFER_SIZE,
                          (unsigned short)id, BUFFERS - 1, given++);
    open_buffers++;
}

static void release(unsigned id) {
    if (--buffers[id].refs == 0 && buffers[id].full)
        give(id);
}

static void send_block(uint32_t slot) {
    struct block *b = conns[slot].first;
    struct io_uring_sqe *sqe = next_sqe();

    io_uring_prep_send(sqe, (int)slot, b->bytes + b->begin, b->end - b->begin, MSG_NOSIGNAL);
    sqe->flags |= IOSQE_FIXED_FILE;
    tag(sqe, BACKLOG, slot);
    conns[slot].sending = 1;
}

static struct block *new_block(const uint8_t *bytes, size_t len) {
    struct block *b = malloc(sizeof *b + len);

    if (!b)
        die("backlog", -ENOMEM);
    b->next = NULL;
    b->begin = 0;
    b->end = len;
    memcpy(b->bytes, bytes, len);
    return b;
}

static void drop_first(struct connection *c) {
    struct block *b = c->first;

    c->first = b->next;
    if (!c->first)
        c->last = &c->first;
    free(b);
}

/* The peer is gone: nothing more is sent or read. */
static void fail(uint32_t slot) {
    struct connection *c = &conns[slot];

    while (c->first)
        drop_first(c);
    c->ended = 1;
    if (c->receive == ARMED)
        cancel_receive(slot);
    settle_later(slot);
}

/* Once the connection's sends so far have been tried: send what is kept, or close at the end. */
static void settle(uint32_t slot) {
    struct connection *c = &conns[slot];
    struct io_uring_sqe *sqe;

    if (c->sent_turn == turn) {
        settle_later(slot);
        return;
    }
    if (c->first) {
        if (!c->sending)
            send_block(slot);
        return;
    }
    if (c->receive != IDLE)
        return;
    if (!c->ended) {
        arm_receive(slot);
        return;
    }
    c->ended = 0;                       /* once; the slot is free for the next accept */
    c->receive = STARVED;
    sqe = next_sqe();
    io_uring_prep_close_direct(sqe, slot);
    sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
    tag(sqe, OTHER, slot);
}

static void queue_send(uint32_t slot, uint8_t *bytes, uint32_t len, uint16_t id) {
    struct io_uring_sqe *sqe = next_sqe();

    chunks[queued % CHUNKS] = (struct chunk){bytes, slot, len, id};
    io_uring_prep_send(sqe, (int)slot, bytes, len, MSG_NOSIGNAL | MSG_WAITALL | MSG_DONTWAIT);
    sqe->flags |= IOSQE_FIXED_FILE | IOSQE_CQE_SKIP_SUCCESS;
    tag(sqe, SEND, queued % CHUNKS);
    queued++;
    buffers[id].refs++;
    conns[slot].sent_turn = turn;
    last_send = sqe;
}

/* Echo len bytes: extend the send before, if they follow its bytes; or send; or keep them
 * behind what this connection has already under way. */
static void echo(uint32_t slot, uint8_t *bytes, uint32_t len, uint16_t id) {
    struct connection *c = &conns[slot];
    struct chunk *before = &chunks[(queued - 1) % CHUNKS];

    if (c->first == NULL && c->sent_turn != turn) {
        queue_send(slot, bytes, len, id);
        return;
    }
    if (!c->first && last_send && before->slot == slot && before->bytes + before->len == bytes) {
        before->len += len;
        last_send->len += len;
        return;
    }
    if (!c->first)
        settle_later(slot);
    *c->last = new_block(bytes, len);
    c->last = &(*c->last)->next;
}

/* The opening handshake. Its response takes the way of bytes that could not be sent at once. */
static void shake(uint32_t slot, const uint8_t *bytes, uint32_t len) {
    struct connection *c = &conns[slot];
    char response[WS_RESPONSE_MAX];
    int n = ws_shake(&peers[slot], bytes, len, response);

    if (n < 0)
        fail(slot);
    if (n <= 0)
        return;
    *c->last = new_block((const uint8_t *)response, (size_t)n);
    c->last = &(*c->last)->next;
    settle_later(slot);
}

/* WebSocket: the answer goes where the bytes were, or behind the answer to the piece before. */
static void answer(uint32_t slot, uint8_t *bytes, uint32_t len, uint16_t id) {
    const struct chunk *before = &chunks[(queued - 1) % CHUNKS];
    uint8_t *out = bytes;
    ssize_t n;

    if (!peers[slot].open) {
        shake(slot, bytes, len);
        return;
    }
    if (last_send && before->slot == slot && before->buffer == id && !conns[slot].first)
        out = before->bytes + before->len;
    n = ws_answer(&peers[slot], bytes, len, out);
    if (n > 0)
        echo(slot, out, (uint32_t)n, id);
    else if (n < 0)
        fail(slot);
}

static void on_bytes(uint32_t slot, const struct io_uring_cqe *cqe) {
    uint16_t id = (uint16_t)(cqe->flags >> IORING_CQE_BUFFER_SHIFT);
    struct buffer *b = &buffers[id];
    uint8_t *bytes = memory + (size_t)id * STRIDE + b->used;

    b->used += (uint32_t)cqe->res;
    b->refs++;                          /* against its return while it is looked at */
    if (!(cqe->flags & CQE_BUF_MORE)) {
        b->full = 1;
        open_buffers--;
    }
    if (!conns[slot].ended && peers)
        answer(slot, bytes, (uint32_t)cqe->res, id);
    else if (!conns[slot].ended)
        echo(slot, bytes, (uint32_t)cqe->res, id);
    release(id);
}

static void on_receive(uint32_t slot, const struct io_uring_cqe *cqe) {
    struct connection *c = &conns[slot];

    if (cqe->res > 0)
        on_bytes(slot, cqe);
    if (cqe->flags & IORING_CQE_F_MORE)
        return;
    c->receive = IDLE;
    if (cqe->res == -ENOBUFS) {
        c->receive = STARVED;
        starved[starved_tail++ % CONNECTIONS_MAX] = slot;
        return;
    }
    if (cqe->res <= 0 && cqe->res != -ECANCELED)
        c->ended = 1;
    if (!c->first || c->ended)
        settle_later(slot);
}

/* Only short and failed sends complete. */
static void on_send(const struct chunk *k, int res) {
    struct connection *c = &conns[k->slot];
    uint32_t done = res > 0 ? (uint32_t)res : 0;
    struct block *b;

    if (res < 0 && res != -EAGAIN) {
        fail(k->slot);
        return;
    }
    if (done == k->len)
        return;
    b = new_block(k->bytes + done, k->len - done);
    b->next = c->first;
    if (!c->first)
        c->last = &b->next;
    c->first = b;
    if (c->receive == ARMED)
        cancel_receive(k->slot);
    send_block(k->slot);
}

static void on_backlog(uint32_t slot, int res) {
    struct connection *c = &conns[slot];

    c->sending = 0;
    if (res <= 0) {
        fail(slot);
        return;
    }
    c->first->begin += (size_t)res;
    if (c->first->begin == c->first->end)
        drop_first(c);
    settle(slot);
}

static void on_completion(const struct io_uring_cqe *cqe, int listener) {
    uint32_t value = (uint32_t)cqe->user_data;

    switch ((enum kind)(cqe->user_data >> 32)) {
    case RECEIVE:
        on_receive(value, cqe);
        break;
    case SEND:
        break;                          /* handled before all others */
    case BACKLOG:
        on_backlog(value, cqe->res);
        break;
    case ACCEPT:
        if (cqe->res >= 0) {
            conns[cqe->res] = (struct connection){.last = &conns[cqe->res].first};
            if (peers)
                ws_reset(&peers[cqe->res]);
            arm_receive((uint32_t)cqe->res);
        }
        if (!(cqe->flags & IORING_CQE_F_MORE))
            arm_accept(listener);
        break;
    case OTHER:
        break;
    }
}

/* A turn's short sends come first, wherever they stand among its completions: bytes received
 * since must queue up behind what they left. */
static unsigned on_completions(int listener) {
    struct io_uring_cqe *cqe;
    unsigned head, seen = 0;

    io_uring_for_each_cqe(&ring, head, cqe) {
        if (cqe->user_data >> 32 == SEND)
            on_send(&chunks[(uint32_t)cqe->user_data], cqe->res);
        seen++;
    }
    head = *ring.cq.khead;
    for (unsigned i = 0; i < seen; i++)
        on_completion(&ring.cq.cqes[(head + i) & *ring.cq.kring_mask], listener);
    return seen;
}

/* What could not be done while the sends of the turn were still to be tried. */
static void finish_turn(uint32_t tried, unsigned settled) {
    for (; released != tried; released++)
        release(chunks[released % CHUNKS].buffer);
    io_uring_buf_ring_advance(buffer_ring, given);
    given = 0;
    for (unsigned i = 0; i < settled; i++)
        settle(later[i]);
    later_count -= settled;
    memmove(later, later + settled, later_count * sizeof later[0]);
    for (unsigned n = 2 * open_buffers; n > 0 && starved_head != starved_tail; n--) {
        uint32_t slot = starved[starved_head++ % CONNECTIONS_MAX];
        conns[slot].receive = IDLE;
        settle(slot);
    }
}

/* Sends are silent: with work put off until they are tried, there may be nothing to wait for. */
static int enter(void) {
    if (later_count == 0 && starved_head == starved_tail)
        return io_uring_submit_and_wait(&ring, 1);
    return io_uring_submit_and_get_events(&ring);
}

static void serve(int listener) {
    arm_accept(listener);
    for (;;) {
        uint32_t tried = queued;
        unsigned settled = later_count;
        int rc = enter();

        if (rc < 0 && rc != -EINTR)
            die("io_uring_enter", rc);
        turn++;
        last_send = NULL;
        io_uring_cq_advance(&ring, on_completions(listener));
        finish_turn(tried, settled);
    }
}

static void set_up_buffers(void) {
    struct io_uring_buf_reg reg = {.bgid = GROUP, .ring_entries = BUFFERS, .pad = PBUF_RING_INC};
    size_t size = (size_t)BUFFERS * STRIDE;
    int rc;

    memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE,
                  -1, 0);
    buffer_ring = mmap(NULL, BUFFERS * sizeof(struct io_uring_buf), PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED || buffer_ring == MAP_FAILED)
        die("mmap", -errno);
    reg.ring_addr = (uintptr_t)buffer_ring;
    rc = io_uring_register_buf_ring(&ring, &reg, 0);
    if (rc < 0)
        die("buffer ring (Linux 6.12?)", rc);
    for (unsigned i = 0; i < BUFFERS; i++)
        give(i);
    io_uring_buf_ring_advance(buffer_ring, given);
    given = 0;
}

static void set_up_ring(void) {
    struct io_uring_params params = {
        .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL
                 | IORING_SETUP_CQSIZE,
        .cq_entries = CQ_ENTRIES,
    };
    int rc = io_uring_queue_init_params(SQ_ENTRIES, &ring, &params);

    if (rc < 0)
        die("io_uring", rc);
    io_uring_register_ring_fd(&ring);
    rc = io_uring_register_files_sparse(&ring, CONNECTIONS_MAX);
    if (rc < 0)
        die("registered files (RLIMIT_NOFILE?)", rc);
}

/* Accepted sockets inherit TCP_NODELAY from the listener. */
static int listen_on(uint16_t port) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0
        || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0
        || bind(fd, (struct sockaddr *)&at, sizeof at) != 0 || listen(fd, 4096) != 0)
        die("listen", -errno);
    return fd;
}

int main(int argc, char **argv) {
    struct rlimit limit;
    int websocket = argc == 4 && strcmp(argv[3], "--ws") == 0;

    if (argc != 3 + websocket || strcmp(argv[1], "--port") != 0) {
        fputs("usage: ref-uring-echo --port N [--ws]\n", stderr);
        return 2;
    }
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    if (websocket && !(peers = calloc(CONNECTIONS_MAX, sizeof *peers)))
        die("start", -ENOMEM);
    set_up_ring();
    set_up_buffers();
    serve(listen_on((uint16_t)atoi(argv[2])));
    return 0;
}
