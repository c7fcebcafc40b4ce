/* SPDX-License-Identifier: MIT */
/* The grid that `up` gives to its nodes, and what a node reads from it. */
#include "cli/plan.h"

#include <string.h>

#include "mesh/grid.h"
#include "test/runner.h"

#define HEAD "fleet: t\nnodes:\n"
#define NODE(name, what, port) "  " name ":\n    " what "\n    port: " port "\n"

static void expect_grid(const char *file, const char *grid) {
    struct yaml_problem problem;
    struct fleet f;
    struct plan p;
    assert_int_equal(fleet_parse(file, strlen(file), &f, &problem), 0);
    assert_int_equal(plan_make(&f, &(struct plan_options){.self = NULL}, &p), 0);
    assert_string_equal(p.grid, grid);
    struct weir__grid g;
    assert_int_equal(weir__grid_init(&g), 0);
    assert_int_equal(weir__grid_add(&g, strchr(p.grid, '=') + 1), 0);
    for (size_t i = 0; i < f.count; i++)
        for (size_t k = 0; k < g.count; k++)
            if (weir__node_is(&g.nodes[k], f.nodes[i].name))
                assert_int_equal(g.nodes[k].port, f.nodes[i].port);
    weir__grid_fini(&g);
    plan_fini(&p);
    fleet_fini(&f);
}

WEIR_TEST(one_pin_of_several_has_the_second_name) {
    expect_grid(HEAD NODE("spare", "worker: iopin", "7") NODE("iopin", "worker: iopin", "5"),
                "WEIR_GRID=spare=localhost:7,iopin=localhost:5,blink=localhost:5");
    expect_grid(HEAD NODE("iopin", "worker: iopin", "5") NODE("spare", "worker: iopin", "7"),
                "WEIR_GRID=iopin=localhost:5,blink=localhost:5,spare=localhost:7");
    expect_grid(HEAD NODE("a", "worker: iopin", "5") NODE("b", "worker: iopin", "7"),
                "WEIR_GRID=a=localhost:5,blink=localhost:5,b=localhost:7");
}

WEIR_TEST(both_names_of_a_pin_may_be_nodes) {
    expect_grid(HEAD NODE("blink", "worker: iopin", "1") NODE("iopin", "worker: iopin", "2"),
                "WEIR_GRID=blink=localhost:1,iopin=localhost:2");
    expect_grid(HEAD NODE("iopin", "command: x", "1") NODE("pin", "worker: iopin", "2"),
                "WEIR_GRID=iopin=localhost:1,pin=localhost:2,blink=localhost:2");
}
