/* SPDX-License-Identifier: MIT */
/* faults.c - the public calls for the faults of sim/fault.c and for failing allocations. */
#include <weir/testing.h>

#include "base/alloc.h"
#include "base/options.h"
#include "sim/fault.h"
#include "testing/register.h"

#define OP(kind) ((uint64_t)1 << WEIR__##kind)

#define RECEIVES (OP(RECV) | OP(RECV_INTO) | OP(RECVMSG) | OP(TRY_RECVMSG))
#define SENDS (OP(SEND) | OP(SENDV) | OP(SEND_SOON) | OP(TRY_SENDMSG))

/* Bit for bit the ops behind enum weir_fault_kinds. */
static const uint64_t ops_of_kind[] = {
    OP(SOCKET),  OP(BIND),   OP(LISTEN),           OP(SHUTDOWN),        OP(CONNECT),
    OP(ACCEPT),  RECEIVES,   SENDS,                OP(RESOLVE),         OP(WORK),
    OP(POLL),    OP(SIGNAL), OP(CLOSE),            OP(ATTACH),          OP(DETACH),
    OP(SPAWN),   OP(FILE_OP),          OP(WALL_OPEN),
};

void weir_fault_arm(const struct weir_fault *fault) {
    weir__testing_register();
    if (fault == NULL) {
        weir__fault_arm(NULL);
        return;
    }
    struct weir_fault f;
    WEIR_OPTIONS_COPY(struct weir_fault, every, &f, fault);
    unsigned kinds = f.kinds != 0 ? f.kinds : WEIR_FAULT_ALL;
    struct fault_plan plan = {
        .effect = (enum fault_effect)f.effect,
        .error = f.error != 0 ? f.error : -ECONNRESET,
        .late_ns = f.late_ns > 0 ? f.late_ns : WEIR_MILLISECONDS(10),
        .nth = f.nth,
        .every = f.every,
    };
    for (size_t i = 0; i < sizeof ops_of_kind / sizeof ops_of_kind[0]; i++)
        plan.kinds |= kinds >> i & 1 ? ops_of_kind[i] : 0;
    weir__fault_arm(&plan);
}

uint64_t weir_fault_seen(void) {
    return weir__fault_seen();
}

uint64_t weir_fault_struck(void) {
    return weir__fault_struck();
}

size_t weir_fault_allocation(size_t nth) {
    return weir__alloc_fail_at(nth);
}
