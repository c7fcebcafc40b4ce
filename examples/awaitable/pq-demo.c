/* SPDX-License-Identifier: MIT */
/* pq-demo INFO - queries of PostgreSQL by tasks: one that waits while the loop goes on, one that is
 * cut short, a hundred on ten connections. */
#include <stdio.h>
#include <stdlib.h>
#include <weir/weir.h>

#include "pq.h"

static const char *info;

/* Print the first field of the first row. */
static int show(PGconn *db, const char *sql, const char *param) {
    PGresult *r = NULL;
    int rc = pq_query(db, sql, param != NULL, &param, &r);
    if (rc == 0)
        printf("%s: %s\n", sql, PQntuples(r) > 0 ? PQgetvalue(r, 0, 0) : "no row");
    else if (r != NULL)
        printf("%s: refused, %s\n", sql, PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY));
    PQclear(r);
    return rc == -EPROTO ? 0 : rc;
}

static int beats; /* of the task that shows that the loop goes on */

static int beat(void *args) {
    (void)args;
    int rc = 0;
    while (rc == 0) {
        rc = weir_sleep(WEIR_MILLISECONDS(10));
        beats++;
    }
    return 0;
}

static int slow(PGconn *db) {
    struct weir_group g;
    beats = 0;
    weir_group_open(&g, WEIR_TOGETHER);
    int rc = weir_go0(&g, beat);
    if (rc == 0)
        rc = show(db, "select 'slept' from pg_sleep(0.2)", NULL);
    weir_group_cancel(&g, "the query has ended");
    rc = weir_group_close(&g, rc);
    printf("meanwhile the loop went on: %s\n", beats > 3 ? "yes" : "no");
    return rc;
}

static int too_slow(PGconn *db) {
    struct weir_scope scope;
    weir_scope_enter(&scope, WEIR_MILLISECONDS(50));
    int rc = weir_scope_leave(&scope, show(db, "select pg_sleep(60)", NULL));
    printf("a minute's sleep: %s\n", weir_error_name(rc));
    return rc == -ETIME ? 0 : rc;
}

struct ten_args {
    int *sum;
};

static int ten(void *args) {
    struct ten_args *a = args;
    PGconn *db = NULL;
    int rc = pq_connect(info, &db);
    for (int i = 0; rc == 0 && i < 10; i++) {
        PGresult *r = NULL;
        rc = pq_query(db, "select 1", 0, NULL, &r);
        *a->sum += rc == 0 ? atoi(PQgetvalue(r, 0, 0)) : 0;
        PQclear(r);
    }
    PQfinish(db);
    return rc;
}

static int many(void) {
    struct weir_group g;
    int sum = 0, rc = 0;
    weir_group_open(&g, WEIR_TOGETHER);
    for (int i = 0; i < 10 && rc == 0; i++)
        rc = weir_go(&g, ten, .sum = &sum);
    rc = weir_group_close(&g, rc);
    printf("a hundred queries on ten connections: %d\n", sum);
    return rc;
}

static int program(void *arg) {
    (void)arg;
    PGconn *db = NULL;
    int rc = pq_connect(info, &db);
    if (rc == 0)
        rc = show(db, "select $1::int * 2", "21");
    if (rc == 0)
        rc = show(db, "select no_such_column", NULL);
    if (rc == 0)
        rc = slow(db);
    if (rc == 0)
        rc = too_slow(db);
    if (rc == 0)
        rc = show(db, "select 'as good as new'", NULL);
    PQfinish(db);
    return rc == 0 ? many() : rc;
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: pq-demo 'hostaddr=127.0.0.1 port=5432 user=NAME'\n");
        return 2;
    }
    info = argv[1];
    int rc = weir_run(program, NULL, NULL);
    if (rc < 0)
        fprintf(stderr, "pq-demo: %s\n", weir_error_message(rc));
    return rc < 0;
}
