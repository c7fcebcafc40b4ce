/* SPDX-License-Identifier: MIT */
/* register.c - loading libweir-test changes two things: the backend "sim" can be opened, and a
 * backend that is opened while a fault is armed is wrapped by sim/fault.c. */
#include "sim/fault.h"
#include "sim/sim.h"

__attribute__((constructor)) static void register_all(void) {
    weir__backend_open_sim = weir__sim_open;
    weir__backend_decorate = weir__fault_decorate;
}
