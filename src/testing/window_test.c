/* SPDX-License-Identifier: MIT */
/* window_test.c - a peer that has no room, and news of room that is lost on the way: which probe of
 * the network keeps a world from being quiet, and how often it is sent. */
#include <weir/option.h>

#include "testing/seed_rig.h"

enum { WINDOW = 65536 };

static int (*read_so)(struct weir_stream *s);
static size_t to_write;
static bool writer_leaves; /* it closes with bytes left to send */

static int write_zeros(void *args) {
    WEIR_AUTO(weir_close) struct weir_stream *s = NULL;
    static const uint8_t bytes[4 * WINDOW];
    (void)args;
    int rc = weir_dial("tcp://far:7", NULL, &s);
    rc = rc < 0 ? rc : weir_write(s, bytes, to_write);
    return rc < 0 || writer_leaves ? rc : weir_shutdown(s);
}

/* A writer on the program's host; on "far" its connection is read by read_so. */
static int two_ends(void *arg) {
    WEIR_AUTO(weir_unlisten) struct weir_listener *l = NULL;
    WEIR_AUTO(weir_close) struct weir_stream *s = NULL;
    struct weir_group g;
    (void)arg;
    weir_sim_host("far");
    int rc = weir_listen("tcp://far:7", NULL, &l);
    weir_group_open(&g, WEIR_TOGETHER);
    rc = rc < 0 ? rc : weir_go0(&g, write_zeros);
    rc = rc < 0 ? rc : weir_accept(l, &s);
    rc = rc < 0 ? rc : read_so(s);
    return weir_group_close(&g, rc);
}

static int read_to_end(struct weir_stream *s, size_t have) {
    static uint8_t buf[WINDOW];
    ssize_t n;
    while ((n = weir_read(s, buf, sizeof buf)) > 0)
        have += (size_t)n;
    return n < 0 ? (int)n : have == to_write ? 0 : -EPROTO;
}

/* ---- news of room that is lost --------------------------------------------------------------- */

/* It reads while its host is cut off. TCP tells of the new room once, and that segment is lost. */
static int makes_room_while_cut_off(struct weir_stream *s) {
    static uint8_t buf[WINDOW - 1];
    int rc = weir_sleep(WEIR_SECONDS(1));
    rc = rc < 0 ? rc : weir_sim_cut("far");
    rc = rc < 0 ? rc : weir_read_exactly(s, buf, sizeof buf);
    rc = rc < 0 ? rc : weir_sim_restore("far");
    return rc < 0 ? rc : read_to_end(s, sizeof buf);
}

static int begins_late(struct weir_stream *s) {
    int rc = weir_sleep(WEIR_SECONDS(1));
    return rc < 0 ? rc : read_to_end(s, 0);
}

WEIR_TEST(a_probe_after_a_cut_learns_of_room_and_the_world_waits_for_it) {
    read_so = makes_room_while_cut_off;
    to_write = 3 * WINDOW;
    assert_int_equal(run(two_ends, (struct weir_sim_options){0}, 0), 0);
    assert_int_equal(weir_sim_counts()->quiet, 0);
}

static const struct weir_sim_options lossy = {.loss = 300, .receive_buffer = 2000,
                                              .send_buffer = 2000};

/* The writer first probes a full window. Then it sends bytes, and no acknowledgement comes. */
WEIR_TEST(a_reader_that_begins_late_over_a_lossy_link_gets_all) {
    read_so = begins_late;
    to_write = 40000;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        assert_int_equal(run(two_ends, lossy, seed), 0);
        assert_int_equal(weir_sim_counts()->quiet, 0);
    }
}

/* A writer that has closed has no task that waits: its probe must run all the same. */
WEIR_TEST(bytes_of_a_writer_that_has_closed_arrive_over_a_lossy_link) {
    read_so = begins_late;
    to_write = 3000; /* more than the window, less than the window and what the writer keeps */
    writer_leaves = true;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        assert_int_equal(run(two_ends, lossy, seed), 0);
        assert_int_equal(weir_sim_counts()->quiet, 0);
    }
    writer_leaves = false;
}

/* ---- who gives up, and who gets more room ---------------------------------------------------- */

static weir_ns cut_ns; /* how long it is cut off */

/* It gives up before the writer does, and does not read; its user keeps the stream. */
static int gives_up_while_cut_off(struct weir_stream *s) {
    int rc = weir_sleep(WEIR_MILLISECONDS(500));
    rc = rc < 0 ? rc : weir_stream_option(s, WEIR_STREAM_KEEPALIVE_INTERVAL, 1);
    rc = rc < 0 ? rc : weir_stream_option(s, WEIR_STREAM_KEEPALIVE_COUNT, 1);
    rc = rc < 0 ? rc : weir_stream_option(s, WEIR_STREAM_KEEPALIVE, 1);
    rc = rc < 0 ? rc : weir_sim_cut("far");
    rc = rc < 0 ? rc : weir_sleep(cut_ns);
    return rc < 0 ? rc : weir_sim_restore("far");
}

/* It gives up 2 s after the cut: before the link is there again, and between that and the writer's
 * next probe. */
WEIR_TEST(a_probe_to_a_peer_that_has_given_up_is_waited_for) {
    read_so = gives_up_while_cut_off;
    to_write = 3 * WINDOW;
    for (int i = 0; i < 2; i++) {
        cut_ns = i == 0 ? WEIR_SECONDS(4) : WEIR_MILLISECONDS(1700);
        assert_int_equal(run(two_ends, (struct weir_sim_options){0}, 0), -ECONNRESET);
        assert_int_equal(weir_sim_counts()->quiet, 0);
    }
}

static int is_cut_off(struct weir_stream *s) {
    (void)s;
    int rc = weir_sleep(WEIR_MILLISECONDS(500));
    rc = rc < 0 ? rc : weir_sim_cut("far");
    rc = rc < 0 ? rc : weir_sleep(cut_ns);
    return rc < 0 ? rc : weir_sim_restore("far");
}

/* The link is there again when the writer has sent its last probe, and waits for the answer. */
WEIR_TEST(a_writer_that_will_give_up_is_waited_for) {
    read_so = is_cut_off;
    to_write = 3 * WINDOW;
    cut_ns = WEIR_SECONDS(1000);
    assert_int_equal(run(two_ends, (struct weir_sim_options){0}, 0), -ETIMEDOUT);
    assert_int_equal(weir_sim_counts()->quiet, 0);
}

static int gets_a_larger_buffer(struct weir_stream *s) {
    int rc = weir_sleep(WEIR_SECONDS(1));
    return rc < 0 ? rc : weir_stream_option(s, WEIR_STREAM_RECEIVE_BUFFER, 4 * WINDOW);
}

WEIR_TEST(a_probe_to_a_peer_with_a_larger_buffer_is_waited_for) {
    read_so = gets_a_larger_buffer;
    to_write = 3 * WINDOW;
    assert_int_equal(run(two_ends, (struct weir_sim_options){0}, 0), 0);
    assert_int_equal(weir_sim_counts()->quiet, 0);
}

/* ---- how often a probe is sent --------------------------------------------------------------- */

static uint64_t said; /* segments in a minute */
static weir_ns waited_ns; /* for a byte after an hour */

static int reads_after_an_hour(struct weir_stream *s) {
    static uint8_t first[WINDOW];
    int rc = weir_sleep(WEIR_SECONDS(1));
    said = weir_sim_counts()->segments;
    rc = rc < 0 ? rc : weir_sleep(WEIR_SECONDS(60));
    said = weir_sim_counts()->segments - said;
    rc = rc < 0 ? rc : weir_sleep(WEIR_SECONDS(3540));
    waited_ns = weir_now();
    rc = rc < 0 ? rc : weir_read_exactly(s, first, sizeof first);
    rc = rc < 0 ? rc : weir_read_exactly(s, first, 1);
    waited_ns = weir_now() - waited_ns;
    return rc < 0 ? rc : read_to_end(s, sizeof first + 1);
}

/* The pauses double, and never does a peer that answers make the writer give up. */
WEIR_TEST(probes_of_a_full_window_become_rare) {
    read_so = reads_after_an_hour;
    to_write = 3 * WINDOW;
    assert_int_equal(run(two_ends, (struct weir_sim_options){0}, 0), 0);
    assert_true(said > 2 && said <= 24); /* each has an answer */
    assert_true(waited_ns < WEIR_MILLISECONDS(10));
}
