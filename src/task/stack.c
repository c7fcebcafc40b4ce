/* SPDX-License-Identifier: MIT */
/* stack.c - see stack.h. Facts used (Linux 6.18, measured): a guard by MADV_GUARD_INSTALL costs
 * no mapping (mprotect: two, and vm.max_map_count is 65530); a first touch costs 2 us, so stacks
 * are reused warm. */
#include "task/stack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/log.h"
#include "sys/fds.h"
#include "task/sanitize.h"

enum { GUARD_INSTALL = 102 };          /* MADV_GUARD_INSTALL, Linux 6.13 */
enum { SLAB_SLOTS_FIRST = 4, SLAB_SLOTS_MAX = 1024 };
enum { SLAB_BYTES_MAX = 256 << 20 };   /* address space asked for at a time */
enum { WARM_MAX = 1024, COLOURS = 16, COLOUR = 64, PAGE = 4096 };

/* Guards by mprotect in the whole process. Each costs two mappings; half of vm.max_map_count is
 * left to the program. */
static _Atomic long guards_mprotected;

static size_t usable(int class) {
    return (size_t)1 << (class + STACK_CLASS_MIN);
}

static size_t slot_size(int class) {
    return usable(class) + STACK_GUARD;
}

int weir__stack_class_of(size_t size) {
    for (int class = 0; class < STACK_CLASSES; class++)
        if (size <= usable(class))
            return class;
    return -EINVAL;
}

void weir__stack_pool_init(struct stack_pool *p) {
    memset(p, 0, sizeof *p);
    p->warm_max = WARM_MAX;
}

static long map_count_max(void) {
    char text[24] = "";
    int fd = weir__fd_lift(open("/proc/sys/vm/max_map_count", O_RDONLY | O_CLOEXEC));
    if (fd >= 0) {
        ssize_t len = read(fd, text, sizeof text - 1);
        text[len > 0 ? len : 0] = '\0';
        close(fd);
    }
    long n = atol(text);
    return n > 0 ? n : 65530;
}

/* Does the kernel refuse to write into the guard? qemu-user answers 0 to an advice that it does not
 * know, so the answer of madvise proves nothing. */
static bool guard_holds(uint8_t *guard) {
    return syscall(SYS_clock_gettime, CLOCK_MONOTONIC, guard) == -1 && errno == EFAULT;
}

static int guard_mprotect(struct stack_slab *slab, uint8_t *guard) {
    static long budget;
    if (budget == 0)
        budget = map_count_max() / 4;
    if (guards_mprotected >= budget) {
        weir__log(WEIR_LOG_ERROR,
                  "no more guarded stacks: %ld guards by mprotect use half of vm.max_map_count; "
                  "raise it, or use Linux 6.13 or later",
                  (long)guards_mprotected);
        return -EAGAIN;
    }
    if (mprotect(guard, STACK_GUARD, PROT_NONE) < 0)
        return -EAGAIN;
    guards_mprotected++;
    slab->mprotected++;
    return 0;
}

static int guard_install(struct stack_pool *p, struct stack_slab *slab, uint8_t *guard) {
    if (!p->guard_by_mprotect) {
        bool done = madvise(guard, STACK_GUARD, GUARD_INSTALL) == 0;
        if (done && (p->guard_proven || guard_holds(guard))) {
            p->guard_proven = true;
            return 0;
        }
        p->guard_by_mprotect = true; /* an old kernel, locked memory, or an emulator */
    }
    return guard_mprotect(slab, guard);
}

static bool cold_reserve(struct stack_class *c, size_t more) {
    if (c->cold_count + more <= c->cold_max)
        return true;
    size_t max = c->cold_max ? c->cold_max * 2 : 64;
    if (max < c->cold_count + more)
        max = c->cold_count + more;
    uint8_t **cold = weir__realloc(c->cold, max * sizeof *cold);
    if (cold == NULL)
        return false;
    c->cold = cold;
    c->cold_max = max;
    return true;
}

/* Map slots, guard them, and put them on the cold list. What cannot be guarded is unmapped. */
static int slab_new(struct stack_pool *p, int class, size_t slots) {
    struct stack_class *c = &p->classes[class];
    size_t size = slot_size(class), made = 0;
    struct stack_slab *slab = weir__alloc(sizeof *slab);
    if (slab == NULL || !cold_reserve(c, slots)) {
        weir__free(slab);
        return -ENOMEM;
    }
    uint8_t *base = mmap(NULL, slots * size, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (base == MAP_FAILED) {
        weir__free(slab);
        return -ENOMEM;
    }
    madvise(base, slots * size, MADV_NOHUGEPAGE);
    *slab = (struct stack_slab){.base = base};
    int rc = 0;
    while (made < slots && (rc = guard_install(p, slab, base + made * size)) == 0)
        made++;
    if (made < slots)
        munmap(base + made * size, (slots - made) * size);
    if (made == 0) {
        weir__free(slab);
        return rc;
    }
    slab->size = made * size;
    slab->next = p->slabs;
    p->slabs = slab;
    c->slab_slots = made;
    while (made-- > 0)
        c->cold[c->cold_count++] = base + made * size;
    return 0;
}

static int class_grow(struct stack_pool *p, int class) {
    struct stack_class *c = &p->classes[class];
    size_t slots = c->slab_slots ? c->slab_slots * 2 : SLAB_SLOTS_FIRST;
    size_t most = SLAB_BYTES_MAX / slot_size(class);
    if (slots > SLAB_SLOTS_MAX)
        slots = SLAB_SLOTS_MAX;
    if (slots > most)
        slots = most ? most : 1;
    int rc;
    while ((rc = slab_new(p, class, slots)) < 0 && slots > 1)
        slots /= 2; /* overcommit_memory=2 or RLIMIT_AS may still allow a few */
    return rc;
}

int weir__stack_promise(struct stack_pool *p, int class) {
    struct stack_class *c = &p->classes[class];
    if (__builtin_expect(c->warm_count + c->cold_count <= c->promised, 0)) {
        int rc = class_grow(p, class);
        if (rc < 0)
            return rc;
    }
    c->promised++;
    return 0;
}

void weir__stack_unpromise(struct stack_pool *p, int class) {
    p->classes[class].promised--;
}

/* Write the head of a slot. Each top is shifted by a multiple of 64 bytes (its colour): without
 * that the busiest lines of all stacks would share the same sets of the first-level cache. */
static struct stack *slot_open(uint8_t *slot, int class) {
    size_t colour = ((uintptr_t)slot / slot_size(class)) % COLOURS * COLOUR;
    uint8_t *top = slot + slot_size(class) - colour - sizeof(struct stack);
    struct stack *s = (struct stack *)(void *)(top - (uintptr_t)top % 64);
    s->low = slot + STACK_GUARD;
    s->class = (uint32_t)class;
    s->next = NULL;
    s->valgrind_id = 0;
    s->measured = NULL;
    s->error.code = 0;
    s->context = (struct context){.bottom = s->low, .size = (size_t)((uint8_t *)s - s->low)};
    sanitize_made(s);
    return s;
}

static struct stack *class_take(struct stack_class *c, int class) {
    struct stack *s = c->warm;
    if (__builtin_expect(s != NULL, 1)) {
        c->warm = s->next;
        c->warm_count--;
        return s;
    }
    WEIR_CHECK(c->cold_count > 0); /* it was promised */
    return slot_open(c->cold[--c->cold_count], class);
}

struct stack *weir__stack_bind(struct stack_pool *p, int class) {
    struct stack_class *c = &p->classes[class];
    c->promised--;
    c->bound++;
    struct stack *s = class_take(c, class);
    sanitize_alive(s);
    s->context.sp = s; /* its head is a multiple of 64 */
    s->context.fake_stack = NULL;
    return s;
}

/* Give the pages of s back to the kernel and put its slot on the cold list. Returns false if the
 * list cannot grow: s then stays warm. */
static bool class_chill(struct stack_class *c, struct stack *s, int class) {
    if (!cold_reserve(c, 1))
        return false;
    uint8_t *slot = s->low - STACK_GUARD;
    sanitize_dropped(s);
    madvise(s->low, usable(class), MADV_DONTNEED);
    c->cold[c->cold_count++] = slot;
    return true;
}

static bool has_excess(const struct stack_pool *p, const struct stack_class *c) {
    return c->warm_count > p->warm_max + c->bound;
}

/* To give pages back takes four times as long as the end of a task: not here. */
void weir__stack_release(struct stack_pool *p, struct stack *s) {
    struct stack_class *c = &p->classes[s->class];
    c->bound--;
    s->next = c->warm;
    c->warm = s;
    c->warm_count++;
    if (__builtin_expect(has_excess(p, c), 0))
        p->excess = true;
}

void weir__stack_pool_trim(struct stack_pool *p, size_t count) {
    for (int class = 0; class < STACK_CLASSES; class++) {
        struct stack_class *c = &p->classes[class];
        for (; has_excess(p, c) && count > 0; count--) {
            struct stack *s = c->warm, *rest = s->next;
            if (!class_chill(c, s, class)) {
                p->excess = false; /* until the next release */
                return;
            }
            c->warm = rest;
            c->warm_count--;
        }
        if (has_excess(p, c))
            return;
    }
    p->excess = false;
}

void weir__stack_pool_fini(struct stack_pool *p) {
    for (int class = 0; class < STACK_CLASSES; class++) {
        struct stack_class *c = &p->classes[class];
        WEIR_CHECK(c->bound == 0 && c->promised == 0);
        for (struct stack *s = c->warm; s != NULL; s = s->next)
            sanitize_dropped(s);
        weir__free(c->cold);
    }
    for (struct stack_slab *slab = p->slabs, *next; slab != NULL; slab = next) {
        next = slab->next;
        guards_mprotected -= slab->mprotected;
        munmap(slab->base, slab->size);
        weir__free(slab);
    }
}

bool weir__stack_guards(const struct stack *s, const void *address) {
    const uint8_t *a = address;
    return a < s->low && a >= s->low - STACK_GUARD;
}
