/* SPDX-License-Identifier: MIT */
/* control.h - what a node tells `weir up`, on the descriptor that WEIR_CONTROL_FD names: a
 * SOCK_SEQPACKET socket, one line in ASCII per datagram, newline included, at most
 * LIMIT_CONTROL_BYTES. Forgiven are a missing newline, several lines in one datagram, an empty
 * datagram; one that is too long is skipped, and what comes behind it is heard. Fields are
 * NAME=VALUE, decimal, in any order; unknown words and fields are skipped. doc/design/fleet.md has
 * the whole of it, the sender's duties among it.
 *
 *   ready port=8765          once, when it serves; port only if it listens
 *   beat                     each second, from the loop that serves
 *   stat messages=12 acks=12 errors=0 p50_us=41 p99_us=97      totals since the start, when they
 *                            changed, at most each second, and once more before the end */
#ifndef WEIR_CLI_CONTROL_H
#define WEIR_CLI_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CONTROL_VARIABLE "WEIR_CONTROL_FD"

/* The number that keepers choose: one digit, so that a shell can write to it. Senders read the
 * variable. */
enum { CONTROL_FD = 3 };
#define CONTROL_FD_TEXT "3"

enum control_word { CONTROL_UNKNOWN, CONTROL_READY, CONTROL_BEAT, CONTROL_STAT };

struct control_stats {
    uint64_t messages, acks, errors, p50_us, p99_us, unasked;
};

struct control_line {
    enum control_word word;
    int port; /* CONTROL_READY; 0: not told */
    struct control_stats stats;
};

/* Make our end of the pair ready for control_receive, before the node has the other.
 * Returns 0 or a negative errno. */
int control_listen(int fd);

/* The next datagram, without waiting. Returns its length, also 0; more than size if it did not
 * fit; -EAGAIN; WEIR_EEOF: it was the last; -ECONNRESET and what else recvmsg gives. */
ssize_t control_receive(int fd, char *text, size_t size);

/* The line at *line, which moves behind it; end: of the datagram. */
struct control_line control_next(const char **line, const char *end);

/* Read one line of len bytes, with or without its newline. Never fails: what is not understood
 * is CONTROL_UNKNOWN, a field that is no number is skipped. */
struct control_line control_parse(const char *line, size_t len);

/* The value of field name in a line's text (NUL-terminated), decimal; false: not there. */
bool control_field(const char *text, const char *name, uint64_t *ret_value);

#endif
