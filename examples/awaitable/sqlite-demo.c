/* SPDX-License-Identifier: MIT */
/* sqlite-demo FILE - a library that blocks: its calls run on helper threads. One that takes too
 * long is interrupted by the library's own call, and then waited for. */
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <weir/weir.h>

struct job {
    sqlite3 *db;
    const char *sql;
    char first[64]; /* the first field of the first row */
    int rc;
};

/* On a helper thread: all that blocks, and nothing of weir. */
static int run_sql(void *arg) {
    struct job *j = arg;
    sqlite3_stmt *s = NULL;
    int rc = sqlite3_prepare_v2(j->db, j->sql, -1, &s, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(s);
    if (rc == SQLITE_ROW)
        snprintf(j->first, sizeof j->first, "%s", (const char *)sqlite3_column_text(s, 0));
    sqlite3_finalize(s);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : rc == SQLITE_INTERRUPT ? -EINTR : -EIO;
}

struct offloads_args {
    struct job *job;
};

static int offloads(void *args) {
    struct offloads_args *a = args;
    a->job->rc = weir_offload(run_sql, a->job);
    return 0;
}

/* Run one statement. The child waits for the helper thread, whatever happens. This task feels the
 * scope, has the library stop, and returns when the thread is done with the job. */
static int query(struct job *j) {
    struct weir_group g;
    struct weir_task *t = NULL;
    weir_group_open(&g, WEIR_INDEPENDENT);
    int rc = weir_go_task(&g, offloads, &t, .job = j);
    if (rc == 0)
        rc = weir_await(&t, NULL, 0);
    if (rc < 0 && t != NULL) {
        sqlite3_interrupt(j->db); /* any thread may call it */
        weir_task_release(&t);
    }
    (void)weir_group_close(&g, 0); /* waits for the child, and so for the thread */
    return rc < 0 ? rc : j->rc;
}

static int show(struct job *j, const char *sql) {
    *j = (struct job){.db = j->db, .sql = sql};
    int rc = query(j);
    printf("%s: %s\n", sql, rc == 0 ? j->first : weir_error_name(rc));
    return rc;
}

static int program(void *arg) {
    struct job j = {.db = arg};
    struct weir_scope scope;
    int rc = show(&j, "create table t as select value from generate_series(1, 1000)");
    if (rc == -EIO) /* built without that extension */
        rc = show(&j, "create table t as with recursive n(value) as (select 1 union all"
                      " select value + 1 from n where value < 1000) select value from n");
    if (rc == 0)
        rc = show(&j, "select sum(value) from t");
    if (rc < 0)
        return rc;
    weir_scope_enter(&scope, WEIR_MILLISECONDS(50));
    rc = weir_scope_leave(&scope, show(&j, "with recursive n(i) as (select 1 union all select"
                                           " i + 1 from n) select count(*) from n"));
    printf("cut short: %s\n", weir_error_name(rc));
    return show(&j, "select count(*) from t"); /* the connection is as good as before */
}

int main(int argc, char **argv) {
    sqlite3 *db = NULL;
    if (argc != 2) {
        fprintf(stderr, "usage: sqlite-demo FILE\n");
        return 2;
    }
    int rc = sqlite3_open(argv[1], &db) == SQLITE_OK ? weir_run(program, db, NULL) : -EIO;
    if (rc < 0)
        fprintf(stderr, "sqlite-demo: %s\n", weir_error_message(rc));
    sqlite3_close(db);
    return rc < 0;
}
