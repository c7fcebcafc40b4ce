/* SPDX-License-Identifier: MIT */
/* Shows: weir_error_name weir_error_text WEIR_ERRORS weir_error_code */
#include <stdio.h>
#include <weir/weir.h>

int main(void) {
    static const int codes[] = {
#define CODE(name, number, text) name,
        WEIR_ERRORS(CODE)
#undef CODE
    };
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        printf("%-16s %d  %s\n", weir_error_name(codes[i]), codes[i], weir_error_text(codes[i]));
    printf("%s: %s\n", weir_error_name(-ECONNRESET), weir_error_text(-ECONNRESET));
    return 0;
}
