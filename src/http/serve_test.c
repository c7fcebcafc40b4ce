/* SPDX-License-Identifier: MIT */
/* Conversations with a server of each shape: answers whole and in pieces, bodies of every framing,
 * connections that are kept, pipelined requests, cut into pieces of every size. */
#include "http/http_test_util.h"

HTTP_STORY(a_request_is_answered) {
    expect_answers_cut(w, GET("/hello"), HELLO);
    assert_int_equal(w->requests, 3);
    return 0;
}

HTTP_STORY(pipelined_requests_are_answered_in_order) {
    expect_answers_cut(w, GET("/hello") GET("/slow") GET("/hello") GET("/nothing"),
                       HELLO TEXT_OK(5, "slow\n") HELLO
                       "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain; charset=utf-8\r\n"
                       "Content-Length: 10\r\n\r\nNot Found\n");
    return 0;
}
