/* SPDX-License-Identifier: MIT */
/* register.c - loading libweir-test changes three things: the backend "sim" can be opened, a
 * backend that is opened while a fault is armed is wrapped by sim/fault.c, and functions can play
 * programs. The calls that need one of them call weir__testing_register too: a linker takes from
 * the archive libweir-test.a only files that something names. */
#include "testing/register.h"

#include "process/process.h"
#include "sim/fault.h"
#include "sim/sim.h"
#include "testing/program.h"

__attribute__((constructor)) void weir__testing_register(void) {
    weir__backend_open_sim = weir__sim_open;
    weir__backend_decorate = weir__fault_decorate;
    weir__subprocess_player = weir__subprocess_play;
}
