/* SPDX-License-Identifier: MIT */
/* Shows: weir_gen weir_gen_open weir_gen_yield weir_gen_next weir_gen_close
 * weir-generator */
#include <stdio.h>
#include <weir/weir.h>

static int fibonacci(struct weir_gen *gen, void *arg) {
    int rc = 0;
    for (long a = 0, b = 1, next; rc == 0; a = b, b = next) {
        next = a + b;
        rc = weir_gen_yield(gen, &a); /* goes on when the next number is asked for */
    }
    return rc; /* -ECANCELED: the generator was closed */
}

static int program(void *arg) {
    struct weir_gen gen;
    long n;
    int rc = weir_gen_open(&gen, NULL, sizeof n, fibonacci, NULL);
    while (rc >= 0 && (rc = weir_gen_next(&gen, &n)) == 1 && n < 100)
        printf("%ld\n", n);
    weir_gen_close(&gen);
    return rc < 0 ? rc : 0;
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}
