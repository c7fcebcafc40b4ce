/* SPDX-License-Identifier: MIT */
/* program.h - what weir__subprocess_player points to. */
#ifndef WEIR_TESTING_PROGRAM_H
#define WEIR_TESTING_PROGRAM_H

struct weir_process;
struct weir__spawn;

int weir__subprocess_play(struct weir_process *p, const struct weir__spawn *s);

#endif
