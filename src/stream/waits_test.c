/* SPDX-License-Identifier: MIT */
/* The text of what a task waits for, of the waits of this room: it is read from memory alone
 * (task/what.h), so this also tests that the room has described its objects rightly. */
#include "stream/stream_test_util.h"

#include <fcntl.h>
#include <poll.h>
#include <weir/testing.h>

#include "stream/stream.h"
#include "task/what.h"

enum { BIG = 16 << 20 }; /* more than a stream takes at once */

struct waiter_args {
    void *object;
};

static int reads(void *args) {
    char byte;
    return (int)weir_read(((struct waiter_args *)args)->object, &byte, 1);
}

static int writes(void *args) {
    static const char big[BIG];
    return weir_write(((struct waiter_args *)args)->object, big, sizeof big);
}

static int accepts(void *args) {
    WEIR_AUTO(weir_close) struct weir_stream *s = NULL;
    return weir_accept(((struct waiter_args *)args)->object, &s);
}

static int waits_fd(void *args) {
    return weir_wait_fd(*(int *)((struct waiter_args *)args)->object, POLLIN);
}

static int dials(void *args) {
    WEIR_AUTO(weir_close) struct weir_stream *s = NULL;
    return weir_dial(((struct waiter_args *)args)->object, NULL, &s);
}

/* Run fn in a task until it waits, and write into text for what. */
static void look_at(int (*fn)(void *), const void *object, char text[static WEIR__WHAT_TEXT]) {
    struct waiter_args a = {(void *)(uintptr_t)object};
    struct weir_group g;
    struct weir_task *t = NULL;
    weir_group_open(&g, WEIR_INDEPENDENT);
    assert_int_equal(weir_spawn(&g, WEIR_SITE(fn), fn, &a, sizeof a, NULL, &t), 0);
    do {
        char buf[WEIR__WHAT_TEXT];
        assert_int_equal(weir_yield(), 0);
        snprintf(text, WEIR__WHAT_TEXT, "%s", weir__task_waits_text(t, buf));
    } while (strcmp(text, "ready") == 0);
    weir_group_cancel(&g, "seen");
    assert_int_equal(weir_group_close(&g, 0), 0);
    weir_task_release(&t);
}

/* weir_stream_fd hides the number of a simulated socket. */
static int fd_of(const struct weir_stream *s) {
    int fd = -1;
    if (s->kind->place.fd_at != 0)
        memcpy(&fd, (const char *)s + s->kind->place.fd_at, sizeof fd);
    return fd;
}

static void expect(const struct ends *e, int (*fn)(void *), const char *call, const char *link) {
    char wanted[WEIR__WHAT_TEXT], text[WEIR__WHAT_TEXT], fd[32] = "";
    if (e->kind != KIND_MEMORY)
        snprintf(fd, sizeof fd, " (fd %d)", fd_of(e->a));
    if (e->kind == KIND_TCP)
        snprintf(wanted, sizeof wanted, "%s %s %s%s", call, link, weir_stream_peer(e->a), fd);
    else
        snprintf(wanted, sizeof wanted, "%s%s", call, fd);
    look_at(fn, e->a, text);
    assert_string_equal(text, wanted);
}

STREAM_STORY(KINDS_ALL, the_text_of_a_read_names_the_peer_and_the_descriptor) {
    expect(e, reads, "read", "from");
    return 0;
}

STREAM_STORY(KINDS_ALL, the_text_of_a_write_names_the_peer_and_the_descriptor) {
    expect(e, writes, "write", "to");
    return 0;
}

LOOP_STORY(the_text_of_an_accept_names_the_descriptor_of_the_listener) {
    struct weir_listener *l = NULL;
    char text[WEIR__WHAT_TEXT], again[WEIR__WHAT_TEXT];
    int fd = -1, listens = 0;
    socklen_t len = sizeof listens;
    assert_int_equal(weir_listen("tcp://127.0.0.1:0", NULL, &l), 0);
    look_at(accepts, l, text);
    sscanf(text, "accept (fd %d)", &fd);
    snprintf(again, sizeof again, "accept (fd %d)", fd);
    assert_string_equal(text, again);
    if (strcmp(test_backend, "sim") != 0) {
        assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len), 0);
        assert_int_equal(listens, 1);
    }
    weir_unlisten(&l);
    return 0;
}

FD_STORY(the_text_of_a_wait_for_a_descriptor_names_it) {
    char wanted[WEIR__WHAT_TEXT], text[WEIR__WHAT_TEXT];
    int p[2];
    assert_int_equal(pipe2(p, O_CLOEXEC), 0);
    snprintf(wanted, sizeof wanted, "wait_fd (fd %d)", p[0]);
    look_at(waits_fd, &p[0], text);
    assert_string_equal(text, wanted);
    close(p[0]);
    close(p[1]);
    return 0;
}

static int resolves(void *arg) {
    char text[WEIR__WHAT_TEXT];
    (void)arg;
    assert_int_equal(weir_sim_host("elsewhere"), 0);
    look_at(dials, "tcp://elsewhere:80", text);
    assert_string_equal(text, "resolve of 'elsewhere'");
    return 0;
}

/* Simulated only: no test asks a resolver of the real world. */
WEIR_TEST(the_text_of_a_look_up_names_the_name) {
    assert_int_equal(weir_sim_run(resolves, NULL, NULL), 0);
}
