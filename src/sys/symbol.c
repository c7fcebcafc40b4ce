/* SPDX-License-Identifier: MIT */
/* symbol.c - dladdr knows exported functions only, so the file's own symbol table is searched. The
 * file is not trusted: it may have been replaced since the program started. */
#include "sys/symbol.h"

#include <dlfcn.h>
#if __has_include(<execinfo.h>)
#include <execinfo.h>
#endif
#include <fcntl.h>
#include <link.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/fds.h"

struct image { /* an ELF file in memory */
    const uint8_t *at;
    size_t size;
};

struct found {
    const char *name; /* in the image; NULL: none */
    uintptr_t offset; /* from the function's first instruction */
};

static bool image_open(struct image *i, const char *path) {
    struct stat st;
    int fd = weir__fd_lift(open(path, O_RDONLY | O_CLOEXEC));
    if (fd < 0)
        return false;
    void *at = MAP_FAILED;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0)
        at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    if (at == MAP_FAILED)
        return false;
    *i = (struct image){at, (size_t)st.st_size};
    return true;
}

/* count things of size bytes at offset, or NULL if they do not lie within the file. */
static const void *within(const struct image *i, uint64_t offset, uint64_t count, size_t size) {
    if (offset > i->size || count > (i->size - offset) / size || offset % sizeof(uint32_t) != 0)
        return NULL;
    return i->at + offset;
}

static void search(const struct image *i, const ElfW(Shdr) *symbols, const ElfW(Shdr) *strings,
                   uintptr_t address, struct found *f) {
    size_t count = symbols->sh_size / sizeof(ElfW(Sym));
    const ElfW(Sym) *syms = within(i, symbols->sh_offset, count, sizeof *syms);
    if (syms == NULL || strings->sh_offset > i->size
        || strings->sh_size > i->size - strings->sh_offset)
        return;
    const char *names = (const char *)i->at + strings->sh_offset;
    for (size_t n = 0; n < count; n++) {
        const ElfW(Sym) *s = &syms[n];
        bool here = (s->st_info & 0xf) == STT_FUNC && s->st_shndx != SHN_UNDEF
                    && address - s->st_value < (s->st_size ? s->st_size : 1);
        if (here && s->st_name < strings->sh_size
            && memchr(names + s->st_name, '\0', strings->sh_size - s->st_name) != NULL)
            *f = (struct found){names + s->st_name, address - s->st_value};
    }
}

static void search_image(const struct image *i, uintptr_t address, struct found *f) {
    const ElfW(Ehdr) *head = within(i, 0, 1, sizeof *head);
    if (head == NULL || memcmp(head->e_ident, ELFMAG, SELFMAG) != 0
        || head->e_shentsize != sizeof(ElfW(Shdr)))
        return;
    const ElfW(Shdr) *sections = within(i, head->e_shoff, head->e_shnum, sizeof *sections);
    for (size_t n = 0; sections != NULL && n < head->e_shnum; n++)
        if (sections[n].sh_type == SHT_SYMTAB && sections[n].sh_link < head->e_shnum)
            search(i, &sections[n], &sections[sections[n].sh_link], address, f);
}

static const char *last_part(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

const char *weir__symbol_text(const void *pc, char buf[static WEIR__SYMBOL_TEXT]) {
    Dl_info info;
    struct link_map *map = NULL;
    if (dladdr1(pc, &info, (void **)&map, RTLD_DL_LINKMAP) == 0 || map == NULL) {
        snprintf(buf, WEIR__SYMBOL_TEXT, "%p", pc);
        return buf;
    }
    bool is_program = *map->l_name == '\0'; /* its name would depend on the working directory */
    uintptr_t address = (uintptr_t)pc - (uintptr_t)map->l_addr;
    const char *file = last_part(info.dli_fname);
    struct image i;
    struct found f = {0};
    bool opened = image_open(&i, is_program ? "/proc/self/exe" : map->l_name);
    if (opened)
        search_image(&i, address, &f);
    if (f.name == NULL && info.dli_sname != NULL)
        f = (struct found){info.dli_sname, (uintptr_t)pc - (uintptr_t)info.dli_saddr};
    if (f.name != NULL)
        snprintf(buf, WEIR__SYMBOL_TEXT, "%.80s+%#lx (%.40s+%#lx)", f.name,
                 (unsigned long)f.offset, file, (unsigned long)address);
    else
        snprintf(buf, WEIR__SYMBOL_TEXT, "%.40s+%#lx", file, (unsigned long)address);
    if (opened)
        munmap((void *)(uintptr_t)i.at, i.size);
    return buf;
}

int weir__backtrace(void **ret_pcs, int count) {
#if __has_include(<execinfo.h>)
    int n = backtrace(ret_pcs, count);
    __asm__ volatile(""); /* no tail call: this function is in the stack that is returned */
    return n;
#else
    (void)ret_pcs, (void)count;
    return 0;
#endif
}
