/* SPDX-License-Identifier: MIT */
/* stack.h - stacks of tasks: slabs of guarded slots, one pool for each size class; and the context
 * that a switch saves. The stack that was released last is used first, since its pages are there.
 *
 * A slot is [guard][usable]. The struct stack that describes it lies at its top, in the page that
 * the task touches anyway. A slot that was never used costs address space only. */
#ifndef WEIR_TASK_STACK_H
#define WEIR_TASK_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <weir/base.h>

struct context {
    void *sp;
    const void *bottom; /* lowest usable address, and size: for the sanitizers */
    size_t size;
    void *fiber;      /* ThreadSanitizer's */
    void *fake_stack; /* AddressSanitizer's */
};

struct stack {
    struct context context;
    struct stack *next; /* in the pool */
    uint8_t *low;       /* lowest usable address */
    uint32_t class;
    uint32_t valgrind_id;
    const struct weir_site *measured; /* the task's place, if its depth is measured (depth.h) */
    uint8_t *clear_from;              /* lowest page that existed when the measured task began */
    const struct weir_site *inside; /* site and kind of the innermost scope: readable when the */
    int inside_kind;                /* scope was forgotten and its frame is gone */
    struct locals *locals;   /* task-locals of the task that runs on it; NULL: none */
    struct weir_error error; /* of the task that runs on it */
};

enum { STACK_CLASS_MIN = 14, STACK_CLASSES = 17 }; /* 16 KiB .. 1 GiB, powers of two */
enum { STACK_GUARD = 64 * 1024 };

struct stack_class {
    struct stack *warm; /* used before, their top page is resident; the last released first */
    size_t warm_count;
    uint8_t **cold;     /* addresses of slots never used, or whose pages were given back */
    size_t cold_count, cold_max;
    size_t promised;    /* tasks spawned but not yet bound */
    size_t bound;       /* stacks that have a task now */
    size_t slab_slots;  /* of the newest slab */
};

struct stack_slab { /* one mapping */
    struct stack_slab *next;
    uint8_t *base;
    size_t size;
    long mprotected; /* its guards that were made by mprotect: each costs two mappings */
};

struct stack_pool {
    struct stack_class classes[STACK_CLASSES];
    struct stack_slab *slabs;
    size_t warm_max;          /* per class, on top of as many as are bound */
    bool guard_by_mprotect;   /* MADV_GUARD_INSTALL is unknown, or made no guard */
    bool guard_proven;
    bool excess; /* more stacks are warm than should stay so: weir__stack_pool_trim */
    struct stack *dead;       /* left by an ended task in the last switch: sanitizers poison it */
};

void weir__stack_pool_init(struct stack_pool *p);

/* The class that holds size bytes; -EINVAL if none does. */
int weir__stack_class_of(size_t size);

/* Promise one stack of the class: a later bind cannot fail. Returns 0, -ENOMEM, -EAGAIN (no more
 * guards can be had: see vm.max_map_count). */
int weir__stack_promise(struct stack_pool *p, int class);
void weir__stack_unpromise(struct stack_pool *p, int class);

/* Take a promised stack. It is empty: context.sp is its top. */
struct stack *weir__stack_bind(struct stack_pool *p, int class);
void weir__stack_release(struct stack_pool *p, struct stack *s);

/* Give the pages of at most count free stacks back to the kernel, as long as p->excess. Not on a
 * stack of p. */
void weir__stack_pool_trim(struct stack_pool *p, size_t count);
void weir__stack_pool_fini(struct stack_pool *p);

/* Is address in the guard of s? */
bool weir__stack_guards(const struct stack *s, const void *address);

/* switch_*.S: save the callee-saved registers and sp into *save_sp, then
 * switch: load those of load_sp; start: run weir__task_first_run on the empty stack sp. */
void weir__switch(void **save_sp, void *load_sp);
void weir__switch_start(void **save_sp, void *sp);

/* Leave this stack for good: a jump, not a call (see switch_x86_64.S). */
static inline __attribute__((always_inline)) _Noreturn void weir__switch_leave(void *load_sp) {
#if defined(__x86_64__)
    __asm__ volatile("jmp weir__switch_load" : : "D"(load_sp) : "memory");
#elif defined(__aarch64__)
    __asm__ volatile("mov x0, %0\n\tb weir__switch_load" : : "r"(load_sp) : "x0", "memory");
#else
#error "no context switch for this machine: add switch_<machine>.S and its case here"
#endif
    __builtin_unreachable();
}

#endif
