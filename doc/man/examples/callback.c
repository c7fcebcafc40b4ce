/* SPDX-License-Identifier: MIT */
/* Shows: weir_call_soon weir_call_later weir_call_at weir_call_cancel weir_call_release
 * weir_call_soon_threadsafe weir_add_reader weir_remove_reader weir_add_writer weir_remove_writer
 * weir_call weir-callback */
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>
#include <weir/weir.h>

static int ends[2]; /* of a pipe */

static void prints(void *arg) {
    printf("%s\n", (const char *)arg);
}

static void stops(void *arg) {
    prints(arg);
    weir_stop("all was shown"); /* the task's sleep returns -ECANCELED */
}

static void reads(void *arg) {
    char letter;
    (void)arg;
    if (read(ends[0], &letter, 1) == 1)
        printf("read %c\n", letter);
    weir_remove_reader(ends[0]);
}

static void writes(void *arg) {
    weir_remove_writer(ends[1]); /* or it would be called in each round */
    if (write(ends[1], arg, 1) == 1)
        prints("wrote a letter");
}

static void *calls_from_outside(void *arg) { /* the program joins this thread */
    if (weir_call_soon_threadsafe(arg, stops, "from another thread") < 0)
        fprintf(stderr, "the loop has ended\n");
    return NULL;
}

static void starts_a_thread(void *arg) {
    pthread_t *thread = arg;
    if (pthread_create(thread, NULL, calls_from_outside, weir_loop_current()) != 0)
        weir_stop("no thread");
}

static int program(void *arg) {
    struct weir_call *never = NULL, *later = NULL;
    weir_ns now = weir_now();
    int rc = weir_call_later(WEIR_MILLISECONDS(40), starts_a_thread, arg, NULL);
    if (rc == 0)
        rc = weir_call_at(now + WEIR_MILLISECONDS(10), prints, "at a time", &later);
    if (rc == 0)
        rc = weir_call_later(WEIR_SECONDS(60), prints, "never", &never);
    if (rc == 0)
        rc = weir_call_soon(prints, "soon", NULL);
    if (rc == 0)
        rc = weir_add_reader(ends[0], reads, NULL);
    if (rc == 0)
        rc = weir_add_writer(ends[1], writes, "w");
    weir_call_release(&later); /* no handle is needed any more; the call still comes */
    weir_call_cancel(&never);
    if (rc == 0 && weir_sleep(WEIR_NEVER) == -ECANCELED)
        pthread_join(*(pthread_t *)arg, NULL);
    return rc;
}

int main(void) {
    pthread_t thread;
    return pipe(ends) < 0 || weir_run(program, &thread, NULL) < 0;
}
