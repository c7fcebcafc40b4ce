/* SPDX-License-Identifier: MIT */
/* process.c - see process.h. */
#include "base/process.h"

#include "weir-features.h"

_Static_assert(offsetof(struct weir__process, magic) == 0, "the head has a fixed layout");
_Static_assert(offsetof(struct weir__process, version) == 8, "the head has a fixed layout");
_Static_assert(offsetof(struct weir__process, size) == 12, "the head has a fixed layout");
_Static_assert(offsetof(struct weir__process, library) == 16, "the head has a fixed layout");
_Static_assert(offsetof(struct weir__process, runs) == 32, "the head has a fixed layout");
_Static_assert(offsetof(struct weir__process, forks) == 36, "the head has a fixed layout");
_Static_assert(offsetof(struct weir__process, loops) == 40, "the head has a fixed layout");
_Static_assert(sizeof WEIR_VERSION <= sizeof weir__process.library, "the version fits");

struct weir__process weir__process __attribute__((used)) = {
    .magic = WEIR__PROCESS_MAGIC,
    .version = WEIR__PROCESS_VERSION,
    .size = sizeof weir__process,
    .library = WEIR_VERSION,
    .loops = {&weir__process.loops, &weir__process.loops},
};

/* The note: the sizes of its name and of what it says, its type, the name; and how far it is from
 * here to the struct. So it needs no relocation, and a tool can read it in the file too. */
__asm__(".pushsection .note.weir, \"a\", %note\n"
        "    .balign 4\n"
        "    .long 5, 8, 1\n"
        "    .asciz \"" WEIR__NOTE_NAME "\"\n"
        "    .balign 4\n"
        "0:  .quad weir__process - 0b\n"
        "    .popsection\n");
_Static_assert(sizeof WEIR__NOTE_NAME == 5 && WEIR__NOTE_PROCESS == 1, "as in the note");

void weir__process_add(enum weir__part_place place, const struct weir__part *part) {
    weir__process.parts[place] = part;
}

/* ---- fork ------------------------------------------------------------------------------------ */

/* The lock of a part that fork must take and release; NULL: none. */
static pthread_mutex_t *lock_of(int place) {
    const struct weir__part *p = weir__process.parts[place];
    return p == NULL || (p->is_held_here != NULL && p->is_held_here()) ? NULL : p->lock;
}

/* A thread that forks receives no signal until both processes are whole again: a handler, ours or
 * the program's, would find the child half made. */
static void before_fork(void) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    for (int i = 0; i < WEIR__PARTS; i++)
        if (lock_of(i) != NULL)
            pthread_mutex_lock(lock_of(i));
    weir__process.mask_before_fork = before;
}

static void after_fork(void) {
    sigset_t before = weir__process.mask_before_fork;
    for (int i = WEIR__PARTS - 1; i >= 0; i--)
        if (lock_of(i) != NULL)
            pthread_mutex_unlock(lock_of(i));
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void after_fork_in_child(void) {
    weir__process.forks++;
    for (int i = 0; i < WEIR__PARTS; i++)
        if (weir__process.parts[i] != NULL && weir__process.parts[i]->fork_child != NULL)
            weir__process.parts[i]->fork_child();
    after_fork();
}

static __attribute__((constructor)) void begin(void) {
    weir__process.has_hook = pthread_atfork(before_fork, after_fork, after_fork_in_child) == 0;
}
