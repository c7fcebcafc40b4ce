/* SPDX-License-Identifier: MIT */
/* register.c - loading libweir-test changes three things: the backend "sim" can be opened, a
 * backend that is opened while a fault is armed is wrapped by sim/fault.c, and functions can play
 * programs. */
#include "process/process.h"
#include "sim/fault.h"
#include "sim/sim.h"
#include "testing/program.h"

__attribute__((constructor)) static void register_all(void) {
    weir__backend_open_sim = weir__sim_open;
    weir__backend_decorate = weir__fault_decorate;
    weir__subprocess_player = weir__subprocess_play;
}
