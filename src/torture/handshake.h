/* SPDX-License-Identifier: MIT */
/* handshake.h - the opening handshake as a judge sees it, of both sides, and the cases about it.
 *
 * An edit changes the head that we send. It has lines:
 *   0:LINE      the first line is LINE
 *   -NAME       without the field
 *   NAME: V     the field has this value
 *   +NAME: V    one more field, whatever is there
 *   <LINE       this line stands right behind the first
 *   *N:LINE     so many lines more
 *   LF          lines end in a bare LF
 * In a line ~ is a blank, $S the scheme of HTTP, $H the host, $T the target, $K the key, $A the
 * right accept; $xN; is N times "x", ^ a line feed.
 * "deflate; ..." offers (or, to a client that offers it, agrees to) permessage-deflate. */
#ifndef WEIR_TORTURE_HANDSHAKE_H
#define WEIR_TORTURE_HANDSHAKE_H

#include "torture/talk.h"

/* Make the connection a WebSocket, as the side that the talk is, with an edit ("": none).
 * Returns TORTURE_OK; TORTURE_FAILED: it did not come about; TORTURE_INFORMATIONAL: the edit asks
 * for compression, and the peer has none. */
enum torture_verdict handshake_open(struct talk *t, const char *edit);

/* Run a case about handshakes. script is what must come of the edit:
 *   accepted    the WebSocket works
 *   refused 400 a server answers with another status, best with this, or with one of several; a
 *               client leaves. plain: a 2xx, as an answer to plain HTTP, is right too;
 *               or-plain: a 2xx is informational
 *   either      it works, or is refused
 *   and behind it, each a word: extensions=none, subprotocol=NAME,NAME, subprotocol=none,
 *   version=13; bytes: our head goes byte by byte; together: our answer and a message in one
 *   write */
enum torture_verdict handshake_case(struct talk *t, const char *edit, const char *script);

#endif
