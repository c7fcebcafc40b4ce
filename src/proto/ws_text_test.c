/* SPDX-License-Identifier: MIT */
/* A program's own text of an error: in the close frame, in the log, and where closed asks for it,
 * which is in another task once the peer has answered. */
#include "proto/ws_test_util.h"

static void closes_with(struct world *w, struct weir_ws *ws, const char *text) {
    struct weir_ws_message m;
    assert_int_equal(weir_ws_receive(ws, &m), WEIR_EWSCLOSED);
    assert_int_equal(weir_ws_close_code(ws), 1011);
    assert_string_equal(weir_ws_close_reason(ws), text);
    weir_ws_drop(&ws);
    wait_ended(w, 1);
    assert_int_equal(w->rc, own_code());
}

static int ended_with(struct world *w, struct weir_ws *ws, const char *text) {
    closes_with(w, ws, text);
    assert_string_equal(w->text, text);
    return 0;
}

WS_STORY(the_text_of_message_reaches_the_peer_and_closed) {
    if (!w->reacts)
        return 0; /* the program writes its close frames itself */
    struct weir_ws *ws = ws_open(w);
    assert_int_equal(ws_say(ws, "say why"), 0);
    return ended_with(w, ws, "no buzzer on /");
}

WS_STORY(the_text_of_opened_reaches_the_peer_and_closed) {
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
    closes_with(w, ws, weir_error_text(WEIR_EUSER - 90000));
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
