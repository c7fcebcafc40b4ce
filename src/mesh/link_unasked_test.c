/* SPDX-License-Identifier: MIT */
/* Receivers that send raw bytes: a message that comes before the item is not its ack; and the way
 * in which a receiver refuses decides whether it is dialled again. */
#include <stdio.h>
#include <string.h>
#include <weir/loop.h>
#include <weir/stream.h>

#include "base/alloc.h"
#include "mesh/link.h"
#include "task/task.h"
#include "test/runner.h"
#include "wire/handshake.h"
#include "wire/ws_frame.h"

#define MS WEIR_MILLISECONDS

struct receiver {
    /* as the story says */
    const char *refusal;  /* instead of the 101; NULL: none */
    const char *greeting; /* frames that leave with the 101 */
    size_t greeting_len, late_len; /* so many bytes of it wait for the first item */
    int breaks;           /* so many items break the connection */
    int answers;          /* to each item: "done ITEM", then "again ITEM" */
    weir_ns apart_ns;     /* between two of them */
    int (*serve)(struct weir_stream *s); /* what follows the 101 instead; NULL: none */
    /* as it went */
    int connections, items;
    struct weir_listener *listener;
};

static struct receiver r;
static struct weir_mesh mesh;
static uint64_t unasked;

static void count_unasked(void *arg, const struct weir__mesh_news *news) {
    unasked += news->event == WEIR__UNASKED;
}
static char url[64];

/* ---- the receiver ---- */

static size_t frame(char *buf, unsigned first_byte, const char *text) {
    size_t len = strlen(text), head = weir__ws_head_write((uint8_t *)buf, first_byte, len, NULL);
    memcpy(buf + head, text, len);
    return head + len;
}

static int send_head(struct weir_stream *s) {
    static const char name[] = "Sec-WebSocket-Key: ";
    char line[512], accept[WEIR__WS_ACCEPT_LEN];
    ssize_t n;
    while ((n = weir_read_until(s, '\n', line, sizeof line)) > 2)
        if (strncmp(line, name, sizeof name - 1) == 0)
            weir__ws_accept_write(accept, line + sizeof name - 1);
    if (n <= 0)
        return WEIR_EEOF;
    if (r.refusal != NULL)
        return weir_write(s, r.refusal, strlen(r.refusal)) < 0 ? -EPIPE : WEIR_EEOF;
    size_t len = r.greeting_len - r.late_len;
    char *text = weir__alloc(200 + len);
    if (text == NULL)
        return -ENOMEM;
    int head = sprintf(text, "HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                             "Sec-WebSocket-Accept: %.*s\r\n\r\n", (int)sizeof accept, accept);
    memcpy(text + head, r.greeting ? r.greeting : "", len);
    int rc = weir_write(s, text, (size_t)head + len);
    weir__free(text);
    return rc;
}

/* Items are short. Returns 0; WEIR_EEOF: a close frame, or the end. */
static int read_item(struct weir_stream *s, char item[128]) {
    uint8_t head[6];
    int rc = weir_read_exactly(s, head, 6);
    if (rc < 0 || (head[0] & 0x0f) == 8)
        return WEIR_EEOF;
    size_t len = head[1] & 0x7f;
    assert_true(len < 126);
    rc = weir_read_exactly(s, item, len);
    weir__ws_mask((uint8_t *)item, (uint8_t *)item, len, head + 2, 0);
    item[len] = '\0';
    return rc;
}

static int answer(struct weir_stream *s, const char *item) {
    static const char *const words[] = {"done", "again"};
    char text[160], buf[400];
    size_t len = 0;
    int rc = 0;
    for (int i = 0; i < r.answers && rc == 0; i++) {
        snprintf(text, sizeof text, "%s %s", words[i > 0], item);
        len += frame(buf + len, 0x81, text);
        if (r.apart_ns == 0 && i + 1 < r.answers)
            continue; /* all in one write */
        rc = weir_write(s, buf, len);
        len = 0;
        if (rc == 0 && r.apart_ns > 0)
            rc = weir_sleep(r.apart_ns);
    }
    return rc;
}

static int serve_one(struct weir_stream *s) {
    char item[128];
    int rc = send_head(s);
    if (rc == 0 && r.serve != NULL)
        return r.serve(s);
    while (rc == 0 && (rc = read_item(s, item)) == 0) {
        if (r.items++ < r.breaks)
            return 0;
        if (r.late_len > 0)
            rc = weir_write(s, r.greeting + r.greeting_len - r.late_len, r.late_len);
        r.late_len = 0;
        rc = rc == 0 ? answer(s, item) : rc;
    }
    return rc;
}

static int receiver(void *arg) {
    struct weir_stream *s = NULL;
    while (weir_accept(r.listener, &s) == 0) {
        r.connections++;
        int rc = serve_one(s);
        weir_close(&s);
        if (rc == -ECANCELED)
            break;
    }
    return 0;
}

/* ---- the asker ---- */

static int ask(const char *text, const char *expected) {
    struct weir__link *l = NULL;
    struct weir_ws_message ack;
    assert_int_equal(weir__link_take(&mesh, NULL, url, &l), 0);
    int rc = weir__link_ask(l, WEIR_WS_TEXT, text, strlen(text), &ack);
    if (rc == 0) {
        assert_int_equal(ack.data.len, strlen(expected));
        assert_memory_equal(ack.data.base, expected, ack.data.len);
    }
    weir__link_leave(l);
    return rc;
}

static int run_story(void *arg) {
    struct weir_group g;
    int (*story)(void) = *(int (**)(void))arg;
    assert_int_equal(weir_listen("tcp://127.0.0.1:0", NULL, &r.listener), 0);
    snprintf(url, sizeof url, "ws://127.0.0.1:%d/", weir_listener_port(r.listener));
    weir_group_open(&g, WEIR_TOGETHER);
    weir__mesh_open(&mesh);
    mesh.watch = count_unasked;
    assert_int_equal(weir_go0(&g, receiver), 0);
    int rc = story();
    weir__mesh_close(&mesh, 1000);
    weir_group_cancel(&g, "over");
    (void)weir_group_close(&g, 0);
    weir_unlisten(&r.listener);
    return rc;
}

static void tell(struct receiver how, int (*story)(void)) {
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    r = how;
    r.answers = r.answers ? r.answers : 1;
    unasked = 0;
    weir_log_level_set(WEIR_LOG_ERROR);
    assert_int_equal(weir_run(run_story, &story, &o), 0);
}

static int two_items(void) {
    int rc = ask("1", "done 1");
    return rc == 0 ? ask("2", "done 2") : rc;
}

/* ---- greetings ---- */

WEIR_TEST_BACKENDS(a_greeting_answers_nothing) {
    char greeting[32];
    for (unsigned type = WEIR_WS_TEXT; type <= WEIR_WS_BINARY; type++) {
        size_t len = frame(greeting, 0x80 | type, "welcome");
        tell((struct receiver){.greeting = greeting, .greeting_len = len}, two_items);
        assert_int_equal(unasked, 1);
        assert_int_equal(r.items, 2);
        assert_int_equal(r.connections, 1);
    }
}

WEIR_TEST_BACKENDS(ten_thousand_greetings_answer_nothing) {
    static char greeting[10000 * 4];
    size_t len = 0;
    for (int i = 0; i < 10000; i++)
        len += frame(greeting + len, i % 2 ? 0x81 : 0x82, "hi");
    tell((struct receiver){.greeting = greeting, .greeting_len = len}, two_items);
    assert_int_equal(unasked, 10000);
}

/* Its first byte came before the item left: however late the last one comes, it is no answer. */
WEIR_TEST_BACKENDS(a_greeting_that_is_late_in_parts_answers_nothing) {
    static char greeting[200 << 10], text[150 << 10];
    memset(text, 'x', sizeof text - 1);
    size_t small = frame(greeting, 0x81, "welcome");
    for (size_t late = 1; late < small; late++) { /* with the whole late, who could tell? */
        tell((struct receiver){.greeting = greeting, .greeting_len = small, .late_len = late},
             two_items);
        assert_int_equal(unasked, 1);
    }
    size_t large = frame(greeting, 0x82, text);
    tell((struct receiver){.greeting = greeting, .greeting_len = large, .late_len = 70000},
         two_items);
    assert_int_equal(unasked, 1);
}

WEIR_TEST_BACKENDS(a_greeting_after_a_break_answers_nothing) {
    char greeting[32];
    size_t len = frame(greeting, 0x81, "welcome");
    tell((struct receiver){.greeting = greeting, .greeting_len = len, .breaks = 2}, two_items);
    assert_int_equal(unasked, 3);
    assert_int_equal(r.connections, 3);
    assert_int_equal(r.items, 4);
}

/* ---- more than one answer ---- */

WEIR_TEST_BACKENDS(a_second_answer_in_the_same_write_answers_nothing) {
    tell((struct receiver){.answers = 3}, two_items);
    assert_in_range(unasked, 2, 4); /* the last two may still be on their way */
}

static int two_items_with_a_pause(void) {
    int rc = ask("1", "done 1");
    if (rc == 0)
        rc = weir_sleep(MS(50));
    return rc == 0 ? ask("2", "done 2") : rc;
}

WEIR_TEST_BACKENDS(a_second_answer_that_came_before_the_next_item_answers_nothing) {
    tell((struct receiver){.answers = 2, .apart_ns = MS(2)}, two_items_with_a_pause);
    assert_in_range(unasked, 1, 2);
}

/* ---- answers to an item that waits for room ---- */

static char large[900 << 10]; /* a text; the queue has no room for two of them */
static char body[sizeof large];

static int read_large_head(struct weir_stream *s) {
    uint8_t head[14];
    int rc = weir_read_exactly(s, head, sizeof head);
    assert_true(rc < 0 || (head[1] & 0x7f) == 127);
    return rc;
}

static int read_large_rest(struct weir_stream *s) {
    int rc = weir_read_exactly(s, body, sizeof body - 1);
    r.items += rc == 0;
    return rc;
}

static int say(struct weir_stream *s, const char *text) {
    char buf[64];
    int rc = weir_write(s, buf, frame(buf, 0x81, text));
    return rc < 0 ? rc : weir_sleep(MS(10));
}

/* Answer the first item before it has come. So most of it is still queued when the second one is
 * asked, which waits for room. Then say what answers nothing. */
static int answer_early(struct weir_stream *s) {
    int rc = read_large_head(s);
    if (rc == 0)
        rc = say(s, "done 1");
    return rc == 0 ? say(s, "bye") : rc;
}

static int answer_second(struct weir_stream *s) {
    int rc = read_large_head(s);
    if (rc == 0)
        rc = read_large_rest(s);
    return rc == 0 ? say(s, "done 2") : rc;
}

static int end_early(struct weir_stream *s) {
    static const char close[] = "\x88\x02\x03\xe8";
    if (r.connections > 1)
        return answer_second(s);
    int rc = answer_early(s);
    if (rc == 0)
        rc = weir_write(s, close, sizeof close - 1);
    return rc == 0 ? weir_sleep(MS(10)) : rc;
}

static int read_on(struct weir_stream *s) {
    int rc = answer_early(s);
    if (rc == 0)
        rc = read_large_rest(s);
    return rc == 0 ? answer_second(s) : rc;
}

static int hang(struct weir_stream *s) {
    int rc = answer_early(s);
    return rc == 0 ? weir_sleep(WEIR_SECONDS(3600)) : rc;
}

static int two_large_items(void) {
    int rc = ask(large, "done 1");
    return rc == 0 ? ask(large, "done 2") : rc;
}

static int a_large_item_that_is_cut_short(void) {
    struct weir_scope s;
    assert_int_equal(ask(large, "done 1"), 0);
    weir_scope_enter(&s, MS(100));
    assert_int_equal(weir_scope_leave(&s, ask(large, NULL)), -ETIME);
    return 0;
}

/* Told in a simulation, whose sockets hold far less than a large item. */
static void tell_large(int (*serve)(struct weir_stream *s), int (*story)(void)) {
    test_backend = "sim";
    memset(large, 'x', sizeof large - 1);
    tell((struct receiver){.serve = serve}, story);
    assert_int_equal(unasked, 1);
}

WEIR_TEST(an_item_that_waits_for_room_when_the_receiver_ends_is_sent_again) {
    tell_large(end_early, two_large_items);
    assert_int_equal(r.connections, 2);
    assert_int_equal(r.items, 1);
}

WEIR_TEST(a_message_while_an_item_waits_for_room_answers_nothing) {
    tell_large(read_on, two_large_items);
    assert_int_equal(r.connections, 1);
    assert_int_equal(r.items, 2);
}

WEIR_TEST(an_item_that_is_cut_short_while_it_waits_for_room_leaves_nothing) {
    tell_large(hang, a_large_item_that_is_cut_short);
    assert_int_equal(r.connections, 1);
}

/* ---- refusals ---- */

static int expected_rc;
static int refused(void) {
    assert_int_equal(ask("1", NULL), expected_rc);
    return 0;
}

static int dials_of(const char *status_line, int rc) {
    char refusal[128];
    snprintf(refusal, sizeof refusal, "HTTP/1.1 %s\r\nContent-Length: 0\r\n\r\n", status_line);
    expected_rc = rc;
    tell((struct receiver){.refusal = refusal}, refused);
    return r.connections;
}

/* Told in a simulation: what is tried again is so for five seconds. */
WEIR_TEST(a_final_refusal_is_dialled_once) {
    static const char *const final[] = {"301 Moved",     "302 Found",     "307 Elsewhere",
                                        "308 For good",  "400 Bad",       "401 Who",
                                        "403 Forbidden", "404 Not Found", "410 Gone",
                                        "421 Not me",    "426 Upgrade",   "499 x"};
    static const char *const passing[] = {"408 Timeout", "425 Early", "429 Many", "500 Oops",
                                          "502 Bad",     "503 Busy",  "504 Late", "599 x"};
    test_backend = "sim";
    for (size_t i = 0; i < sizeof final / sizeof final[0]; i++)
        assert_int_equal(dials_of(final[i], WEIR_EHTTP), 1);
    for (size_t i = 0; i < sizeof passing / sizeof passing[0]; i++)
        assert_in_range(dials_of(passing[i], WEIR_EUNREACH), 7, 10);
}

static int says_why(void) {
    struct weir__link *l = NULL;
    assert_int_equal(weir__link_take(&mesh, NULL, url, &l), 0);
    assert_int_equal(weir__link_connect(l), WEIR_EHTTP);
    assert_non_null(strstr(weir_error(WEIR_EHTTP)->text, "the server answered 404 Not Found"));
    assert_non_null(strstr(weir__link_why(l), "404 Not Found"));
    weir__link_leave(l);
    return 0;
}

WEIR_TEST_BACKENDS(a_final_refusal_is_reported_in_its_own_words) {
    tell((struct receiver){.refusal = "HTTP/1.1 404 Not Found\r\n\r\n"}, says_why);
    assert_int_equal(r.connections, 1);
}

static int tries_once(void) {
    mesh.retry_ns = -1;
    assert_int_equal(ask("1", NULL), WEIR_EUNREACH);
    return 0;
}

WEIR_TEST_BACKENDS(without_retry_one_dial_and_one_item_are_all) {
    tell((struct receiver){.refusal = "HTTP/1.1 503 Busy\r\n\r\n"}, tries_once);
    assert_int_equal(r.connections, 1);
    tell((struct receiver){.breaks = 9}, tries_once);
    assert_int_equal(r.connections, 1);
    assert_int_equal(r.items, 1);
}
