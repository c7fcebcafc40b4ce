/* SPDX-License-Identifier: MIT */
/* Shows: weir_scope_renew weir_read_until */
#include <stdio.h>
#include <weir/weir.h>

struct talk_args { struct weir_stream *to; };

static int talk(void *args) {
    WEIR_AUTO(weir_close) struct weir_stream *to = ((struct talk_args *)args)->to;
    int rc = weir_write(to, "one\ntwo\n", 8);
    return rc < 0 ? rc : weir_sleep(WEIR_MILLISECONDS(50)); /* and then it is silent */
}

/* Each line starts the time afresh: only silence ends it. */
static int listen_to(struct weir_stream *from) {
    struct weir_scope idle;
    char line[80];
    ssize_t n;
    weir_scope_enter(&idle, WEIR_MILLISECONDS(20));
    while ((n = weir_read_until(from, '\n', line, sizeof line)) > 0) {
        printf("%s", line);
        weir_scope_renew(&idle, WEIR_MILLISECONDS(20));
    }
    return weir_scope_leave(&idle, (int)n); /* -ETIME: it was silent */
}

static int program(void *arg) {
    WEIR_AUTO(weir_close) struct weir_stream *from = NULL;
    struct weir_stream *to = NULL;
    int rc = weir_memory_pair(0, &from, &to);
    if (rc == 0 && (rc = weir_go(NULL, talk, .to = to)) < 0)
        weir_close(&to);
    if (rc == 0)
        rc = listen_to(from);
    return rc == -ETIME ? 0 : rc;
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}
