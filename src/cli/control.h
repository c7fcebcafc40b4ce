/* SPDX-License-Identifier: MIT */
/* control.h - the lines that a node sends to `weir up`, on the descriptor that WEIR_CONTROL_FD
 * names: a SOCK_SEQPACKET socket, one line of ASCII in each datagram, at most LIMIT_CONTROL_BYTES
 * with its newline. A missing newline, several lines in one datagram, and an empty datagram are
 * accepted; a datagram that is too long is skipped. Fields are NAME=VALUE, decimal, in any order;
 * unknown words and fields are ignored. doc/design/fleet.md has the whole protocol, with the
 * sender's duties.
 *
 *   ready port=8765          once, when the node serves; port only if it listens
 *   beat                     each second, from the loop that serves
 * stat messages=12 acks=12 errors=0 p50_us=41 p99_us=97      totals since the start: after a
 * change,
 *                            at most once a second, and before the node exits */
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
    int port; /* of CONTROL_READY; 0: the line has none */
    struct control_stats stats;
};

/* Prepare our side of the socket pair for control_receive, before the node gets the other side.
 * Returns 0 or a negative errno. */
int control_listen(int fd);

/* Receive the next datagram, without waiting. Returns its length, also 0; more than size if it did
 * not fit; -EAGAIN; WEIR_EEOF: the node has closed its side; -ECONNRESET and other errors of
 * recvmsg. */
ssize_t control_receive(int fd, char *text, size_t size);

/* Parse the line at *line, and move *line behind it. end is behind the datagram's last byte. */
struct control_line control_next(const char **line, const char *end);

/* Parse one line of len bytes, with or without its newline. Never fails: an unknown word is
 * CONTROL_UNKNOWN, and a field that is no number is skipped. */
struct control_line control_parse(const char *line, size_t len);

/* The value of field name in a line's text (NUL-terminated), decimal; false: not there. */
bool control_field(const char *text, const char *name, uint64_t *ret_value);

#endif
