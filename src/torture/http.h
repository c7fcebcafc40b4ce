/* SPDX-License-Identifier: MIT */
/* http.h - cases of HTTP/1.1: bytes that we write, and what must come of them.
 *
 * The bytes are text in which "|" is CR LF, $S the scheme, $H the host, $T the target, $xN; N times
 * "x", $fN; so many that the line has N bytes so far, $0 a NUL, $C a whole request (the canary), $L
 * its length, $X the same in hex, $4 in four digits of hex, $W the place where the peer must wait
 * for more.
 * Of a server the script says:
 *   accept        answered as a request; answers=N so many; open: the connection goes on behind it,
 *                 close: it ends; said: the answer says so; status=N: with this status; head: the
 *                 first answer has no body; or-417: a refusal with it is informational
 *   reject N ...  answered with one of these statuses (other refusals are not strict); body: what
 *                 is wrong is in the body, so an answer may have come before it; closes: then the
 *                 connection must end; or-wait: it is legal, but too much, and may be awaited,
 *                 whatever the answer before it;
 *                 or-http2: SETTINGS as an answer are informational
 *   either        answered in either way
 *   canary        no more than one answer, whatever else; refused: where the first is a refusal;
 *                 or-wait: and none is right too
 * and where the bytes have $W, that no answer comes before the rest was sent; but
 *   continue      at $W comes 100, or a final answer; after 100 and the rest it is answered
 * Of a client, which is a command:
 *   accept BODY   it exits with 0 and has printed BODY ("-": nothing)
 *   refuse        it exits with another status
 *   either
 *   and behind it: close, our side ends behind the bytes */
#ifndef WEIR_TORTURE_HTTP_H
#define WEIR_TORTURE_HTTP_H

#include "torture/talk.h"

/* Run the case of a server. */
enum torture_verdict http_case(struct talk *t, const char *edit, const char *script);

/* A plain request is answered on this connection. */
bool http_is_alive(struct talk *t);

/* Answer the request of a client with the bytes. */
enum torture_verdict http_answer(struct talk *t, const char *edit, const char *script);

/* Judge the client, once it has ended: its exit status (less than 0: it did not end by itself) and
 * what it printed. */
enum torture_verdict http_judge_client(struct talk *t, const char *script, int status,
                                       const void *printed, size_t len);

#endif
