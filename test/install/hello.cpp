/* SPDX-License-Identifier: MIT */
/* A program outside of the tree, C++: built against an installed weir by test_install.py. */
#include <cstdio>
#include <weir/weir.h>

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
