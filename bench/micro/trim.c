/* SPDX-License-Identifier: MIT */
/* trim.c - to be preloaded into any server: on SIGRTMIN+5 it gives its free pages back to the
 * system, so that resident memory is what is in use. For a server that is idle: the signal must not
 * come while it is inside of malloc. */
#include <malloc.h>
#include <signal.h>

static void trim(int unused) {
    (void)unused;
    malloc_trim(0);
}

static void __attribute__((constructor)) begin(void) {
    struct sigaction a = {.sa_handler = trim, .sa_flags = SA_RESTART};
    sigaction(SIGRTMIN + 5, &a, NULL);
}
