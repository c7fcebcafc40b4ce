/* SPDX-License-Identifier: MIT */
/* torture.h - the conformance suites: what the command, and tests, call. The cases judge a peer of
 * any make by the bytes that it sends; none of weir's own WebSocket or HTTP is used for that. */
#ifndef WEIR_TORTURE_TORTURE_H
#define WEIR_TORTURE_TORTURE_H

#include <weir/stream.h>

#include "torture/case.h"

enum { TORTURE_WORDS_MAX = 64 }; /* of a command */

struct torture_result {
    const struct torture_case *c;
    enum torture_verdict verdict;
    bool ran;      /* a connection came about */
    bool heard;    /* the peer sent something */
    bool lost;     /* the suite had no memory: nothing is said about the peer */
    char why[240]; /* "" if there is nothing to say */
    char *log;     /* what went over the wire, as lines; NULL: nothing */
    size_t log_len;
    weir_ns took_ns;
};

struct torture_options {
    enum torture_side side;
    /* OF_SERVERS */
    const char *url;           /* to dial */
    struct weir_tls *tls;      /* of a tls:// URL; NULL: the default */
    const char *host, *target; /* of the requests */
    /* OF_CLIENTS */
    struct weir_listener *listener; /* clients come by themselves; NULL: the command is run */
    const char *const *command;     /* for each case; in its words {} is the URL */
    const char *scheme;             /* of that URL: "ws" */
    weir_ns wait_ns;                /* how long to wait for a client */

    size_t jobs;         /* cases at a time */
    weir_ns patience_ns; /* for one answer */
    int (*explain)(int rc); /* make the text of a dial's error fit who reads it, and return rc */
    /* Called for each case, in their order. */
    void (*told)(const struct torture_result *r, void *arg);
    void *arg;
};

/* The cases of each suite. Returns as torture_list_make. */
int torture_ws_list(struct torture_list *ret, enum torture_side side, const char *only);
int torture_http_list(struct torture_list *ret, enum torture_side side, const char *only);

/* Run the cases of a list. Returns 0, when each case was told; -ENOMEM, -ECANCELED, -ETIME. */
int torture_run(const struct torture_list *list, const struct torture_options *options);

#endif
