/* SPDX-License-Identifier: MIT */
/* Shows: WEIR_SECONDS WEIR_MILLISECONDS WEIR_NEVER weir_ns weir_now weir-base */
#include <stdio.h>
#include <weir/weir.h>

enum { POLL_EVERY = WEIR_MILLISECONDS(250) };      /* a constant where one is wanted */
static const weir_ns timeout = WEIR_SECONDS(1.5); /* fractions are rounded */

int main(void) {
    weir_ns begun = weir_now();
    weir_ns late = begun + timeout;
    printf("a poll each %d ms, %d in the time\n", POLL_EVERY / 1000000,
           (int)(timeout / POLL_EVERY));
    return late < weir_now() || late > WEIR_NEVER - timeout;
}
