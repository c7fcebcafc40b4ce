/* SPDX-License-Identifier: MIT */
/* pq.c - a library that says which descriptor it waits for: each place where it would block becomes
 * one weir_wait_fd. doc/awaitable.md goes through it. */
#include "pq.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <weir/weir.h>

/* The descriptor may be another one at each step, since libpq tries one address after the other. So
 * it is asked for each time, and nothing is kept between two waits. */
static int wait_for(PGconn *db, int events) {
    int rc = weir_wait_fd(PQsocket(db), events);
    return rc < 0 ? rc : 0;
}

int pq_connect(const char *info, PGconn **ret_db) {
    PGconn *db = PQconnectStart(info);
    int rc = db == NULL ? -ENOMEM : 0;
    PostgresPollingStatusType step = PGRES_POLLING_WRITING;
    if (rc == 0 && PQstatus(db) == CONNECTION_BAD)
        rc = weir_fail(-ECONNREFUSED, "%s", PQerrorMessage(db));
    while (rc == 0 && step != PGRES_POLLING_OK) {
        rc = wait_for(db, step == PGRES_POLLING_READING ? POLLIN : POLLOUT);
        if (rc == 0 && (step = PQconnectPoll(db)) == PGRES_POLLING_FAILED)
            rc = weir_fail(-ECONNREFUSED, "%s", PQerrorMessage(db));
    }
    if (rc == 0 && PQsetnonblocking(db, 1) != 0)
        rc = weir_fail(-EPIPE, "%s", PQerrorMessage(db));
    if (rc == 0)
        *ret_db = db;
    else
        PQfinish(db);
    return rc;
}

/* Hand the statement to the kernel. Where the server does not read, because it waits for us to
 * read, both directions have to be served. */
static int flush(PGconn *db) {
    int left;
    while ((left = PQflush(db)) == 1) {
        int ready = weir_wait_fd(PQsocket(db), POLLIN | POLLOUT);
        if (ready < 0)
            return ready;
        if ((ready & POLLIN) != 0 && PQconsumeInput(db) == 0)
            left = -1;
        if (left < 0)
            break;
    }
    return left == 0 ? 0 : weir_fail(-EPIPE, "%s", PQerrorMessage(db));
}

/* One result; *ret NULL: there are no more of this statement. */
static int next_result(PGconn *db, PGresult **ret) {
    while (PQisBusy(db)) {
        int rc = wait_for(db, POLLIN);
        if (rc < 0)
            return rc;
        if (PQconsumeInput(db) == 0)
            return weir_fail(-EPIPE, "%s", PQerrorMessage(db));
    }
    *ret = PQgetResult(db); /* does not block: it is not busy */
    return 0;
}

/* Read to the last result, as libpq demands before the next statement, and keep the first. */
static int results(PGconn *db, PGresult **ret) {
    PGresult *one = NULL;
    *ret = NULL;
    for (;;) {
        int rc = next_result(db, &one);
        if (rc < 0) {
            PQclear(*ret);
            *ret = NULL;
            return rc;
        }
        if (one == NULL)
            return *ret != NULL ? 0 : weir_fail(-EPIPE, "no result");
        if (*ret == NULL)
            *ret = one;
        else
            PQclear(one);
    }
}

/* PQcancel dials the server once more and blocks meanwhile: so it runs on a helper thread. */
static int tell_server(void *arg) {
    char why[256];
    return PQcancel(arg, why, sizeof why) ? 0 : -EIO;
}

/* The task is cancelled, and still has to wait for two things: a shield gives it a second. */
static void call_off(PGconn *db) {
    struct weir_scope shield;
    PGresult *r = NULL;
    PGcancel *c = PQgetCancel(db);
    weir_shield_enter(&shield, WEIR_SECONDS(1));
    int rc = c != NULL ? weir_offload(tell_server, c) : -ENOMEM;
    if (rc == 0 && results(db, &r) == 0)
        PQclear(r);
    (void)weir_scope_leave(&shield, 0);
    PQfreeCancel(c);
}

int pq_query(PGconn *db, const char *sql, int count, const char *const *params, PGresult **ret) {
    if (!PQsendQueryParams(db, sql, count, NULL, params, NULL, NULL, 0))
        return weir_fail(-EPIPE, "%s", PQerrorMessage(db));
    int rc = flush(db);
    if (rc == 0)
        rc = results(db, ret);
    if (rc == -ECANCELED || rc == -ETIME)
        call_off(db);
    if (rc < 0)
        return rc;
    ExecStatusType status = PQresultStatus(*ret);
    return status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK ? 0 : -EPROTO;
}
