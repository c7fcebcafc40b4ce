/* SPDX-License-Identifier: MIT */
/* advice.h - what an error of a program usually comes from, and what one does about it. */
#ifndef WEIR_CLI_ADVICE_H
#define WEIR_CLI_ADVICE_H

/* The advice for an error code, some sentences in one line; NULL: there is none. */
const char *advice_of(int code);

#endif
