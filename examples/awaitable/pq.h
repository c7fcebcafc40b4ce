/* SPDX-License-Identifier: MIT */
/* pq.h - PostgreSQL for tasks, over libpq's non-blocking calls. One task uses a connection at a
 * time. If a scope fires, each call returns -ECANCELED or -ETIME. */
#ifndef PQ_H
#define PQ_H

#include <libpq-fe.h>

/* Connect. info: libpq's, with hostaddr, not host: libpq looks names up without a way to wait.
 * Returns 0, and the caller must PQfinish *ret_db; -ENOMEM; -ECONNREFUSED, and the error's text has
 * libpq's reason. */
int pq_connect(const char *info, PGconn **ret_db);

/* Run one statement with text parameters. Returns 0, and the caller must PQclear *ret; -EPROTO: the
 * server refused it, and PQresultErrorMessage(*ret) says why; -EPIPE: the connection is lost. If a
 * scope fires, the call tells the server to give the statement up, and waits for its answer, a
 * second at most. Then the connection can be used again. */
int pq_query(PGconn *db, const char *sql, int count, const char *const *params, PGresult **ret);

#endif
