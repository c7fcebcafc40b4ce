/* SPDX-License-Identifier: MIT */
/* poll_stand_in.c - linked with a suite, lets it run on the backend of examples/backend-poll.c. */
#include <weir/backend.h>

int main_of_the_example(void);
#define main main_of_the_example
#include "../../examples/backend-poll.c"
#undef main

#include "test/runner.h"

__attribute__((constructor)) static void stand_in(void) {
    if (weir_backend_register("poll", backend_poll_open) != 0)
        abort();
    runner_stand_in("poll");
}
