/* SPDX-License-Identifier: MIT */
/* sanitize.h - the calls by which AddressSanitizer, ThreadSanitizer and Valgrind learn of our
 * stacks. In a plain build all of them are empty, except the requests to Valgrind where its header
 * was found: those are a few no-ops when a stack is made, taken and released. */
#ifndef WEIR_TASK_SANITIZE_H
#define WEIR_TASK_SANITIZE_H

#include "task/stack.h"
#include "weir-features.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WEIR_ASAN 1
#endif
#if __has_feature(thread_sanitizer)
#define WEIR_TSAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) && !defined(WEIR_ASAN)
#define WEIR_ASAN 1
#endif
#if defined(__SANITIZE_THREAD__) && !defined(WEIR_TSAN)
#define WEIR_TSAN 1
#endif

#if defined(WEIR_ASAN)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(WEIR_TSAN)
#include <sanitizer/tsan_interface.h>
#endif
#if WEIR_HAVE_VALGRIND
#include <valgrind/memcheck.h>
#include <valgrind/valgrind.h>
#endif

#if defined(WEIR_ASAN) || defined(WEIR_TSAN)
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif

/* Call before the switch. ends: the task has ended, and its stack is not returned to. */
static inline __attribute__((always_inline)) void sanitize_leave(struct context *from,
                                                                 const struct context *to,
                                                                 bool ends) {
    (void)from, (void)to, (void)ends;
#if defined(WEIR_ASAN)
    __sanitizer_start_switch_fiber(ends ? NULL : &from->fake_stack, to->bottom, to->size);
#endif
#if defined(WEIR_TSAN)
    __tsan_switch_to_fiber(to->fiber, 0);
#endif
}

/* Call after the switch, on the new stack. The first call records the bounds of the driver's
 * stack. */
static inline __attribute__((always_inline)) void sanitize_arrive(struct context *here,
                                                                  struct context *driver) {
    (void)here, (void)driver;
#if defined(WEIR_ASAN)
    const void *bottom;
    size_t size;
    __sanitizer_finish_switch_fiber(here ? here->fake_stack : NULL, &bottom, &size);
    if (driver->bottom == NULL) { /* the first switch of the run came from the driver */
        driver->bottom = bottom;
        driver->size = size;
    }
#endif
}

static inline void sanitize_driver_init(struct context *driver) {
    (void)driver;
#if defined(WEIR_TSAN)
    driver->fiber = __tsan_get_current_fiber();
#endif
}

/* Forbid access to the usable part below the stack's head until the stack is used again. */
static inline void sanitize_dead(struct stack *s) {
    (void)s;
#if defined(WEIR_ASAN)
    __asan_poison_memory_region(s->low, (size_t)((uint8_t *)s - s->low));
#endif
#if WEIR_HAVE_VALGRIND
    if (s->valgrind_id != 0)
        (void)VALGRIND_MAKE_MEM_NOACCESS(s->low, (size_t)((uint8_t *)s - s->low));
#endif
}

static inline void sanitize_alive(struct stack *s) {
    (void)s;
#if defined(WEIR_ASAN)
    __asan_unpoison_memory_region(s->low, (size_t)((uint8_t *)s - s->low));
#endif
#if WEIR_HAVE_VALGRIND
    if (s->valgrind_id != 0)
        (void)VALGRIND_MAKE_MEM_UNDEFINED(s->low, (size_t)((uint8_t *)s - s->low));
#endif
}

/* A stack's head has been written for the first time, or is about to be dropped. */
static inline void sanitize_made(struct stack *s) {
    (void)s;
#if defined(WEIR_TSAN)
    s->context.fiber = __tsan_create_fiber(0);
#endif
#if WEIR_HAVE_VALGRIND
    s->valgrind_id = RUNNING_ON_VALGRIND ? VALGRIND_STACK_REGISTER(s->low, s) + 1 : 0;
#endif
}

static inline void sanitize_dropped(struct stack *s) {
    (void)s;
    sanitize_alive(s);
#if defined(WEIR_TSAN)
    __tsan_destroy_fiber(s->context.fiber);
#endif
#if WEIR_HAVE_VALGRIND
    if (s->valgrind_id != 0)
        VALGRIND_STACK_DEREGISTER(s->valgrind_id - 1);
#endif
}

#endif
