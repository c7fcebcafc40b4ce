/* SPDX-License-Identifier: MIT */
/* place.c - a code address as text that is of use after the process is gone: the module's name and
 * the offset in its file (addr2line -e NAME OFFSET). */
#include <link.h>
#include <stdio.h>
#include <string.h>

#include "task/internal.h"

struct search {
    uintptr_t address;
    const char *name; /* "" is the program */
    uintptr_t offset;
};

static int look(struct dl_phdr_info *info, size_t size, void *arg) {
    struct search *s = arg;
    (void)size;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        uintptr_t from = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
        if (info->dlpi_phdr[i].p_type != PT_LOAD || s->address < from ||
            s->address - from >= info->dlpi_phdr[i].p_memsz)
            continue;
        s->name = info->dlpi_name;
        s->offset = s->address - info->dlpi_addr;
        return 1;
    }
    return 0;
}

const char *weir__place(const void *address) {
    static __thread char texts[2][48]; /* a text may name two places */
    static __thread unsigned turn;
    struct search s = {.address = (uintptr_t)address};
    char *text = texts[turn++ % 2];
    if (dl_iterate_phdr(look, &s) == 0) {
        snprintf(text, sizeof texts[0], "%p", address);
        return text;
    }
    const char *slash = strrchr(s.name, '/');
    const char *name = slash ? slash + 1 : *s.name ? s.name : "program";
    snprintf(text, sizeof texts[0], "%.30s+0x%lx", name, (unsigned long)s.offset);
    return text;
}
