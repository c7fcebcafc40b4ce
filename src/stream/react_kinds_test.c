/* SPDX-License-Identifier: MIT */
/* Reactive connections over streams that are no sockets: their listeners, their descriptors, a
 * handshake of the stream's own, and a change of their functions. */
#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <weir/log.h>
#include <weir/testing.h>

#include "stream/ahead.h"
#include "stream/stream.h"
#include "stream/stream_test_util.h"

static struct {
    char order[32]; /* a letter for each call of a function */
    char bytes[64];
    size_t len;
    int rc, fails, conns, lines;
} seen;

/* Messages that follow each other are noted once: a seed may cut what was sent. */
static void note(char what) {
    size_t n = strlen(seen.order);
    if ((what == 'm' || what == 'M') && n > 0 && seen.order[n - 1] == what)
        return;
    assert_true(n + 1 < sizeof seen.order);
    seen.order[n] = what;
    seen.order[n + 1] = '\0';
}

static int opened(struct weir_conn *c, void *state) {
    note('o');
    return 0;
}

static int message(struct weir_conn *c, void *state, struct weir_view v) {
    note('m');
    assert_true(seen.len + v.len < sizeof seen.bytes);
    memcpy(seen.bytes + seen.len, v.base, v.len);
    seen.len += v.len;
    return seen.fails;
}

static void closed(struct weir_conn *c, void *state, int rc) {
    note('c');
    seen.rc = rc;
}

static const struct weir_reactive notes = {.size = sizeof notes, .state_size = 8,
                                           .opened = opened, .message = message,
                                           .closed = closed};

static void begin(void) {
    memset(&seen, 0, sizeof seen);
    seen.rc = 1;
}

/* ---- listeners in memory --------------------------------------------------------------------- */

static int echo(struct weir_conn *c, void *state, struct weir_view v) {
    return weir_write(weir_conn_stream(c), v.base, v.len);
}

static void counted(struct weir_conn *c, void *state, int rc) {
    seen.conns++;
}

static const struct weir_reactive echoes = {.size = sizeof echoes, .state_size = 100,
                                            .message = echo, .closed = counted};

struct serve_args {
    struct weir_listener *l;
    struct weir_group *clients;
};

static int serve(void *args) {
    struct serve_args *a = args;
    return weir_react(a->l, a->clients, &echoes);
}

static int ask_echo(const char *url) {
    WEIR_AUTO(weir_close) struct weir_stream *s = NULL;
    char text[6];
    int rc = weir_dial(url, NULL, &s);
    for (int i = 0; i < 3 && rc == 0; i++) {
        rc = weir_write(s, "hello", 5);
        if (rc == 0)
            rc = weir_read_exactly(s, text, 5);
        if (rc == 0 && memcmp(text, "hello", 5) != 0)
            rc = -EBADMSG;
    }
    return rc;
}

static int serve_in_memory(int clients, bool cancels) {
    WEIR_AUTO(weir_unlisten) struct weir_listener *l = NULL;
    struct weir_group servers, conns;
    struct weir_scope patience;
    int rc = weir_listen("mem:echo", NULL, &l);
    if (rc < 0)
        return rc;
    weir_group_open(&conns, WEIR_INDEPENDENT);
    weir_group_open(&servers, WEIR_TOGETHER);
    weir_scope_enter(&patience, WEIR_SECONDS(5));
    rc = weir_go(&servers, serve, .l = l, .clients = &conns);
    for (int i = 0; i < clients && rc == 0; i++)
        rc = ask_echo("mem:echo");
    rc = weir_scope_leave(&patience, rc);
    if (rc < 0 || cancels)
        weir_group_cancel(&servers, "the story ends");
    weir_unlisten(&l);
    int served = weir_group_close(&servers, 0);
    if (cancels || rc < 0)
        weir_group_cancel(&conns, "the story ends");
    weir_group_close(&conns, 0);
    return rc < 0 ? rc : cancels ? 0 : served;
}

LOOP_STORY(a_listener_in_memory_is_served_reactively) {
    begin();
    assert_int_equal(serve_in_memory(50, false), 0);
    assert_int_equal(seen.conns, 50);
    assert_int_equal(serve_in_memory(2, true), 0);
    return 0;
}

static int in_memory(void *arg) {
    return serve_in_memory(3, false);
}

static const struct weir_story memory_story = {.size = sizeof memory_story,
                                               .name = "react in memory", .fn = in_memory};

WEIR_TEST(a_server_in_memory_may_be_disturbed_anywhere) {
    struct weir_explored e;
    assert_int_equal(weir_explore_cancels(&memory_story, &e), 0);
    assert_true(e.points > 5);
    assert_int_equal(weir_explore_allocations(&memory_story, &e), 0);
    assert_true(e.points > 5);
    assert_int_equal(weir_explore_seeds(&memory_story, NULL), 0);
}

LOOP_STORY(a_cancel_ends_the_accept_of_a_listener_in_memory) {
    struct weir_group g;
    struct weir_listener *l;
    assert_int_equal(weir_listen("mem:quiet", NULL, &l), 0);
    weir_group_open(&g, WEIR_INDEPENDENT);
    assert_int_equal(weir_go(&g, serve, .l = l, .clients = &g), 0);
    settle();
    weir_group_cancel(&g, "nobody came");
    (void)weir_group_close(&g, 0);
    weir_unlisten(&l);
    return 0;
}

/* ---- every kind: errors, closes, cancels ----------------------------------------------------- */

STREAM_STORY(KINDS_ALL, a_function_that_fails_closes_a_stream_of_any_kind) {
    struct weir_group g;
    char byte;
    begin();
    seen.fails = -EIO;
    weir_group_open(&g, WEIR_INDEPENDENT);
    assert_int_equal(weir_react_stream(&e->b, &g, &notes), 0);
    settle();
    send_text(e->a, "bad");
    assert_int_equal(weir_read(e->a, &byte, 1), 0);
    weir_group_close(&g, 0);
    assert_string_equal(seen.order, "omc");
    assert_int_equal(seen.rc, -EIO);
    return 0;
}

static int closes(struct weir_conn *c, void *state, struct weir_view v) {
    note('m');
    weir_conn_close(c);
    return 0;
}

STREAM_STORY(KINDS_ALL, a_reactive_stream_of_any_kind_is_closed_by_its_function_or_a_cancel) {
    for (int cancels = 0; cancels < 2; cancels++) {
        struct weir_reactive r = notes;
        struct weir_group g;
        char byte;
        r.message = closes;
        begin();
        weir_group_open(&g, WEIR_INDEPENDENT);
        assert_int_equal(weir_react_stream(&e->b, &g, &r), 0);
        settle(); /* idle: what it has asked for is pending */
        if (cancels)
            weir_group_cancel(&g, "over");
        else
            send_text(e->a, "x");
        weir_group_close(&g, 0);
        assert_int_equal(weir_read(e->a, &byte, 1), 0);
        assert_string_equal(seen.order, cancels ? "oc" : "omc");
        assert_int_equal(seen.rc, cancels ? -ECANCELED : 0);
        weir_close(&e->a);
        ends_open(e);
    }
    return 0;
}

static int pours(void *args) {
    struct weir_stream *s = *(struct weir_stream **)args;
    static const char much[256 << 10];
    return weir_write(s, much, sizeof much);
}

static int pours_opened(struct weir_conn *c, void *state) {
    static const struct weir_site site = {"pours", __FILE__, "test", __LINE__};
    struct weir_stream *s = weir_conn_stream(c);
    return weir_spawn(weir_conn_group(c), &site, pours, &s, sizeof s, NULL, NULL);
}

/* A task writes to the stream, and the peer reads nothing. */
STREAM_STORY(KINDS_ALL, a_writer_is_ended_with_its_connection) {
    struct weir_reactive r = notes;
    struct weir_group g;
    r.opened = pours_opened;
    begin();
    weir_group_open(&g, WEIR_INDEPENDENT);
    assert_int_equal(weir_react_stream(&e->b, &g, &r), 0);
    settle();
    weir_group_cancel(&g, "over");
    weir_group_close(&g, 0);
    assert_string_equal(seen.order, "c");
    return 0;
}

/* ---- descriptors ----------------------------------------------------------------------------- */

FD_STORY(the_reading_end_of_a_pipe_is_served_reactively) {
    struct weir_stream *in, *out;
    struct weir_group g;
    int fds[2];
    begin();
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    assert_int_equal(weir_stream_from_fd(fds[0], &in), 0);
    assert_int_equal(weir_stream_from_fd(fds[1], &out), 0);
    weir_group_open(&g, WEIR_INDEPENDENT);
    assert_int_equal(weir_react_stream(&in, &g, &notes), 0);
    settle();
    send_text(out, "one");
    settle();
    send_text(out, "two");
    weir_close(&out);
    weir_group_close(&g, 0);
    assert_memory_equal(seen.bytes, "onetwo", 6);
    assert_int_equal(seen.rc, 0);
    return 0;
}

FD_STORY(a_regular_file_is_served_reactively_to_its_end) {
    char path[] = "/tmp/weir-react-XXXXXX";
    struct weir_stream *s;
    struct weir_group g;
    int fd = mkstemp(path);
    begin();
    assert_int_equal(write(fd, "on the disk", 11), 11);
    assert_int_equal(lseek(fd, 3, SEEK_SET), 3);
    assert_int_equal(weir_stream_from_fd(fd, &s), 0);
    weir_group_open(&g, WEIR_INDEPENDENT);
    assert_int_equal(weir_react_stream(&s, &g, &notes), 0);
    weir_group_close(&g, 0);
    assert_memory_equal(seen.bytes, "the disk", 8);
    assert_string_equal(seen.order, "omc");
    unlink(path);
    return 0;
}

/* The master of a terminal in blocking mode cannot be tried: a helper thread reads it. */
FD_STORY(what_only_a_helper_thread_can_read_is_served_reactively) {
    struct weir_stream *s, *user;
    struct weir_group g;
    begin();
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    assert_true(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
    int slave = open(ptsname(master), O_RDWR | O_NOCTTY);
    assert_int_equal(weir_stream_from_fd(master, &s), 0);
    assert_int_equal(weir_stream_from_fd(slave, &user), 0);
    weir_group_open(&g, WEIR_INDEPENDENT);
    assert_int_equal(weir_react_stream(&s, &g, &notes), 0);
    settle();
    send_text(user, "typed");
    for (int i = 0; i < 1000 && seen.len < 5; i++)
        settle();
    assert_memory_equal(seen.bytes, "typed", 5);
    settle();
    weir_group_cancel(&g, "enough"); /* while a job waits */
    weir_group_close(&g, 0);
    assert_int_equal(seen.rc, -ECANCELED);
    weir_close(&user);
    return 0;
}

/* ---- a fork child ---------------------------------------------------------------------------- */

static struct weir_conn *kept;

static int keeps(struct weir_conn *c, void *state) {
    kept = c;
    return 0;
}

FD_STORY(a_fork_child_closes_nothing_of_its_parents_connections) {
    static const int kinds[] = {KIND_MEMORY, KIND_FD, KIND_TCP};
    for (int i = 0; i < 3; i++) {
        struct ends e = {.kind = kinds[i]};
        struct weir_reactive r = echoes;
        struct weir_group g;
        int status;
        begin();
        r.opened = keeps;
        ends_open(&e);
        weir_group_open(&g, WEIR_INDEPENDENT);
        assert_int_equal(weir_react_stream(&e.b, &g, &r), 0);
        settle();
        pid_t child = fork();
        if (child == 0) {
            weir_conn_close(kept);
            weir_close(&e.a);
            _exit(0);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
        send_text(e.a, "goes on");
        expect_bytes(e.a, "goes on");
        weir_close(&e.a);
        weir_group_close(&g, 0);
        assert_int_equal(seen.conns, 1);
    }
    return 0;
}

/* ---- a handshake of the stream's own --------------------------------------------------------- */

static int shakes(struct weir_stream *s) {
    note('b');
    return weir_sleep(WEIR_MILLISECONDS(1));
}

static int shakes_not(struct weir_stream *s) {
    note('b');
    return weir_fail(-EPROTO, "the test shook nobody's hand");
}

static int shakes_long(struct weir_stream *s) {
    note('b');
    return weir_sleep(WEIR_SECONDS(60));
}

static void count_line(enum weir_log_level level, const char *line, void *arg) {
    seen.lines++;
}

/* A kind like that of s, with this handshake. */
static void let_begin(struct weir_stream *s, int (*fn)(struct weir_stream *s)) {
    static struct weir__stream_kind kind;
    kind = *s->kind;
    kind.begin = fn;
    s->kind = &kind;
}

STREAM_STORY(KIND_MEMORY | KIND_FD, a_handshake_comes_before_opened) {
    struct weir_group g;
    begin();
    let_begin(e->b, shakes);
    send_text(e->a, "early");
    weir_group_open(&g, WEIR_INDEPENDENT);
    assert_int_equal(weir_react_stream(&e->b, &g, &notes), 0);
    settle();
    weir_close(&e->a);
    weir_group_close(&g, 0);
    assert_string_equal(seen.order, "bomc");
    assert_memory_equal(seen.bytes, "early", 5);
    return 0;
}

STREAM_STORY(KIND_MEMORY | KIND_FD, a_handshake_that_fails_is_logged_and_not_opened) {
    for (int is_long = 0; is_long < 2; is_long++) {
        struct weir_reactive r = notes;
        struct weir_group g;
        char byte;
        r.handshake_ns = WEIR_MILLISECONDS(5);
        begin();
        let_begin(e->b, is_long ? shakes_long : shakes_not);
        weir_log_to(count_line, NULL);
        weir_group_open(&g, WEIR_INDEPENDENT);
        assert_int_equal(weir_react_stream(&e->b, &g, &r), 0);
        assert_int_equal(weir_read(e->a, &byte, 1), 0);
        assert_int_equal(weir_group_close(&g, 0), 0);
        weir_log_to(NULL, NULL);
        assert_string_equal(seen.order, "b");
        assert_int_equal(seen.lines, 1);
        weir_close(&e->a);
        ends_open(e);
    }
    return 0;
}

STREAM_STORY(KIND_MEMORY, a_cancel_ends_a_handshake_and_is_not_logged) {
    struct weir_group g;
    begin();
    let_begin(e->b, shakes_long);
    weir_log_to(count_line, NULL);
    weir_group_open(&g, WEIR_INDEPENDENT);
    assert_int_equal(weir_react_stream(&e->b, &g, &notes), 0);
    settle();
    weir_group_cancel(&g, "over");
    weir_group_close(&g, 0);
    weir_log_to(NULL, NULL);
    assert_string_equal(seen.order, "b");
    assert_int_equal(seen.lines, 0);
    return 0;
}

/* ---- other functions ------------------------------------------------------------------------- */

static int freed;

static void note_freed(void *arg) {
    freed++;
}

static int after_opened(struct weir_conn *c, void *state) {
    assert_int_equal(*(uint64_t *)state, 0);
    note('O');
    return 0;
}

static int after(struct weir_conn *c, void *state, struct weir_view v) {
    note('M');
    assert_string_equal(weir_conn_arg(c), "after");
    return weir_write(weir_conn_stream(c), v.base, v.len);
}

static void after_closed(struct weir_conn *c, void *state, int rc) {
    note('C');
    seen.rc = rc;
}

/* Behind the first '!' the other functions go on. */
static int before(struct weir_conn *c, void *state, struct weir_view v) {
    static const struct weir_reactive r = {.size = sizeof r, .state_size = 8,
                                           .opened = after_opened, .message = after,
                                           .closed = after_closed, .arg = "after"};
    static const struct weir__react_hooks hooks = {.freed = note_freed};
    const char *at = memchr(v.base, '!', v.len);
    note('m');
    memset(state, 'x', 8);
    if (at == NULL)
        return 0;
    size_t used = (size_t)(at + 1 - (const char *)v.base);
    struct react_server *sv = weir__react_server_new(weir__loop(), NULL, &r, &hooks);
    if (sv == NULL)
        return weir_fail(-ENOMEM, "no server");
    struct weir_view rest = {(const uint8_t *)v.base + used, v.len - used};
    int rc = weir__conn_become(c, sv, rest);
    weir__react_server_unref(sv);
    return rc;
}

/* order NULL: the story is disturbed, so that only its own result counts. */
static int becomes(struct ends *e, const char *text, const char *order) {
    struct weir_reactive r = notes;
    struct weir_group g;
    const char *rest = strchr(text, '!') + 1;
    char back[16] = "";
    r.message = before;
    begin();
    freed = 0;
    weir_group_open(&g, WEIR_INDEPENDENT);
    int rc = weir_write(e->a, text, strlen(text));
    if (rc == 0)
        rc = weir_react_stream(&e->b, &g, &r);
    if (rc == 0 && *rest != '\0')
        rc = weir_read_exactly(e->a, back, strlen(rest));
    if (rc == 0)
        rc = weir_write(e->a, "more", 4);
    if (rc == 0)
        rc = weir_read_exactly(e->a, back + strlen(rest), 4);
    weir_close(&e->a);
    if (rc < 0)
        weir_group_cancel(&g, "the story ends");
    weir_group_close(&g, 0);
    if (rc < 0 || order == NULL)
        return rc;
    assert_memory_equal(back, rest, strlen(rest));
    assert_memory_equal(back + strlen(rest), "more", 4);
    assert_string_equal(seen.order, order);
    assert_int_equal(seen.rc, 0);
    assert_int_equal(freed, 1);
    return 0;
}

STREAM_STORY(KINDS_ALL, a_live_connection_gets_other_functions) {
    assert_int_equal(becomes(e, "up!", "omOMC"), 0);
    ends_open(e);
    assert_int_equal(becomes(e, "up!rest", "omOMC"), 0);
    return 0;
}

static int becoming(void *arg) {
    struct ends e = {.kind = KIND_MEMORY};
    struct weir_scope patience;
    int rc = weir_memory_pair(0, &e.a, &e.b);
    if (rc < 0)
        return rc;
    weir_scope_enter(&patience, WEIR_SECONDS(5));
    rc = becomes(&e, "up!rest", NULL);
    rc = weir_scope_leave(&patience, rc);
    weir_close(&e.a);
    weir_close(&e.b);
    return rc;
}

static const struct weir_story becoming_story = {.size = sizeof becoming_story,
                                                 .name = "become", .fn = becoming};

WEIR_TEST(a_change_of_functions_may_be_disturbed_anywhere) {
    struct weir_explored e;
    assert_int_equal(weir_explore_cancels(&becoming_story, &e), 0);
    assert_true(e.points > 3);
    assert_int_equal(weir_explore_allocations(&becoming_story, &e), 0);
    assert_true(e.points > 3);
}
