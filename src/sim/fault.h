/* SPDX-License-Identifier: MIT */
/* fault.h - a decorator of any backend that makes chosen ops fail, come short, late or never. The
 * plan is the thread's; the meaning of its fields is in weir/testing.h. */
#ifndef WEIR_SIM_FAULT_H
#define WEIR_SIM_FAULT_H

#include "sys/backend.h"

enum fault_effect { FAULT_ERROR, FAULT_SHORT, FAULT_LATE, FAULT_NEVER };

struct fault_plan { /* all set */
    uint64_t kinds; /* bits: 1 << enum weir__op_kind */
    enum fault_effect effect;
    int error;
    weir_ns late_ns;
    uint64_t nth;
    bool every;
};

/* NULL: none; backends opened from now on are not decorated. The counts start again. */
void weir__fault_arm(const struct fault_plan *plan);
uint64_t weir__fault_seen(void);
uint64_t weir__fault_struck(void);

/* What weir__backend_decorate points to: inner itself if no plan is armed. */
struct weir__backend *weir__fault_decorate(struct weir__backend *inner);

#endif
