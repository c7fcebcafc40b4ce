/* SPDX-License-Identifier: MIT */
/* Shows: weir_parking_wait weir_parking_first weir_parking_wake weir_parking_move
 * weir_parking_fini weir_parking */
#include <errno.h>
#include <stdio.h>
#include <weir/weir.h>

/* A primitive of one's own: a mailbox for one letter. The sender puts the
 * letter into the slot of the task that waits, so no other task can take it first. */
struct mailbox {
    struct weir_parking waiting;
    int letter; /* 0: none */
};

static int mailbox_put(struct mailbox *m, int letter) {
    int *slot = weir_parking_first(&m->waiting);
    if (slot == NULL && m->letter != 0)
        return -EAGAIN;
    if (slot == NULL) {
        m->letter = letter;
        return 0;
    }
    *slot = letter;
    weir_parking_wake(&m->waiting, 1, 0);
    return 0;
}

static int mailbox_get(struct mailbox *m, int *ret_letter) {
    if (m->letter == 0)
        return weir_parking_wait(&m->waiting, ret_letter); /* cancelled: it got no letter */
    *ret_letter = m->letter;
    m->letter = 0;
    return 0;
}

static struct mailbox mailbox;

static int reads(void *args) {
    int letter;
    (void)args;
    int rc = mailbox_get(&mailbox, &letter);
    if (rc == 0)
        printf("letter %d\n", letter);
    return rc;
}

static int program(void *arg) {
    struct weir_group g;
    struct weir_parking closed = {0};
    weir_group_open(&g, WEIR_TOGETHER);
    int rc = weir_go0(&g, reads);
    if (rc == 0)
        rc = weir_go0(&g, reads);
    if (rc == 0)
        rc = weir_yield();
    if (rc == 0)
        rc = mailbox_put(&mailbox, 7);
    weir_parking_move(&mailbox.waiting, &closed, 1); /* the second reader waits there now */
    weir_parking_wake(&closed, 1, WEIR_ECLOSED);
    rc = weir_group_close(&g, rc);
    weir_parking_fini(&closed);
    weir_parking_fini(&mailbox.waiting);
    return rc == WEIR_ECLOSED ? 0 : rc; /* the second reader's */
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}
