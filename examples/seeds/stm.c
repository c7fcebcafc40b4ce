/* SPDX-License-Identifier: MIT */
/* stm - an optimistic transaction over plain memory: it notes what it has read and will write, and
 * writes all of it at its end, if nobody has changed what it has read; else it is tried again.
 *
 * There is not more of this in the library, for three reasons. Between two suspending calls no
 * other task of the loop runs, so a change that does not suspend is atomic already. Work that does
 * suspend has mostly done input or output by then, which a second try cannot take back: a mutex
 * serves it better. And between threads a loop's data is changed by messages to that loop. */
#include <errno.h>
#include <stdio.h>
#include <weir/weir.h>

struct cell {
    int value;
    unsigned version; /* grows with each commit that writes the cell */
};

struct transaction {
    struct { struct cell *cell; unsigned version; } reads[4];
    struct { struct cell *cell; int value; } writes[4];
    int read_count, write_count;
};

static int tx_read(struct transaction *t, struct cell *c) {
    t->reads[t->read_count].cell = c;
    t->reads[t->read_count++].version = c->version;
    return c->value;
}

static void tx_write(struct transaction *t, struct cell *c, int value) {
    t->writes[t->write_count].cell = c;
    t->writes[t->write_count++].value = value;
}

/* It does not suspend, so no task sees half of it.
 * Returns 0; -EAGAIN: another transaction has changed what this one has read. */
static int tx_commit(const struct transaction *t) {
    for (int i = 0; i < t->read_count; i++)
        if (t->reads[i].cell->version != t->reads[i].version)
            return -EAGAIN;
    for (int i = 0; i < t->write_count; i++) {
        t->writes[i].cell->value = t->writes[i].value;
        t->writes[i].cell->version++;
    }
    return 0;
}

static struct cell ann = {100, 0}, bob = {100, 0}, cid = {0, 0};

struct transfer_args { const char *name; struct cell *from, *to; int amount; weir_ns thinks_ns; };
static int transfer(void *args) {
    const struct transfer_args *a = args;
    for (int attempt = 1;; attempt++) {
        struct transaction t = {0};
        int from = tx_read(&t, a->from), to = tx_read(&t, a->to);
        int rc = weir_sleep(a->thinks_ns); /* others may commit meanwhile */
        if (rc < 0)
            return rc;
        tx_write(&t, a->from, from - a->amount);
        tx_write(&t, a->to, to + a->amount);
        rc = tx_commit(&t);
        printf("%s: attempt %d: %s\n", a->name, attempt, rc == 0 ? "committed" : "again");
        if (rc == 0)
            return 0;
    }
}

static int program(void *arg) {
    struct weir_group g;
    (void)arg;
    weir_group_open(&g, WEIR_TOGETHER);
    int rc = weir_go(&g, transfer, .name = "slow", .from = &ann, .to = &bob, .amount = 30,
                     .thinks_ns = WEIR_SECONDS(3));
    if (rc == 0)
        rc = weir_go(&g, transfer, .name = "quick", .from = &bob, .to = &cid, .amount = 50,
                     .thinks_ns = WEIR_SECONDS(1));
    rc = weir_group_close(&g, rc);
    printf("ann %d, bob %d, cid %d: %d in all\n", ann.value, bob.value, cid.value,
           ann.value + bob.value + cid.value);
    return rc;
}

int main(void) {
    const struct weir_run_options options = {.size = sizeof options, .backend = "sim"};
    return weir_run(program, NULL, &options) < 0;
}
