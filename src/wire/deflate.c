/* SPDX-License-Identifier: MIT */
/* deflate.c - the place where libweir-zlib puts its table. */
#include "wire/deflate.h"

const struct weir__deflate_table *weir__deflate_table;
