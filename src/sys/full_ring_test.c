/* SPDX-License-Identifier: MIT */
/* full_ring_test.c - io_uring with the submission queue full whenever an entry is asked for. Each
 * story runs with a large ring first. Then it runs with a ring of 4 entries that is full when the
 * N-th entry is asked for, for N = 1, 2, ... until it asks for fewer; its notes, and the bytes
 * that its peers receive, must be the same each time. tools/submits.py checks that the table below
 * is complete: each function that asks for an entry, or leads to one that does, has a story. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>

#include "base/alloc.h"
#include "sys/op_rig.h"
#include "sys/uring.h"
#include "sys/verb.h"

/* ASKS: it asks for entries, and its story must have met it with the queue full. LEADS: it calls
 * one that does, directly or not. */
enum row_kind { ASKS, LEADS };

static const struct {
    enum row_kind kind;
    const char *function, *story;
} rows[] = {
    {ASKS, "ask_for_changes", "waits_beside_a_half_closed_peer_fire_and_end"},
    {ASKS, "arm_poll", "bulk_traffic_comes_and_goes"},
    {ASKS, "arm_recv", "an_unread_file_is_received_again"},
    {ASKS, "end_poll", "bulk_traffic_comes_and_goes"},
    {ASKS, "end_recv", "an_unread_file_is_received_again"},
    {ASKS, "poll_changed", "waits_beside_a_half_closed_peer_fire_and_end"},
    {ASKS, "queue_rest", "a_large_send_waits_for_room"},
    {ASKS, "queue_send", "vectors_keep_their_own_bytes"},
    {ASKS, "receives", "a_backend_opens_and_closes"},
    {ASKS, "room_asked", "a_large_send_waits_for_room"},
    {ASKS, "weir__uring_connect_submit", "connects_succeed_and_are_refused"},
    {ASKS, "weir__uring_latch_arm", "a_backend_opens_and_closes"},
    {ASKS, "weir__uring_poll_cancel", "waits_for_readiness_fire_and_end"},
    {ASKS, "weir__uring_poll_submit", "waits_for_readiness_fire_and_end"},
    {ASKS, "weir__uring_verb_cancel", "calls_on_files_end_and_are_cancelled"},
    {ASKS, "weir__uring_verb_submit", "calls_on_files_end_and_are_cancelled"},
    {ASKS, "weir__uring_write_cancel", "a_send_that_is_stuck_ends"},
    {LEADS, "ask_kernel", "more_completions_come_than_the_ring_holds"},
    {LEADS, "await_bytes", "an_unread_file_is_received_again"},
    {LEADS, "choose_mode", "bulk_traffic_comes_and_goes"},
    {LEADS, "on_completion", "more_completions_come_than_the_ring_holds"},
    {LEADS, "on_op", "waits_beside_a_half_closed_peer_fire_and_end"},
    {LEADS, "open_parts", "a_backend_opens_and_closes"},
    {LEADS, "probe", "a_backend_opens_and_closes"},
    {LEADS, "reap", "more_completions_come_than_the_ring_holds"},
    {LEADS, "received", "an_unread_file_is_received_again"},
    {LEADS, "self_test", "a_backend_opens_and_closes"},
    {LEADS, "serve_reader", "an_unread_file_is_received_again"},
    {LEADS, "uring_cancel", "waits_for_readiness_fire_and_end"},
    {LEADS, "uring_submit", "vectors_keep_their_own_bytes"},
    {LEADS, "uring_turn", "more_completions_come_than_the_ring_holds"},
    {LEADS, "weir__uring_accept_submit", "connections_wait_to_be_accepted"},
    {LEADS, "weir__uring_close_file", "a_send_that_is_stuck_ends"},
    {LEADS, "weir__uring_message_submit", "messages_come_one_by_one"},
    {LEADS, "weir__uring_open", "a_backend_opens_and_closes"},
    {LEADS, "weir__uring_detach_submit", "a_file_leaves_with_what_had_come"},
    {LEADS, "weir__uring_poll_event", "waits_beside_a_half_closed_peer_fire_and_end"},
    {LEADS, "weir__uring_polls_end", "waits_for_readiness_fire_and_end"},
    {LEADS, "weir__uring_ready_event", "bulk_traffic_comes_and_goes"},
    {LEADS, "weir__uring_recv_drop", "an_unread_file_is_received_again"},
    {LEADS, "weir__uring_recv_event", "an_unread_file_is_received_again"},
    {LEADS, "weir__uring_recv_rearm", "an_unread_file_is_received_again"},
    {LEADS, "weir__uring_recv_submit", "an_unread_file_is_received_again"},
    {LEADS, "weir__uring_send_submit", "vectors_keep_their_own_bytes"},
    {LEADS, "weir__uring_soon_submit", "sends_of_a_turn_leave_together"},
    {LEADS, "weir__uring_write_event", "a_large_send_waits_for_room"},
    {LEADS, "weir__uring_writer_full", "a_large_send_waits_for_room"},
};

enum { ROWS = sizeof rows / sizeof rows[0] };

/* ---- the explorer --------------------------------------------------------------------------- */

static char noted[8192];
static size_t noted_len;
static unsigned asked, full_at;
static const char *struck; /* who asked when the queue was full */
static bool met[ROWS];

__attribute__((format(printf, 1, 2))) static void note(const char *format, ...) {
    va_list args;
    va_start(args, format);
    int n = vsnprintf(noted + noted_len, sizeof noted - noted_len, format, args);
    va_end(args);
    assert_true(n >= 0 && (size_t)n < sizeof noted - noted_len);
    noted_len += (size_t)n;
}

static void fill_queue(struct uring_backend *b, const char *asker) {
    struct io_uring_sqe *sqe;
    if (++asked != full_at)
        return;
    struck = asker;
    while ((sqe = io_uring_get_sqe(&b->ring)) != NULL) {
        io_uring_prep_nop(sqe);
        sqe->user_data = URING_IGNORE;
        sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
    }
}

static void roomy(void) {
    weir__sys_limits.ring_entries = 1024;
    weir__sys_limits.ring_tries = 0; /* every send takes an entry */
    weir__sys_limits.ring_slot_sends = 2;
    weir__sys_limits.ring_buffers = 8;
    weir__sys_limits.ring_buffer_size = 64;
    weir__sys_limits.spill_size = 64;
    weir__sys_limits.turn_bytes = 1000;
}

static void open_uring(void) {
    const char *why = "";
    test_backend = "uring";
    if (weir__backend_open("uring", &backend, &why) != 0)
        runner_skip(why);
}

static void run_once(void (*story)(void), unsigned at) {
    full_at = at;
    asked = 0;
    struck = NULL;
    noted_len = 0;
    story();
}

static void note_met(const char *function) {
    for (int i = 0; i < ROWS; i++)
        met[i] |= strcmp(rows[i].function, function) == 0;
}

static void explore(const char *sentence, void (*story)(void)) {
    static char expected[sizeof noted];
    roomy();
    weir__uring_asked = fill_queue;
    run_once(story, 0);
    memcpy(expected, noted, noted_len + 1);
    weir__sys_limits.ring_entries = 4;
    for (unsigned at = 1; at == 1 || struck != NULL; at++) {
        run_once(story, at);
        if (strcmp(noted, expected) != 0)
            print_error("entry %u, asked for by %s\n", at, struck ? struck : "nobody");
        assert_string_equal(noted, expected);
        if (struck != NULL)
            note_met(struck);
    }
    for (int i = 0; i < ROWS; i++)
        if (rows[i].kind == ASKS && strcmp(rows[i].story, sentence) == 0 && !met[i])
            fail_msg("%s never met a full queue here", rows[i].function);
    weir__uring_asked = NULL;
}

#define WEIR_TEST_FULL_RING(sentence)                                                              \
    static void sentence##_body(void);                                                             \
    WEIR_TEST(sentence) {                                                                          \
        explore(#sentence, sentence##_body);                                                       \
    }                                                                                              \
    static void sentence##_body(void)

/* ---- peers, outside the backend ------------------------------------------------------------- */

struct end { /* a file of the backend, and its peer, a bare socket */
    struct weir__file file;
    int peer;
};

static void end_open(struct end *e) {
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(rig_attach(&e->file, pair[0]), 0);
    e->peer = pair[1];
}

static void end_close(struct end *e) {
    rig_close_file(&e->file);
    close(e->peer);
}

static void peer_says(struct end *e, const char *text) {
    assert_int_equal(send(e->peer, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* All that has come to the peer. */
static void note_peer(struct end *e) {
    char buf[512];
    ssize_t n;
    note("peer:");
    while ((n = recv(e->peer, buf, sizeof buf, MSG_DONTWAIT)) > 0)
        note("%.*s", (int)n, buf);
    note(" ");
}

/* Receive until len bytes have come. */
static void note_received(struct end *e, size_t len) {
    char buf[4096];
    size_t got = 0;
    assert_true(len <= sizeof buf);
    while (got < len) {
        int64_t n = rig_recv(&e->file, buf + got, sizeof buf - got);
        assert_true(n > 0);
        got += (size_t)n;
    }
    note("%.*s ", (int)got, buf);
}

/* A socket that a story's listener or connect meets. */
static int bare_socket(void) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    return fd;
}

/* ---- sending -------------------------------------------------------------------------------- */

enum { MANY = 6, ROUNDS = 3 };

/* Each vector's header of iovecs must stay its own until the kernel has read it. */
WEIR_TEST_FULL_RING(vectors_keep_their_own_bytes) {
    static struct end ends[MANY];
    static struct iovec v[MANY][3];
    static char text[MANY][3][8];
    struct rig_op out[MANY];
    open_uring();
    for (int i = 0; i < MANY; i++)
        end_open(&ends[i]);
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < MANY; i++) {
            for (int k = 0; k < 3; k++) {
                snprintf(text[i][k], sizeof text[i][k], "%c%d%d,", 'A' + i, round, k);
                v[i][k] = (struct iovec){text[i][k], strlen(text[i][k])};
            }
            out[i] = rig_op(WEIR__SENDV, &ends[i].file);
            out[i].op.u.vector.vec = v[i];
            out[i].op.u.vector.count = i == 0 ? 1 : 3;
            rig_submit(&out[i]);
        }
        for (int i = 0; i < MANY; i++)
            note("%lld ", (long long)rig_wait(&out[i]));
        for (int i = 0; i < MANY; i++)
            note_peer(&ends[i]);
    }
    for (int i = 0; i < MANY; i++)
        end_close(&ends[i]);
    rig_close();
}

WEIR_TEST_FULL_RING(sends_of_a_turn_leave_together) {
    static struct end ends[MANY];
    static char text[MANY][8];
    struct rig_op out[MANY];
    open_uring();
    for (int i = 0; i < MANY; i++)
        end_open(&ends[i]);
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < MANY; i++) {
            snprintf(text[i], sizeof text[i], "%c%d,", 'A' + i, round);
            out[i] = rig_bytes_op(WEIR__SEND_SOON, &ends[i].file, text[i], strlen(text[i]));
            rig_submit(&out[i]);
        }
        for (int i = 0; i < MANY; i++)
            note("%lld ", (long long)rig_wait(&out[i]));
        for (int i = 0; i < MANY; i++)
            note_peer(&ends[i]);
    }
    for (int i = 0; i < MANY; i++)
        end_close(&ends[i]);
    rig_close();
}

WEIR_TEST_FULL_RING(a_send_in_parts_arrives_whole) {
    static struct end a, b;
    static char text[100];
    struct iovec v[2] = {{text, 50}, {text + 50, 49}};
    struct rig_op bytes, vector;
    weir__sys_limits.ring_send_max = 30;
    for (size_t i = 0; i + 1 < sizeof text; i++)
        text[i] = (char)('!' + i % 90);
    open_uring();
    end_open(&a);
    end_open(&b);
    bytes = rig_bytes_op(WEIR__SEND, &a.file, text, 99);
    vector = rig_op(WEIR__SENDV, &b.file);
    vector.op.u.vector.vec = v;
    vector.op.u.vector.count = 2;
    rig_submit(&bytes);
    rig_submit(&vector);
    note("%lld %lld ", (long long)rig_wait(&bytes), (long long)rig_wait(&vector));
    note_peer(&a);
    note_peer(&b);
    end_close(&a);
    end_close(&b);
    rig_close();
}

WEIR_TEST_FULL_RING(a_send_that_is_stuck_ends) {
    static struct end ends[2];
    static char much[9000];
    struct rig_op stuck[2], reader, ready, closing;
    open_uring();
    for (int i = 0; i < 2; i++) {
        int few = 4096;
        end_open(&ends[i]);
        setsockopt(ends[i].file.fd, SOL_SOCKET, SO_SNDBUF, &few, sizeof few);
        rig_fill(&ends[i].file, &stuck[i], much, sizeof much);
    }
    note("cancelled %lld ", (long long)rig_stop(&stuck[0]));
    reader = rig_op(WEIR__RECV, &ends[1].file);
    ready = rig_op(WEIR__POLL, &ends[1].file);
    ready.op.u.poll.fd = ends[1].file.fd;
    ready.op.u.poll.events = POLLIN;
    closing = rig_op(WEIR__CLOSE, &ends[1].file);
    rig_submit(&reader);
    rig_submit(&ready);
    rig_submit(&closing);
    note("closed %lld ", (long long)rig_wait(&closing));
    note("%lld %lld %lld ", (long long)reader.op.result, (long long)ready.op.result,
         (long long)stuck[1].op.result);
    assert_true(reader.done != 0 && ready.done != 0 && stuck[1].done != 0);
    close(ends[1].peer);
    end_close(&ends[0]);
    rig_close();
}

/* Its requests only wait for room; the bytes go by calls of their own. */
WEIR_TEST_FULL_RING(a_large_send_waits_for_room) {
    static struct end ends[2];
    static char much[100000], got[sizeof much + 1];
    struct rig_op out[2];
    open_uring();
    for (int i = 0; i < 2; i++) {
        int few = 4096;
        end_open(&ends[i]);
        setsockopt(ends[i].file.fd, SOL_SOCKET, SO_SNDBUF, &few, sizeof few);
        memset(much, 'a', sizeof much);
        if (i == 1)
            shutdown(ends[i].peer, SHUT_WR);
        out[i] = rig_bytes_op(WEIR__SEND, &ends[i].file, much, sizeof much);
        rig_submit(&out[i]);
        assert_int_equal(out[i].done, 0);
    }
    for (int i = 0; i < 2; i++) {
        size_t sum = 0;
        for (ssize_t n; out[i].done == 0 || sum < sizeof much; sum += n > 0 ? (size_t)n : 0) {
            n = recv(ends[i].peer, got, sizeof got, MSG_DONTWAIT);
            rig_turn(n > 0 ? 0 : rig_in_ms(1));
        }
        note("%lld of %zu ", (long long)out[i].op.result, sum);
        end_close(&ends[i]);
    }
    rig_close();
}

WEIR_TEST_FULL_RING(connects_succeed_and_are_refused) {
    static struct weir__file files[MANY];
    struct weir__addr here = rig_addr("127.0.0.1", 0), gone = rig_addr("127.0.0.1", 0);
    struct rig_op connects[MANY];
    int listener = bare_socket(), nobody = bare_socket();
    assert_int_equal(bind(listener, &here.sa, here.len), 0);
    assert_int_equal(listen(listener, MANY), 0);
    assert_int_equal(getsockname(listener, &here.sa, &here.len), 0);
    assert_int_equal(bind(nobody, &gone.sa, gone.len), 0);
    assert_int_equal(getsockname(nobody, &gone.sa, &gone.len), 0);
    open_uring();
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(rig_socket(&files[i], AF_INET), 0);
        connects[i] = rig_op(WEIR__CONNECT, &files[i]);
        connects[i].op.u.addr = i % 3 == 2 ? &gone : &here;
        rig_submit(&connects[i]);
    }
    for (int i = 0; i < MANY; i++)
        note("%lld ", (long long)rig_wait(&connects[i]));
    for (int i = 0; i < MANY; i++)
        rig_close_file(&files[i]);
    close(listener);
    close(nobody);
    rig_close();
}

/* ---- receiving ------------------------------------------------------------------------------ */

/* Nobody reads for a while: the inbox fills, the receive ends, and is armed again. */
WEIR_TEST_FULL_RING(an_unread_file_is_received_again) {
    static struct end ends[3];
    struct rig_op first[3];
    open_uring();
    for (int i = 0; i < 3; i++) {
        end_open(&ends[i]);
        first[i] = rig_op(WEIR__RECV, &ends[i].file);
        rig_submit(&first[i]);
    }
    rig_settle();
    for (int i = 0; i < 3; i++)
        assert_int_equal(rig_stop(&first[i]), -ECANCELED);
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 5; k++) {
            peer_says(&ends[i], i == 1 ? "second" : "a piece");
            rig_settle();
        }
    note_received(&ends[1], 30);
    note_received(&ends[0], 35);
    peer_says(&ends[0], "the last");
    note_received(&ends[0], 8);
    for (int i = 0; i < 3; i++)
        end_close(&ends[i]);
    rig_close();
}

WEIR_TEST_FULL_RING(a_file_leaves_with_what_had_come) {
    static struct end e;
    struct rig_op first, leaves;
    open_uring();
    end_open(&e);
    first = rig_op(WEIR__RECV, &e.file);
    rig_submit(&first);
    rig_settle();
    assert_int_equal(rig_stop(&first), -ECANCELED);
    for (int k = 0; k < 5; k++) {
        peer_says(&e, "a piece");
        rig_settle();
    }
    leaves = rig_op(WEIR__DETACH, &e.file);
    leaves.op.u.detach.max = 100;
    assert_true(rig_run(&leaves) > 2);
    uint32_t len = leaves.op.u.detach.len;
    note("%.*s", (int)len, (char *)leaves.op.u.detach.block);
    weir__free(leaves.op.u.detach.block);
    assert_int_equal(rig_attach(&e.file, (int)leaves.op.result), 0);
    if (len < 35)
        note_received(&e, 35 - len);
    end_close(&e);
    rig_close();
}

/* A large read leads to receives by system calls, and small ones back. */
WEIR_TEST_FULL_RING(bulk_traffic_comes_and_goes) {
    static struct end e;
    static char large[70000];
    struct rig_op into;
    open_uring();
    end_open(&e);
    for (int round = 0; round < 2; round++) {
        into = rig_bytes_op(WEIR__RECV_INTO, &e.file, large, sizeof large);
        rig_submit(&into);
        rig_settle();
        memset(large, 'x', 2000);
        assert_int_equal(send(e.peer, large, 2000, 0), 2000);
        note("%d ", rig_wait(&into) > 0);
        for (int64_t left = 2000 - into.op.result; left > 0;) {
            int64_t n = rig_recv_into(&e.file, large, (size_t)left);
            assert_true(n > 0);
            left -= n;
        }
        for (int i = 0; i < 12; i++) {
            peer_says(&e, "short");
            note_received(&e, 5);
        }
    }
    end_close(&e);
    rig_close();
}

WEIR_TEST_FULL_RING(messages_come_one_by_one) {
    static struct weir__file file;
    int pair[2];
    open_uring();
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(rig_attach_as(&file, pair[0], true), 0);
    for (int round = 0; round < 4; round++) {
        char text[8];
        struct iovec v = {text, sizeof text};
        struct mmsghdr m = {.msg_hdr = {.msg_iov = &v, .msg_iovlen = 1}};
        struct rig_op o = rig_op(WEIR__RECVMSG, &file);
        o.op.u.message.messages = &m;
        o.op.u.message.count = 1;
        rig_submit(&o);
        rig_settle();
        if (round == 2)
            note("%d ", (int)rig_stop(&o));
        assert_int_equal(send(pair[1], "hello", (size_t)round, 0), round);
        if (o.done != 0)
            rig_submit(&o);
        note("%d %u ", (int)rig_wait(&o), m.msg_len);
    }
    close(pair[1]);
    rig_close_file(&file);
    rig_close();
}

/* ---- accepting ------------------------------------------------------------------------------ */

WEIR_TEST_FULL_RING(connections_wait_to_be_accepted) {
    static struct weir__file listener;
    int clients[MANY];
    struct rig_op taken;
    char hello[8];
    open_uring();
    struct weir__addr a = rig_listen_any(&listener, MANY);
    taken = rig_op(WEIR__ACCEPT, &listener);
    rig_submit(&taken);
    rig_settle();
    assert_int_equal(rig_stop(&taken), -ECANCELED);
    for (int i = 0; i < MANY; i++) {
        clients[i] = bare_socket();
        assert_int_equal(connect(clients[i], &a.sa, a.len), 0);
        snprintf(hello, sizeof hello, "hello %d", i);
        assert_int_equal(send(clients[i], hello, 7, 0), 7);
        rig_settle();
    }
    for (int i = 0; i < MANY - 1; i++) {
        taken = rig_op(WEIR__ACCEPT, &listener);
        int64_t fd = rig_run(&taken);
        assert_true(fd >= 0);
        note("%d ", recv((int)fd, hello, 7, 0) == 7 ? hello[6] : '?');
        close((int)fd);
    }
    rig_close_file(&listener);
    for (int i = 0; i < MANY; i++)
        close(clients[i]);
    rig_close();
}

/* ---- readiness, the turn -------------------------------------------------------------------- */

WEIR_TEST_FULL_RING(waits_for_readiness_fire_and_end) {
    static struct end e;
    struct rig_op waits[MANY];
    int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    open_uring();
    end_open(&e);
    for (int i = 0; i < MANY; i++) { /* even ones of the file, odd ones of the event */
        waits[i] = rig_op(WEIR__POLL, i % 2 ? NULL : &e.file);
        waits[i].op.u.poll.fd = i % 2 ? event : e.file.fd;
        waits[i].op.u.poll.events = POLLIN;
        rig_submit(&waits[i]);
    }
    rig_settle();
    note("cancelled %lld ", (long long)rig_stop(&waits[1]));
    assert_int_equal(eventfd_write(event, 1), 0);
    note("fired %lld %lld ", (long long)rig_wait(&waits[3]), (long long)rig_wait(&waits[5]));
    rig_close_file(&e.file);
    note("closed %lld %lld %lld", (long long)rig_wait(&waits[0]), (long long)rig_wait(&waits[2]),
         (long long)rig_wait(&waits[4]));
    close(e.peer);
    close(event);
    rig_close();
}

/* The ring tells unasked, and at once, that the peer sends no more. */
WEIR_TEST_FULL_RING(waits_beside_a_half_closed_peer_fire_and_end) {
    static struct end e;
    static char much[65536];
    struct rig_op waits[3];
    open_uring();
    end_open(&e);
    while (send(e.file.fd, much, sizeof much, MSG_DONTWAIT) > 0)
        continue;
    shutdown(e.peer, SHUT_WR);
    for (int i = 0; i < 3; i++) {
        waits[i] = rig_op(WEIR__POLL, i == 1 ? NULL : &e.file);
        waits[i].op.u.poll.fd = e.file.fd;
        waits[i].op.u.poll.events = i == 1 ? POLLOUT : POLLPRI;
        rig_submit(&waits[i]);
    }
    rig_settle();
    note("%d waits ", (waits[0].done != 0) + (waits[1].done != 0) + (waits[2].done != 0));
    note("cancelled %lld ", (long long)rig_stop(&waits[0]));
    while (recv(e.peer, much, sizeof much, MSG_DONTWAIT) > 0)
        continue;
    note("fired %lld ", (long long)rig_wait(&waits[1]));
    rig_close_file(&e.file);
    note("closed %lld", (long long)rig_wait(&waits[2]));
    close(e.peer);
    rig_close();
}

WEIR_TEST_FULL_RING(a_backend_opens_and_closes) {
    open_uring();
    note("%d", rig_turn(0));
    rig_close();
}

/* Which of a cancel and its call wins is the kernel's to decide. */
WEIR_TEST_FULL_RING(calls_on_files_end_and_are_cancelled) {
    struct weir__call makes = {.verb = WEIR__OPEN, .path = "/tmp", .flags = O_TMPFILE | O_RDWR,
                               .mode = 0600};
    struct rig_op made = rig_op(WEIR__FILE_OP, NULL), synced = made;
    open_uring();
    made.op.u.call = &makes;
    int64_t fd = rig_run(&made);
    note("%d %d ", fd > 2, makes.seeks);
    struct weir__call syncs = {.verb = WEIR__SYNC, .fd = (int)fd};
    synced.op.u.call = &syncs;
    note("%lld ", (long long)rig_run(&synced));
    rig_submit(&synced);
    rig_cancel(&synced);
    int64_t rc = rig_wait(&synced);
    note("%d", rc == 0 || rc == -ECANCELED);
    close((int)fd);
    rig_close();
}

static bool overflows(void) {
    const struct uring_backend *b = (const void *)backend;
    return (*b->ring.sq.kflags & IORING_SQ_CQ_OVERFLOW) != 0;
}

/* 4 times the entries fit into the completion ring; the kernel keeps the others for later. */
WEIR_TEST_FULL_RING(more_completions_come_than_the_ring_holds) {
    enum { CROWD = 24 };
    static struct end ends[CROWD];
    static struct rig_op in[CROWD], out[CROWD];
    static char pong[] = "pong";
    open_uring();
    for (int i = 0; i < CROWD; i++) {
        end_open(&ends[i]);
        in[i] = rig_op(WEIR__RECV, &ends[i].file);
        rig_submit(&in[i]);
    }
    rig_settle();
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < CROWD; i++) {
            peer_says(&ends[i], "ping");
            out[i] = rig_bytes_op(WEIR__SEND, &ends[i].file, pong, 4);
        }
        for (int i = 0; i < CROWD; i++)
            rig_submit(&out[i]);
        if (weir__sys_limits.ring_entries == 4)
            assert_true(overflows());
        for (int i = 0; i < CROWD; i++) {
            note("%lld %lld ", (long long)rig_wait(&in[i]), (long long)rig_wait(&out[i]));
            weir__release(backend, &in[i].op.u.lent);
            note_peer(&ends[i]);
            rig_submit(&in[i]);
        }
    }
    for (int i = 0; i < CROWD; i++)
        end_close(&ends[i]);
    rig_close();
}
