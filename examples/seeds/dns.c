/* SPDX-License-Identifier: MIT */
/* dns - the addresses of names, while other tasks run. The names are hosts of a simulated world, so
 * that the answers are the same everywhere; weir_run instead of weir_sim_run asks the system. */
#include <stdio.h>
#include <weir/testing.h>
#include <weir/weir.h>

struct look_up_args { const char *name; };
static int look_up(void *args) {
    const char *name = ((struct look_up_args *)args)->name;
    struct weir_addr found[8];
    char text[WEIR_ADDR_TEXT];
    int n = weir_resolve(name, 80, found, 8);
    if (n < 0) {
        printf("%s: %s\n", name, weir_error_name(n));
        return n == WEIR_ENONAME ? 0 : n;
    }
    for (int i = 0; i < n && i < 8; i++)
        printf("%s: %s\n", name, weir_addr_text(&found[i], text, sizeof text));
    return 0;
}

static int program(void *arg) {
    static const char *const names[] = {"printer", "localhost", "192.0.2.7", "nowhere"};
    struct weir_group g;
    (void)arg;
    int rc = weir_sim_host("printer");
    weir_group_open(&g, WEIR_TOGETHER);
    for (int i = 0; i < 4 && rc == 0; i++)
        rc = weir_go(&g, look_up, .name = names[i]);
    return weir_group_close(&g, rc);
}

int main(void) {
    const struct weir_sim_options world = {.size = sizeof world, .fixed_order = true, .seed = 1};
    return weir_sim_run(program, NULL, &world) < 0;
}
