/* SPDX-License-Identifier: MIT */
/* Shows: WEIR_SUSPENDS WEIR_API WEIR_NOINLINE */
#include <weir/weir.h>

/* In the header of a library of yours: the reader sees that the call may suspend the task. */
WEIR_SUSPENDS int meter_settle(void);
/* This one never does. */
WEIR_API int meter_channels(void);

int meter_channels(void) {
    return 4;
}

int meter_settle(void) {
    return weir_sleep(WEIR_MILLISECONDS(meter_channels()));
}

static int program(void *arg) {
    return meter_settle();
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}
