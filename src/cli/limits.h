/* SPDX-License-Identifier: MIT */
/* limits.h - every bound of the command, with its reason. */
#ifndef WEIR_CLI_LIMITS_H
#define WEIR_CLI_LIMITS_H

#include <weir/base.h>

enum {
    /* A fleet file is written by hand: ten times the largest sensible one. */
    LIMIT_FILE_BYTES = 256 * 1024,
    LIMIT_FILE_DEPTH = 8,
    LIMIT_FILE_ITEMS = 16384,
    LIMIT_TEXT_BYTES = 16384, /* one value: a shell script in a command */
    /* Each node costs `up` 4 descriptors and a keeper process; the usual limit is 1024. */
    LIMIT_NODES = 200,
    LIMIT_NAME_BYTES = 63, /* a DNS label, for later discovery by DNS */
    LIMIT_WORDS = 256,     /* of one command */
    /* One output line; what is longer is cut, so that one node cannot fill the terminal. */
    LIMIT_LINE_BYTES = 8192,
    LIMIT_CONTROL_BYTES = 256, /* one line of the control protocol */
    /* Bytes that are read from the pipes of a dead node. A pipe holds at most 1 MiB (unless root
     * changes that): more bytes come from another process that has a copy of the pipe. */
    LIMIT_LATE_BYTES = 2 * 1024 * 1024,
    LIMIT_LATE_DATAGRAMS = 4096,
    /* Descendants outside the node's group that get a TERM of their own; further ones get KILL
     * only. */
    LIMIT_STRAYS = 64,
};

#define LIMIT_DURATION WEIR_SECONDS(24 * 3600)
#define LIMIT_GRACE_DEFAULT WEIR_SECONDS(5)
#define LIMIT_READY_DEFAULT WEIR_SECONDS(30)
/* After KILL only the kernel can delay the exit (a disk that hangs): it is reported, not
 * awaited. */
#define LIMIT_KILL WEIR_SECONDS(3)
/* How much longer than its task needs the answer of a keeper or the guard may take; then it is
 * killed. */
#define LIMIT_ANSWER WEIR_SECONDS(1)
/* How long a FIFO or a device that is given as fleet file may send nothing. */
#define LIMIT_FILE_SILENCE WEIR_SECONDS(5)
/* After how long without a heartbeat a node that has sent some is reported as silent. */
#define LIMIT_SILENCE WEIR_SECONDS(5)

#endif
