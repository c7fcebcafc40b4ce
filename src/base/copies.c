/* SPDX-License-Identifier: MIT */
/* copies.c - a process may contain the library twice, for instance when a program and a plugin were
 * each linked with libweir.a. Both would install signal handlers, and a task of one copy would be
 * nobody's in the other. So the first copy that opens a loop has the process, and others may not.
 *
 * Copies find each other by an ELF note, which lies in each program and shared object that contains
 * the library, and says where its struct weir__process is. Unlike a symbol it is found in a program
 * that exports nothing, and in a plugin that was loaded with RTLD_LOCAL. */
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/process.h"

enum { FREE, ASKS, HAS }; /* weir__process.runs */
enum { NAME_LEN = 32, VERSION_LEN = sizeof weir__process.library };

static struct {
    pthread_mutex_t lock; /* one thread at a time asks */
} kept = {PTHREAD_MUTEX_INITIALIZER};

static const struct weir__part part = {
    .name = "copies",
    .state = &kept,
    .size = sizeof kept,
    .lock = &kept.lock,
};

static __attribute__((constructor)) void begin(void) {
    weir__process_add(WEIR__PART_COPIES, &part);
}

/* ---- notes ----------------------------------------------------------------------------------- */

struct search {
    bool has_found;            /* another copy that has the process, or asks for it */
    char version[VERSION_LEN]; /* its version */
    char in[NAME_LEN];         /* the name of the file that it is in */
    char own_in[NAME_LEN];
};

static void name_of(const struct dl_phdr_info *object, char ret_name[static NAME_LEN]) {
    const char *slash = strrchr(object->dlpi_name, '/');
    snprintf(ret_name, NAME_LEN, "%s",
             slash != NULL ? slash + 1 : *object->dlpi_name ? object->dlpi_name : "the program");
}

static void found(struct search *s, const struct weir__process *p,
                  const struct dl_phdr_info *object) {
    if (memcmp(p->magic, WEIR__PROCESS_MAGIC, sizeof p->magic) != 0)
        return;
    if (p == &weir__process)
        name_of(object, s->own_in);
    else if (!s->has_found && atomic_load(&p->runs) != FREE) {
        s->has_found = true;
        name_of(object, s->in);
        snprintf(s->version, sizeof s->version, "%s", p->library);
    }
}

/* The note of process.c says how far it is from there to the struct. */
static void look_at_note(struct search *s, const char *name, size_t name_size, const char *desc,
                         size_t desc_size, const struct dl_phdr_info *object) {
    int64_t away;
    if (name_size != sizeof WEIR__NOTE_NAME || desc_size != sizeof away
        || memcmp(name, WEIR__NOTE_NAME, name_size) != 0)
        return;
    memcpy(&away, desc, sizeof away);
    found(s, (const struct weir__process *)(const void *)(desc + away), object);
}

static void look_at_notes(struct search *s, const char *at, size_t size, size_t align,
                          const struct dl_phdr_info *object) {
    ElfW(Nhdr) head;
    while (size >= sizeof head) {
        memcpy(&head, at, sizeof head);
        size_t desc_at = (sizeof head + head.n_namesz + align - 1) & ~(align - 1);
        size_t next_at = (desc_at + head.n_descsz + align - 1) & ~(align - 1);
        if (next_at > size)
            return;
        if (head.n_type == WEIR__NOTE_PROCESS)
            look_at_note(s, at + sizeof head, head.n_namesz, at + desc_at, head.n_descsz, object);
        at += next_at;
        size -= next_at;
    }
}

static int look_at_object(struct dl_phdr_info *object, size_t size, void *search) {
    (void)size;
    for (int i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *h = &object->dlpi_phdr[i];
        const char *at = (const char *)(object->dlpi_addr + h->p_vaddr);
        if (h->p_type == PT_NOTE)
            look_at_notes(search, at, h->p_memsz, h->p_align == 8 ? 8 : 4, object);
    }
    return 0;
}

/* ---- the process is one copy's --------------------------------------------------------------- */

/* ASKS is written before the search: of two copies that begin at one moment one at least sees the
 * other, and perhaps each does, so that none begins. */
static int claim(char ret_why[static WEIR__PROCESS_WHY]) {
    struct search s = {false, "", "", ""};
    atomic_store(&weir__process.runs, ASKS);
    dl_iterate_phdr(look_at_object, &s);
    atomic_store(&weir__process.runs, s.has_found ? FREE : HAS);
    if (!s.has_found)
        return 0;
    snprintf(ret_why, WEIR__PROCESS_WHY,
             "weir %s in %s already runs in this process: weir %s in %s may not; link both with "
             "libweir.so",
             s.version, s.in, weir__process.library, s.own_in);
    return -EEXIST;
}

int weir__process_begin(char ret_why[static WEIR__PROCESS_WHY]) {
    if (atomic_load(&weir__process.runs) == HAS)
        return 0;
    if (!weir__process.has_hook)
        return -ENOMEM;
    pthread_mutex_lock(&kept.lock);
    int rc = atomic_load(&weir__process.runs) == HAS ? 0 : claim(ret_why);
    pthread_mutex_unlock(&kept.lock);
    return rc;
}
