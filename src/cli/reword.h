/* SPDX-License-Identifier: MIT */
/* reword.h - errors of the library as the user of a command can act on them: what a program sets in
 * a struct, a user gives as an option of the command. */
#ifndef WEIR_CLI_REWORD_H
#define WEIR_CLI_REWORD_H

/* If the text of rc's error says what a program can set, let it name the option of `weir get`,
 * `weir ws` or `weir torture` instead, or say that there is none. Returns rc. */
int reword(int rc);

#endif
