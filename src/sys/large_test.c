/* SPDX-License-Identifier: MIT */
/* large_test.c - ops of 4 GiB and more: no length, count or result is cut to 32 bits, nor to 31.
 * The memory is mapped and never written, so that the kernel maps one page of zeros everywhere.
 * The peer, on another thread, discards the bytes without a copy. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include "sys/op_rig.h"

static const size_t gib = (size_t)1 << 30;

static void *zeros(size_t len) {
    void *p = mmap(NULL, len, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_true(p != MAP_FAILED);
    return p;
}

/* ---- the peer ------------------------------------------------------------------------------- */

struct peer {
    pthread_t thread;
    int fd;
    size_t stop_at; /* closes once so much has come: what follows is reset */
    size_t got;
};

static void *peer_reads(void *arg) {
    struct peer *p = arg;
    ssize_t n = 1;
    while (n > 0 && p->got < p->stop_at) {
        n = recv(p->fd, NULL, 1 << 24, MSG_TRUNC); /* TCP: thrown away */
        p->got += n > 0 ? (size_t)n : 0;
    }
    close(p->fd);
    return NULL;
}

/* A file of the backend, joined to a peer by TCP, and full: nothing more fits until the peer
 * reads. Returns how many bytes it holds. */
static size_t open_full(struct weir__file *file, struct peer *p, size_t stop_at) {
    static const char some[65536];
    struct weir__addr a = rig_addr("127.0.0.1", 0);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    size_t held = 0;
    ssize_t n;
    assert_int_equal(bind(listener, &a.sa, a.len), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, &a.sa, &a.len), 0);
    assert_int_equal(rig_socket(file, AF_INET), 0);
    assert_int_equal(rig_addr_op(WEIR__CONNECT, file, &a), 0);
    p->fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(p->fd >= 0);
    close(listener);
    struct pollfd room = {.fd = file->fd, .events = POLLOUT};
    do
        while ((n = send(file->fd, some, sizeof some, MSG_DONTWAIT | MSG_NOSIGNAL)) > 0)
            held += (size_t)n;
    while (poll(&room, 1, 20) > 0);
    p->got = 0;
    p->stop_at = held + stop_at;
    return held;
}

static void peer_start(struct peer *p) {
    assert_int_equal(pthread_create(&p->thread, NULL, peer_reads, p), 0);
}

static void peer_join(struct peer *p) {
    assert_int_equal(pthread_join(p->thread, NULL), 0);
}

/* ---- sends ---------------------------------------------------------------------------------- */

/* The peer takes 4 MB of len bytes and leaves. */
static void some_of(struct rig_op *s, struct weir__file *file, size_t *done) {
    struct peer p;
    open_full(file, &p, 4 << 20);
    assert_int_equal(rig_submit(s), WEIR__PENDING);
    peer_start(&p);
    int64_t rc = rig_wait(s);
    peer_join(&p);
    assert_true(rc == -ECONNRESET || rc == -EPIPE);
    assert_true(p.got >= 4 << 20);
    assert_true(*done > 1 << 20);
    rig_close_file(file);
}

WEIR_TEST_BACKENDS(a_send_of_any_size_goes_on) {
    KERNEL_ONLY();
    const size_t sizes[] = {2 * gib - 4096, 2 * gib, 3 * gib, 4 * gib, 4 * gib + 1, 8 * gib};
    char *memory = zeros(8 * gib);
    struct weir__file file;
    rig_open();
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct rig_op s = rig_bytes_op(WEIR__SEND, &file, memory, sizes[i]);
        some_of(&s, &file, &s.op.u.bytes.done);
    }
    rig_close();
    munmap(memory, 8 * gib);
}

WEIR_TEST_BACKENDS(a_vector_of_any_size_goes_on) {
    KERNEL_ONLY();
    char *memory = zeros(8 * gib);
    struct iovec vectors[][3] = {
        {{memory, 4 * gib}, {memory, 4 * gib}, {memory, 4 * gib}},
        {{memory, 10}, {memory, 4 * gib}, {memory, 10}},
        {{memory, gib}, {memory, 3 * gib}, {memory, 0}},
        {{memory, 0}, {memory, 0}, {memory, 8 * gib}},
        {{memory, 2 * gib - 4096}, {memory, 4096}, {memory, 2 * gib}},
    };
    struct weir__file file;
    rig_open();
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        struct rig_op s = rig_op(WEIR__SENDV, &file);
        s.op.u.vector.vec = vectors[i];
        s.op.u.vector.count = 3;
        some_of(&s, &file, &s.op.u.vector.done);
    }
    rig_close();
    munmap(memory, 8 * gib);
}

/* Past 2 and past 4 GiB, in one op, to its end. */
WEIR_TEST_BACKENDS(a_send_of_more_than_4_gib_arrives_whole) {
    KERNEL_ONLY();
    const size_t len = 4 * gib + 4097;
    char *memory = zeros(len);
    struct weir__file file;
    struct peer p;
    struct rig_op s = rig_bytes_op(WEIR__SEND, &file, memory, len);
    rig_open();
    size_t held = open_full(&file, &p, SIZE_MAX / 2);
    rig_submit(&s);
    peer_start(&p);
    while (s.done == 0)
        rig_turn(rig_in_ms(1000));
    assert_int_equal(s.op.result, len);
    rig_close_file(&file);
    peer_join(&p);
    assert_int_equal(p.got, held + len);
    rig_close();
    munmap(memory, len);
}

/* ---- receives ------------------------------------------------------------------------------- */

static void asks_for(int kind, size_t len, bool before) {
    void *room = mmap(NULL, len, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    int pair[2];
    struct weir__file file;
    assert_true(room != MAP_FAILED);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(rig_attach(&file, pair[0]), 0);
    struct rig_op s = rig_bytes_op(kind, &file, room, len);
    if (before)
        assert_int_equal(send(pair[1], "hello", 5, 0), 5);
    rig_submit(&s);
    if (!before)
        assert_int_equal(send(pair[1], "hello", 5, 0), 5);
    assert_int_equal(rig_wait(&s), 5);
    assert_memory_equal(room, "hello", 5);
    close(pair[1]);
    rig_close_file(&file);
    munmap(room, len);
}

WEIR_TEST_BACKENDS(a_receive_may_ask_for_any_size) {
    KERNEL_ONLY();
    const size_t sizes[] = {2 * gib, 4 * gib, 4 * gib + 3};
    rig_open();
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        asks_for(WEIR__RECV_INTO, sizes[i], true);
        asks_for(WEIR__RECV_INTO, sizes[i], false);
        asks_for(WEIR__READ_FD, sizes[i], true);
    }
    rig_close();
}

/* ---- descriptors, time ---------------------------------------------------------------------- */

WEIR_TEST_BACKENDS(a_write_to_a_descriptor_may_be_of_any_size) {
    KERNEL_ONLY();
    const size_t sizes[] = {2 * gib, 4 * gib, 4 * gib + 3};
    char *memory = zeros(4 * gib + 3);
    struct weir__file file = {.foreign = true};
    int ends[2];
    rig_open();
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
        file.fd = ends[1];
        struct rig_op attach = rig_op(WEIR__ATTACH, &file);
        assert_int_equal(rig_run(&attach), 0);
        struct rig_op s = rig_bytes_op(WEIR__WRITE_FD, &file, memory, sizes[i]);
        assert_true(rig_run(&s) > 0);
        file.foreign = false;
        rig_close_file(&file);
        file.foreign = true;
        close(ends[0]);
    }
    rig_close();
    munmap(memory, 4 * gib + 3);
}

/* Another thread ends a wait until times that no 32-bit count of milliseconds or seconds holds. */
static void *rings(void *arg) {
    backend->ops->wake(arg);
    return NULL;
}

WEIR_TEST_BACKENDS(a_turn_waits_until_any_time) {
    KERNEL_ONLY();
    const weir_ns far[] = {WEIR_SECONDS((weir_ns)1 << 32), WEIR_MILLISECONDS((weir_ns)1 << 31),
                           WEIR_MILLISECONDS((weir_ns)1 << 32), WEIR_NEVER - 1};
    rig_open();
    rig_settle();
    for (size_t i = 0; i < sizeof far / sizeof far[0]; i++) {
        pthread_t thread;
        weir_ns begin = rig_now();
        assert_int_equal(pthread_create(&thread, NULL, rings, backend), 0);
        assert_int_equal(rig_turn(far[i]), 0);
        assert_true(rig_now() - begin < WEIR_SECONDS(60));
        assert_int_equal(pthread_join(thread, NULL), 0);
    }
    rig_close();
}
