/* SPDX-License-Identifier: MIT */
/* A program outside of the tree, C++: built against an installed weir by test_install.py. */
#include <cstdio>
#include <weir/weir.h>

static_assert(WEIR_SECONDS(0.5) == 500000000 && WEIR_MILLISECONDS(-0.5f) == -500000);
static_assert(WEIR_SECONDS(9223372036) == 9223372036000000000 && WEIR_SECONDS(1UL) == 1000000000);
static_assert(WEIR_SECONDS(INT64_MAX) == WEIR_NEVER && WEIR_SECONDS(1e300L) == WEIR_NEVER);

struct greet_args {
    const char *whom;
};

static int greet(void *args) {
    int rc = weir_yield();
    if (rc < 0)
        return rc;
    std::printf("hello %s\n", static_cast<greet_args *>(args)->whom);
    return 0;
}

static int body(void *) {
    weir_group group;
    greet_args args = {"world"};
    weir_group_open(&group, WEIR_TOGETHER);
    int rc = weir_spawn(&group, WEIR_SITE(greet), greet, &args, sizeof args, nullptr, nullptr);
    return weir_group_close(&group, rc);
}

int main() {
    return weir_run(body, nullptr, nullptr) < 0;
}
