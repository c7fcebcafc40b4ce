/* SPDX-License-Identifier: MIT */
/* A program's own text of an error: where closed asks for it, which is in another task once the
 * peer has answered, or in the log if there is no closed; but never in the close frame. */
#include "proto/ws_test_util.h"

static void closes(struct weir_ws *ws) {
    struct weir_ws_message m;
    assert_int_equal(weir_ws_receive(ws, &m), WEIR_EWSCLOSED);
    assert_int_equal(weir_ws_close_code(ws), 1011);
    assert_string_equal(weir_ws_close_reason(ws), "internal error");
    weir_ws_drop(&ws);
}

static void ended(struct world *w, struct weir_ws *ws) {
    closes(ws);
    wait_ended(w, 1);
    assert_int_equal(w->rc, own_code());
}

static int ended_with(struct world *w, struct weir_ws *ws, const char *text) {
    ended(w, ws);
    assert_string_equal(w->text, text);
    return 0;
}

WS_STORY(the_text_of_message_reaches_closed_and_not_the_peer) {
    if (!w->reacts)
        return 0; /* the program writes its close frames itself */
    struct weir_ws *ws = ws_open(w);
    assert_int_equal(ws_say(ws, "say why"), 0);
    return ended_with(w, ws, "no buzzer on /");
}

WS_STORY(the_text_of_opened_reaches_closed_and_not_the_peer) {
    if (!w->reacts)
        return 0;
    w->opens_not = true;
    return ended_with(w, ws_open(w), "no buzzer at all");
}

WS_STORY(any_code_of_the_programs_own_reaches_closed) {
    if (!w->reacts)
        return 0;
    for (size_t i = 0; i < sizeof own_codes / sizeof own_codes[0]; i++) {
        w->own_code = own_codes[i];
        w->opens_not = false;
        w->ended = 0;
        struct weir_ws *ws = ws_open(w);
        assert_int_equal(ws_say(ws, "say why"), 0);
        ended_with(w, ws, "no buzzer on /");
        w->opens_not = true;
        w->ended = 0;
        ended_with(w, ws_open(w), "no buzzer at all");
    }
    return 0;
}

/* ---- a bare code, and a record of an earlier function with that code ---- */

static int ended_bare(struct world *w, struct weir_ws *ws) {
    ended(w, ws);
    assert_null(strstr(w->text, "of the")); /* the library's words: which connection it was */
    return 0;
}

WS_STORY(a_bare_code_of_message_gets_no_words_of_the_message_before) {
    if (!w->reacts)
        return 0;
    struct weir_ws *ws = ws_open(w);
    assert_int_equal(ws_say(ws, "keep why"), 0);
    assert_int_equal(ws_say(ws, "fail bare"), 0);
    return ended_bare(w, ws);
}

static int handles_an_error(struct weir_http_request *r) {
    return weir_fail(WEIR_EUSER - 90000, "of the request") < 0 ? 0 : -1;
}

WS_STORY(a_bare_code_of_opened_gets_no_words_of_request, o->request = handles_an_error) {
    if (!w->reacts)
        return 0;
    w->opens_bare = true;
    return ended_bare(w, ws_open(w));
}

/* ---- a server without closed: the log ---- */

static char logged[600];

static void keep_lines(enum weir_log_level level, const char *line, void *arg) {
    size_t len = strlen(logged);
    if (level <= WEIR_LOG_WARNING)
        snprintf(logged + len, sizeof logged - len, "%s\n", line);
}

struct silent_args {
    struct weir_listener *l;
    struct weir_ws_reactive *r;
    struct world *w;
};
static int silent(void *args) {
    struct silent_args *a = args;
    return weir_ws_react(a->l, &a->w->clients, a->r, &a->w->o);
}

/* What is logged when say, or opened, fails; cut off from the peer's address. */
static const char *says_in_the_log(struct world *w, struct weir_ws_reactive r, const char *say) {
    struct weir_listener *l = NULL;
    struct weir_ws *ws = NULL;
    char url[64];
    logged[0] = '\0';
    weir_log_to(keep_lines, NULL);
    assert_int_equal(weir_listen("tcp://127.0.0.1:0", NULL, &l), 0);
    snprintf(url, sizeof url, "ws://127.0.0.1:%d/pin?token=t", weir_listener_port(l));
    r.size = sizeof r;
    assert_int_equal(weir_go(&w->servers, silent, .l = l, .r = &r, .w = w), 0);
    assert_int_equal(weir_ws_dial(url, NULL, &ws), 0);
    if (r.opened == NULL)
        assert_int_equal(ws_say(ws, say), 0);
    closes(ws);
    weir_unlisten(&l);
    settle();
    weir_log_to(NULL, NULL);
    assert_int_equal(strncmp(logged, "ws 127.0.0.1:", 13), 0);
    return strchr(logged + 13, ' ');
}

WS_STORY(a_server_without_closed_logs_the_text_once) {
    if (!w->reacts)
        return 0;
    const struct weir_ws_reactive r = {.message = react_message};
    assert_string_equal(says_in_the_log(w, r, "say why"),
                        " /pin: message returned -100000: no buzzer on /pin?token=t (closed with "
                        "1011)\n"); /* the program's own words stay */
    assert_string_equal(says_in_the_log(w, r, "fail"),
                        " /pin: message returned -5: input/output error (closed with 1011)\n");
    assert_string_equal(says_in_the_log(w, r, "fail bare"),
                        " /pin: message returned -100000: weir_fail would give it a text (closed "
                        "with 1011)\n");
    w->opens_not = true;
    const struct weir_ws_reactive opens = {.opened = react_opened, .message = react_message};
    assert_string_equal(says_in_the_log(w, opens, NULL),
                        " /pin: opened returned -100000: no buzzer at all (closed with 1011)\n");
    return 0;
}
