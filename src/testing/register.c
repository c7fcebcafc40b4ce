/* SPDX-License-Identifier: MIT */
/* register.c - what loading libweir-test changes: the backend "sim" can be opened, and a backend
 * opened while a fault is armed is decorated. */
#include "sim/fault.h"
#include "sim/sim.h"

__attribute__((constructor)) static void register_all(void) {
    weir__backend_open_sim = weir__sim_open;
    weir__backend_decorate = weir__fault_decorate;
}
