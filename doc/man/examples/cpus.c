/* SPDX-License-Identifier: MIT */
/* Shows: weir_cpus weir-offload */
#include <stdio.h>
#include <weir/offload.h>

int main(void) {
    int cpus = weir_cpus(); /* 2 in a container of 1.5 processors, on a machine of 64 */
    printf("%d loops would have a processor each\n", cpus);
    return cpus >= 1 ? 0 : 1;
}
