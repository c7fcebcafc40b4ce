/* SPDX-License-Identifier: MIT */
/* Shows: weir_scope_auto_leave */
#include <weir/weir.h>

static int settle(int times) {
    WEIR_AUTO(weir_scope_auto_leave) struct weir_scope s = {0};
    weir_scope_enter(&s, WEIR_SECONDS(1));
    for (int i = 0; i < times; i++)
        if (weir_sleep(WEIR_MILLISECONDS(1)) < 0)
            return -EIO; /* the scope is left on each way out */
    return 0;
}

static int program(void *arg) {
    return settle(3);
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}
