/* SPDX-License-Identifier: MIT */
/* Shows: weir_random */
#include <weir/weir.h>

/* Try again after 100 ms, give or take 20: many clients of one server then spread. In a simulated
 * world the seed decides, so that a test can be repeated. */
static int pause_before_retry(void) {
    weir_ns jitter = (weir_ns)(weir_random() % (uint64_t)WEIR_MILLISECONDS(40));
    return weir_sleep(WEIR_MILLISECONDS(80) + jitter);
}

static int program(void *arg) {
    return pause_before_retry();
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}
