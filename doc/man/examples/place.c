/* SPDX-License-Identifier: MIT */
/* Shows: WEIR_SITE weir_site weir_run_at */
#include <weir/weir.h>

/* A wrapper that hands on the place of its caller: texts then name that line, not this one. */
static void budget_enter_at(const struct weir_site *site, struct weir_scope *s) {
    weir_scope_enter_at(site, s, WEIR_SECONDS(2));
}
#define budget_enter(s) budget_enter_at(WEIR_SITE(budget_enter), s)

static int program(void *arg) {
    struct weir_scope s;
    budget_enter(&s);
    return weir_scope_leave(&s, weir_sleep(WEIR_MILLISECONDS(1)));
}

int main(void) {
    return weir_run_at(WEIR_SITE(main), program, NULL, NULL) < 0;
}
