/* SPDX-License-Identifier: MIT */
/* Shows: WEIR_ON_GET WEIR_ON_PUT WEIR_ON_INBOX WEIR_ON_INBOX_SEND WEIR_ON_SUBSCRIBER
 * WEIR_ON_LATEST */
#include <stdio.h>
#include <weir/weir.h>

struct world {
    struct weir_queue jobs;
    struct weir_inbox letters;
    struct weir_broadcast ticks;
    struct weir_subscriber ticking;
    struct weir_latest level;
    struct weir_latest_view seen;
};

static int make(struct world *w) {
    int level = 5, rc = weir_queue_init(&w->jobs, int, 1);
    if (rc == 0)
        rc = weir_inbox_init(&w->letters, int, 1);
    if (rc == 0)
        rc = weir_broadcast_init(&w->ticks, int, 4, WEIR_OVERTAKE);
    if (rc == 0)
        weir_subscribe(&w->ticks, &w->ticking);
    return rc == 0 ? weir_latest_init(&w->level, &level) : rc;
}

static int use(struct world *w) {
    int job = 1, letter = 2, tick = 3, level = 0, got_job, got_letter;
    struct weir_case cases[] = {
        WEIR_ON_PUT(&w->jobs, &job), WEIR_ON_INBOX_SEND(&w->letters, &letter),
        WEIR_ON_LATEST(&w->level, &w->seen, &level), WEIR_ON_SUBSCRIBER(&w->ticking, &tick),
        WEIR_ON_GET(&w->jobs, &got_job), WEIR_ON_INBOX(&w->letters, &got_letter),
    };
    int rc = weir_broadcast_send(&w->ticks, &tick);
    for (int i = 0; i < 6 && rc >= 0; i++) {
        rc = weir_select(cases, 6); /* of those that can happen, the first in the array */
        if (rc < 0)
            break;
        printf("case %d: %d\n", rc, cases[rc].rc);
        cases[rc] = WEIR_ON_NEVER;
    }
    return rc < 0 ? rc : 0;
}

static int program(void *arg) {
    struct world w = {0};
    (void)arg;
    int rc = make(&w);
    if (rc == 0)
        rc = use(&w);
    weir_unsubscribe(&w.ticking); /* what is zeroed needs no fini, but it does no harm */
    weir_latest_fini(&w.level);
    weir_broadcast_fini(&w.ticks);
    weir_inbox_fini(&w.letters);
    weir_queue_fini(&w.jobs);
    return rc;
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}
