/* SPDX-License-Identifier: MIT */
/* The name of the function at an address. */
#include "sys/symbol.h"
#include "test/runner.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static __attribute__((noinline)) const void *here(void) {
    return __builtin_return_address(0);
}

static __attribute__((noinline)) const void *a_static_function(void) {
    const void *pc = here();
    __asm__ volatile("" : : "r"(pc)); /* no tail call */
    return pc;
}

WEIR_TEST(a_static_function_of_the_program_is_named) {
    char text[WEIR__SYMBOL_TEXT];
    weir__symbol_text(a_static_function(), text);
    assert_ptr_equal(strstr(text, "a_static_function+0x"), text);
    assert_non_null(strstr(text, " (sys-symbol_test+0x"));
}

WEIR_TEST(a_function_of_a_shared_library_is_named) {
    char text[WEIR__SYMBOL_TEXT];
    weir__symbol_text((const void *)(uintptr_t)&getpagesize, text); /* no sanitizer replaces it */
    assert_non_null(strstr(text, "getpagesize"));
    assert_non_null(strstr(text, "libc"));
}

WEIR_TEST(an_address_in_no_file_is_a_number) {
    char text[WEIR__SYMBOL_TEXT], *heap = calloc(1, 16);
    assert_non_null(heap);
    weir__symbol_text(heap, text);
    assert_int_equal(strncmp(text, "0x", 2), 0);
    free(heap);
}
