/* SPDX-License-Identifier: MIT */
/* script.h - the small language of the cases that talk in frames. Words are separated by a space.
 *
 *   text=Hello  bin=#00ff  cont  ping  pong  close=1000,bye  opB=x      send one frame
 *     before the word: "-" FIN is 0; digits 1 2 3 set RSV1, RSV2, RSV3; z compresses (RSV1 set),
 *     s the same with stored blocks, f with the final bit; n before them: the context is new
 *     behind the word: /16 /64 longer forms of the length, /top its highest bit, /huge 2^62,
 *     /u the mask is wrong for the side that sends, /m0 a mask of zeros, /cutN only N bytes of it
 *   payload: parts joined by "+": Hello, ~ is a space, *N stars, %N bytes of a pattern, &N letters
 *     without much repetition, #hex. N may end in K or M
 *   xN:WORD     the word N times
 *   bytes  pieces:N  whole     from now on one write for each byte, each N bytes, each frame
 *   fragments:N                from now on data messages go in frames of N bytes; 0: in one
 *   hold ... go                all that stands between goes in one write
 *   half        end of stream behind what was sent
 *   context     the rest refers to messages before: where that was agreed away, it is not tried
 *   <text=...  <bin=...         the next message must be this
 *   <pong=...   <nopong=...     this pong must come, or must not have come; others may come at any
 *                               time (6455 5.5.3)
 *   <text|1009=...              this, or the connection is closed with the code (a limit)
 *   <close  <close=1000         a Close frame with this code, or none, and the connection's end
 *   <fail=1002  <fastfail=1007  the connection fails: a Close frame with the code (0: any), and the
 *                               end
 *   <drop                       the same with any code, or without a Close frame (6455 5.1)
 *   <end                        the end of the connection; a Close frame may come before
 *   <packed  <unpacked          the last message was compressed, or was not
 *   <masks                      the frames that came were masked, not always with the same key
 *
 * Before the script an uncompressed text must come back, so that a dead peer passes nothing. If the
 * script leaves the connection open, it is closed with 1000. */
#ifndef WEIR_TORTURE_SCRIPT_H
#define WEIR_TORTURE_SCRIPT_H

#include "torture/talk.h"

enum torture_verdict script_run(struct talk *t, const char *script);

/* Append what a payload's spec says. */
void script_payload(struct bytes *out, const char *spec, size_t len);

/* Show that the connection echoes, and close it. */
enum torture_verdict script_echo_and_close(struct talk *t);

/* Wait for the end of the connection, which must come. */
enum torture_verdict script_await_end(struct talk *t);

#endif
