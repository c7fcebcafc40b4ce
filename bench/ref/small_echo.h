/* SPDX-License-Identifier: MIT */
/* small_echo.h - the yardsticks for messages of 64 bytes on one socket: echo servers by bare system
 * calls, frozen. Each serves fd until its end: an empty datagram, or the end of the stream. */
#ifndef BENCH_REF_SMALL_ECHO_H
#define BENCH_REF_SMALL_ECHO_H

#include <stdbool.h>

/* epoll_wait, recvmmsg and sendmmsg of up to 32. */
int ref_datagram_echo(int fd);
/* epoll_wait, recv and send. */
int ref_stream_echo(int fd);
/* A multishot receive into provided buffers, and sends through the ring. */
int ref_stream_echo_uring(int fd);

#endif
