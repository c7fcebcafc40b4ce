/* SPDX-License-Identifier: MIT */
/* Shows: weir_shield_enter weir_cancelled */
#include <stdio.h>
#include <weir/weir.h>

static int say_goodbye(struct weir_stream *s) {
    struct weir_scope shield;
    weir_shield_enter(&shield, WEIR_SECONDS(1)); /* cancels from outside wait for so long */
    int rc = weir_write(s, "bye\n", 4);
    return weir_scope_leave(&shield, rc);
}

static int program(void *arg) {
    WEIR_AUTO(weir_close) struct weir_stream *a = NULL;
    WEIR_AUTO(weir_close) struct weir_stream *b = NULL;
    struct weir_scope s;
    char line[8];
    int rc = weir_memory_pair(0, &a, &b);
    weir_scope_enter(&s, 0); /* fires at once */
    if (rc == 0 && weir_cancelled() == -ETIME)
        rc = say_goodbye(a); /* is written all the same */
    rc = weir_scope_leave(&s, rc);
    return rc == 0 && weir_read_until(b, '\n', line, sizeof line) == 4 ? 0 : 1;
}

int main(void) {
    return weir_run(program, NULL, NULL);
}
