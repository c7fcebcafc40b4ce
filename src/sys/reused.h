/* SPDX-License-Identifier: MIT */
/* reused.h - tells ThreadSanitizer that memory of the kernel which one thread gives back may be
 * what another one gets next. It does not see the system calls that liburing makes by itself. In
 * other builds both functions are empty. */
#ifndef WEIR_SYS_REUSED_H
#define WEIR_SYS_REUSED_H

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define WEIR__SEES_THREADS 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define WEIR__SEES_THREADS 1
#endif

#if defined(WEIR__SEES_THREADS)
#include <sanitizer/tsan_interface.h>

#include "sys/limits.h" /* for the address of a variable, which here stands for that memory */

static inline void weir__memory_got(void) {
    __tsan_acquire(&weir__sys_limits);
}
static inline void weir__memory_given_back(void) {
    __tsan_release(&weir__sys_limits);
}
#else
static inline void weir__memory_got(void) {
}
static inline void weir__memory_given_back(void) {
}
#endif

#endif
