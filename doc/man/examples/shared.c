/* SPDX-License-Identifier: MIT */
/* Shows: weir_shared_queue weir_shared_queue_new weir_shared_queue_ref weir_shared_queue_unref
 * weir_shared_queue_on_drop weir_shared_queue_put weir_shared_queue_put_for
 * weir_shared_queue_try_put weir_shared_queue_get weir_shared_queue_get_for
 * weir_shared_queue_try_get weir_shared_queue_shutdown weir_shared_queue_shutdown_now
 * weir_shared_queue_len weir_shared_event weir_shared_event_new weir_shared_event_ref
 * weir_shared_event_unref weir_shared_event_set weir_shared_event_clear weir_shared_event_is_set
 * weir_shared_event_wait weir_shared_event_wait_for weir-shared */
#include <pthread.h>
#include <stdio.h>
#include <weir/weir.h>

struct job {
    int n, square;
};

struct shop { /* each of the two threads has references of its own */
    struct weir_shared_queue *jobs, *results;
    struct weir_shared_event *open;
};

static void shop_close(struct shop *s) {
    weir_shared_queue_unref(&s->jobs);
    weir_shared_queue_unref(&s->results);
    weir_shared_event_unref(&s->open);
}

static int works(void *arg) { /* a task: its waits park it, and the loop runs on */
    struct shop *s = arg;
    struct job j;
    int rc = weir_shared_event_wait(s->open);
    while (rc == 0 && (rc = weir_shared_queue_get(s->jobs, &j)) == 1) {
        j.square = j.n * j.n;
        rc = weir_shared_queue_put(s->results, &j);
    }
    weir_shared_queue_shutdown(s->results);
    return rc; /* 0: no more jobs */
}

static void *loop_thread(void *arg) {
    struct shop *s = arg;
    int rc = weir_run(works, s, NULL);
    if (rc < 0)
        fprintf(stderr, "works: %s\n", weir_error_message(rc));
    shop_close(s);
    return NULL;
}

static void say_dropped(void *item, void *arg) {
    (void)arg;
    printf("dropped %d\n", ((struct job *)item)->n);
}

int main(void) {
    pthread_t thread;
    struct shop mine = {NULL, NULL, NULL}, its;
    struct job j = {0, 0};
    if (weir_shared_queue_new(struct job, 2, &mine.jobs) < 0
        || weir_shared_queue_new(struct job, 2, &mine.results) < 0
        || weir_shared_event_new(&mine.open) < 0)
        return 1;
    weir_shared_queue_on_drop(mine.results, say_dropped, NULL);
    its = (struct shop){weir_shared_queue_ref(mine.jobs), weir_shared_queue_ref(mine.results),
                        weir_shared_event_ref(mine.open)};
    if (pthread_create(&thread, NULL, loop_thread, &its) != 0)
        return 1;
    j.n = 3;
    int rc = weir_shared_queue_put(mine.jobs, &j); /* a plain thread: it blocks if it must */
    j.n = 4;
    if (rc == 0)
        rc = weir_shared_queue_try_put(mine.jobs, &j);
    j.n = 5; /* the task does not work yet, and the queue is full */
    printf("full: %d, %s\n", (int)weir_shared_queue_len(mine.jobs),
           weir_error_name(weir_shared_queue_put_for(mine.jobs, &j, WEIR_MILLISECONDS(1))));
    printf("open: %d\n", weir_shared_event_is_set(mine.open)
                             || weir_shared_event_wait_for(mine.open, 0) == 0);
    weir_shared_event_set(mine.open);
    for (int i = 0; i < 2 && rc >= 0; i++)
        if ((rc = weir_shared_queue_get_for(mine.results, &j, WEIR_SECONDS(60))) == 1)
            printf("%d * %d = %d\n", j.n, j.n, j.square);
    printf("nothing more: %s\n", weir_error_name(weir_shared_queue_try_get(mine.results, &j)));
    weir_shared_queue_shutdown(mine.jobs);
    pthread_join(thread, NULL);
    weir_shared_event_clear(mine.open);
    weir_shared_queue_shutdown_now(mine.results); /* it is empty, so nothing is dropped */
    shop_close(&mine);
    return rc < 0;
}
