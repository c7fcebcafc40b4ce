/* SPDX-License-Identifier: MIT */
/* symbol.h - the addresses in a stack and the names of the functions there, for reports to a
 * person. */
#ifndef WEIR_SYS_SYMBOL_H
#define WEIR_SYS_SYMBOL_H

enum { WEIR__SYMBOL_TEXT = 160 };

/* Write "work+0x1c (program+0x12ac)" into buf and return buf: the function, static ones too, and
 * what addr2line needs. A file whose symbols were stripped gives "program+0x12ac" alone, and an
 * address in no file the number. pc is the address of an instruction, or that to which a call
 * returns. Reads the file: slow, allocates nothing, not for signal handlers. Any thread. */
const char *weir__symbol_text(const void *pc, char buf[static WEIR__SYMBOL_TEXT]);

/* Copy at most count addresses of this stack, that of this call first. Returns how many: 0 where
 * the C library has no backtrace. May be called in a signal handler, if it was called before. */
int weir__backtrace(void **ret_pcs, int count);

#endif
