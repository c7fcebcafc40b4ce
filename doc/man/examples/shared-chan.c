/* SPDX-License-Identifier: MIT */
/* Shows: weir_shared_chan weir_shared_chan_new weir_shared_chan_ref weir_shared_chan_unref
 * weir_shared_chan_on_drop weir_shared_chan_send weir_shared_chan_send_for
 * weir_shared_chan_try_send weir_shared_chan_recv weir_shared_chan_recv_for
 * weir_shared_chan_try_recv weir_shared_chan_close weir_shared_chan_refuse weir_shared_chan_len */
#include <pthread.h>
#include <stdio.h>
#include <weir/weir.h>

static int adds(void *arg) { /* a task that receives what a thread sends */
    struct weir_shared_chan *c = arg;
    int n, sum = 0, rc;
    while ((rc = weir_shared_chan_recv(c, &n)) == 1)
        sum += n;
    return rc < 0 ? rc : sum;
}

static void *sends(void *arg) {
    struct weir_shared_chan *c = arg;
    for (int n = 1; n <= 10; n++)
        if (weir_shared_chan_send(c, &n) < 0) /* it blocks while the chan is full */
            break;
    weir_shared_chan_close(c);
    weir_shared_chan_unref(&c);
    return NULL;
}

static void say_dropped(void *item, void *arg) {
    (void)arg;
    printf("dropped %d\n", *(int *)item);
}

int main(void) {
    pthread_t thread;
    struct weir_shared_chan *c = NULL;
    int n = 7, m = 8;
    if (weir_shared_chan_new(int, 2, &c) < 0)
        return 1;
    if (pthread_create(&thread, NULL, sends, weir_shared_chan_ref(c)) != 0)
        return 1;
    printf("sum: %d\n", weir_run(adds, c, NULL));
    pthread_join(thread, NULL);
    weir_shared_chan_unref(&c);

    if (weir_shared_chan_new(int, 2, &c) < 0)
        return 1;
    weir_shared_chan_on_drop(c, say_dropped, NULL);
    printf("%d %d\n", weir_shared_chan_try_send(c, &n),
           weir_shared_chan_send_for(c, &m, WEIR_SECONDS(1)));
    printf("holds %d\n", (int)weir_shared_chan_len(c));
    if (weir_shared_chan_recv_for(c, &n, WEIR_SECONDS(1)) == 1)
        printf("received %d\n", n);
    weir_shared_chan_refuse(c); /* nobody receives any more */
    printf("end: %d\n", weir_shared_chan_try_recv(c, &n));
    weir_shared_chan_unref(&c);
    return 0;
}
