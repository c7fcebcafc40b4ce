/* SPDX-License-Identifier: MIT */
/* Shows: weir_spawn weir_spawn_options weir_go_with weir_stack_use */
#include <stdio.h>
#include <string.h>
#include <weir/weir.h>

struct parse_args { int depth; };

static int parse(void *args) { /* recursive: it needs a larger stack */
    struct parse_args *a = args, deeper = {a->depth - 1};
    char line[1000];
    snprintf(line, sizeof line, "level %d", a->depth);
    int rc = a->depth == 0 ? 0 : parse(&deeper);
    return rc < 0 ? rc : (int)strlen(line) > 100;
}

static int program(void *arg) {
    const struct weir_spawn_options options = {
        .size = sizeof options, .stack_size = 1 << 20, .name = "parser"};
    struct weir_stack_use use = {.size = sizeof use};
    int rc = weir_go_with(NULL, &options, parse, .depth = 400);
    struct parse_args again = {100};
    if (rc == 0) /* what weir_go_with does, by hand; C++ programs call this */
        rc = weir_spawn(NULL, WEIR_SITE(parse), parse, &again, sizeof again, &options, NULL);
    if (rc == 0)
        rc = weir_yield();
    for (size_t i = 0; rc == 0 && weir_stack_use(i, &use) == 1; i++)
        printf("%s: %zu of %zu bytes\n", use.site->name, use.deepest, use.stack_size);
    return rc;
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}
