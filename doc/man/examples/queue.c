/* SPDX-License-Identifier: MIT */
/* Shows: weir-queue weir_queue weir_queue_init weir_queue_fini weir_queue_on_drop weir_queue_put
 * weir_queue_try_put weir_queue_get weir_queue_try_get weir_queue_task_done weir_queue_join
 * weir_queue_shutdown weir_queue_shutdown_now weir_queue_len weir_queue_unfinished weir_order */
#include <stdio.h>
#include <weir/weir.h>

struct job { int urgency; const char *name; };

static struct weir_queue jobs;

static int by_urgency(const void *a, const void *b) {
    const struct job *x = a, *y = b;
    return (x->urgency > y->urgency) - (x->urgency < y->urgency);
}

static int works(void *args) {
    struct job job;
    int rc;
    (void)args;
    while ((rc = weir_queue_get(&jobs, &job)) == 1) {
        printf("%s, %zu wait\n", job.name, weir_queue_len(&jobs));
        weir_queue_task_done(&jobs);
    }
    return rc; /* 0: shut down, there are no more jobs */
}

static void drop(void *item, void *arg) {
    (void)arg;
    printf("given up: %s\n", ((struct job *)item)->name);
}

static int piles(void) { /* last in, first out */
    struct weir_queue pile;
    int n = 1, rc = weir_queue_init_lifo(&pile, int, 2);
    if (rc < 0)
        return rc;
    weir_queue_try_put(&pile, &n);
    n = 2;
    weir_queue_try_put(&pile, &n);
    if (weir_queue_try_put(&pile, &n) == -EAGAIN && weir_queue_try_get(&pile, &n) == 1)
        printf("%d is on top, %zu are not done\n", n, weir_queue_unfinished(&pile));
    weir_queue_fini(&pile);
    rc = weir_queue_init(&pile, int, SIZE_MAX); /* first in, first out; without a limit */
    if (rc == 0)
        weir_queue_fini(&pile);
    return rc;
}

static int program(void *arg) {
    static const struct job list[] = {{2, "sweep"}, {1, "put out the fire"}, {2, "water plants"}};
    struct weir_group g;
    int rc = weir_queue_init_priority(&jobs, struct job, 10, by_urgency);
    (void)arg;
    if (rc < 0)
        return rc;
    weir_queue_on_drop(&jobs, drop, NULL);
    weir_group_open(&g, WEIR_TOGETHER);
    for (int i = 0; i < 3 && rc == 0; i++)
        rc = weir_queue_put(&jobs, &list[i]);
    if (rc == 0)
        rc = weir_go0(&g, works);
    if (rc == 0)
        rc = weir_queue_join(&jobs); /* until each job is done */
    weir_queue_shutdown(&jobs);
    weir_queue_shutdown_now(&jobs); /* after an error there may be jobs left */
    rc = weir_group_close(&g, rc);
    weir_queue_fini(&jobs);
    return rc < 0 ? rc : piles();
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}
