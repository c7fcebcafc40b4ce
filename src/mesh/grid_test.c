/* SPDX-License-Identifier: MIT */
/* The grid's table, its look-up, and the texts of errors, which name the nearest node. */
#include "mesh/grid.h"

#include <string.h>
#include <weir/loop.h>
#include <weir/task.h>
#include <weir/testing.h>

#include "mesh/mesh.h"
#include "mesh/nearest.h"
#include "mesh/nodes.h"
#include "test/runner.h"

static void expect_text(int rc, const char *needle) {
    const struct weir_error *e = weir_error(rc);
    assert_non_null(e);
    if (strstr(e->text, needle) == NULL)
        fail_msg("'%s' is not in '%s'", needle, e->text);
}

static const struct weir__node *node(const struct weir__grid *g, const char *name) {
    for (size_t i = 0; i < g->count; i++)
        if (weir__node_is(&g->nodes[i], name))
            return &g->nodes[i];
    return NULL;
}

WEIR_TEST(the_grid_has_the_circuits_nodes) {
    struct weir__grid g;
    assert_int_equal(weir__grid_init(&g), 0);
    assert_int_equal(g.count, 3);
    assert_string_equal(g.nodes[0].name, "clock");
    assert_int_equal(g.nodes[0].port, 0);
    assert_string_equal(g.nodes[1].name, "blink");
    assert_int_equal(g.nodes[1].port, 8765);
    assert_ptr_equal(node(&g, "iopin"), &g.nodes[1]);
    assert_int_equal(node(&g, "buzzer")->port, 8766);
    assert_string_equal(node(&g, "buzzer")->host, "localhost");
    weir__grid_fini(&g);
}

WEIR_TEST(entries_replace_and_add) {
    struct weir__grid g;
    assert_int_equal(weir__grid_init(&g), 0);
    assert_int_equal(weir__grid_add(&g, "iopin=127.0.0.1:9000,printer=[::1]:7,,"), 0);
    assert_int_equal(weir__grid_add(&g, ""), 0);
    assert_int_equal(g.count, 4);
    assert_string_equal(node(&g, "blink")->host, "127.0.0.1");
    assert_int_equal(node(&g, "blink")->port, 9000);
    assert_string_equal(node(&g, "printer")->host, "::1");
    assert_int_equal(weir__grid_add(&g, "printer=other:8"), 0);
    assert_int_equal(g.count, 4);
    assert_int_equal(node(&g, "printer")->port, 8);
    weir__grid_fini(&g);
}

WEIR_TEST(a_list_with_both_names_at_two_endpoints_has_two_nodes) {
    static const char *const rows[] = {"blink=h:1,x=h:3,iopin=h:2", "iopin=h:2,x=h:3,blink=h:1",
                                       "iopin=h:1,blink=h:1,iopin=h:2,x=h:3"};
    struct weir__grid g;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(weir__grid_init(&g), 0);
        assert_int_equal(weir__grid_add(&g, rows[i]), 0);
        assert_int_equal(g.count, 5);
        assert_string_equal(g.nodes[1].name, "blink");
        assert_int_equal(node(&g, "blink")->port, 1);
        assert_int_equal(node(&g, "iopin")->port, 2);
        assert_int_equal(weir__grid_add(&g, "iopin=h:9"), 0);
        assert_int_equal(node(&g, "blink")->port, 1);
        assert_int_equal(node(&g, "iopin")->port, 9);
        weir__grid_fini(&g);
    }
}

WEIR_TEST(a_list_with_both_names_at_one_endpoint_has_one_node) {
    struct weir__grid g;
    assert_int_equal(weir__grid_init(&g), 0);
    assert_int_equal(weir__grid_add(&g, "iopin=h:1,blink=h:1"), 0);
    assert_int_equal(weir__grid_add(&g, "blink=h:2"), 0);
    assert_int_equal(g.count, 3);
    assert_int_equal(node(&g, "iopin")->port, 2);
    weir__grid_fini(&g);
}

WEIR_TEST(bad_entries_say_why) {
    static const char *const rows[][2] = {
        {"a=localhost", "it has no port"}, {"a=::1:7000", "an IPv6 address in brackets"},
        {" b=h:2", "a blank stands before the name"},
        {"a=h:1;b=h:2", "nodes are separated by ','"},
        {"buzzer", "no '='"},         {"=localhost:1", "a name is"},
        {"a b=localhost:1", "name"},
        {"a=localhost:0", "a port"},  {"a=localhost:65536", "'a=localhost:65536'"},
        {"a=:1", "'a=:1'"},           {"a=b c:1", "'a=b c:1'"},
        {"ok=h:1,bad", "'bad'"},
    };
    struct weir__grid g;
    assert_int_equal(weir__grid_init(&g), 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(weir__grid_add(&g, rows[i][0]), WEIR_EPARAM);
        expect_text(WEIR_EPARAM, rows[i][1]);
    }
    assert_int_equal(g.count, 4); /* what stood before the bad one was taken */
    weir__grid_fini(&g);
}

WEIR_TEST(the_nearest_name_is_near) {
    static const char *const rows[][3] = {
        {"buzer", "buzzer", "buzzer"}, {"BUZZER", "buzzer", "buzzer"}, {"blnik", "blink", "blink"},
        {"x", "clock", NULL},          {"x", "y", NULL},               {"clack", "clock", "clock"},
        {"", "a", NULL},               {"buzzer", "", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct weir__nearest n = weir__nearest_to(rows[i][0]);
        weir__nearest_feed(&n, rows[i][1]);
        assert_true(rows[i][2] == NULL ? n.nearest == NULL
                                       : strcmp(n.nearest, rows[i][2]) == 0);
    }
}

/* ---- the mesh that a grid fills ---- */

static int lookups(void *arg) {
    struct weir_mesh m;
    struct weir__grid g;
    const struct weir__node *n = NULL;
    char url[64];
    weir__mesh_open(&m);
    assert_int_equal(weir__grid_init(&g), 0);
    assert_int_equal(weir__grid_add(&g, "six=[::1]:7"), 0);
    assert_int_equal(weir__mesh_fill(&m, &g.provider), 0);
    assert_int_equal(weir__mesh_find(&m, "iopin", &n), 0);
    assert_string_equal(n->name, "blink");
    assert_int_equal(weir__mesh_find(&m, "buzer", &n), WEIR_ENONODE);
    expect_text(WEIR_ENONODE, "did you mean 'buzzer'? known: clock, blink (iopin), buzzer, six");
    assert_int_equal(weir__mesh_find(&m, "zzz", &n), WEIR_ENONODE);
    expect_text(WEIR_ENONODE, "node zzz: not in the grid; known: clock");
    assert_int_equal(weir__mesh_url(&m, "clock", "", url, sizeof url), WEIR_ENOLISTEN);
    expect_text(WEIR_ENOLISTEN, "node 'clock' does not listen");
    static const char *const rows[][3] = {
        {"buzzer", "", "ws://localhost:8766/"},
        {"iopin", "datafeed", "ws://localhost:8765/datafeed"},
        {"blink", "/datafeed?x=1", "ws://localhost:8765/datafeed?x=1"},
        {"six", "/", "ws://[::1]:7/"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(weir__mesh_url(&m, rows[i][0], rows[i][1], url, sizeof url), 0);
        assert_string_equal(url, rows[i][2]);
    }
    weir__grid_fini(&g);
    weir__mesh_close(&m, 1000);
    return 0;
}

WEIR_TEST(nodes_are_looked_up_by_name) {
    assert_int_equal(weir_sim_run(lookups, NULL, NULL), 0);
}

static int changes(void *arg) {
    struct weir_mesh m;
    const struct weir__node *n = NULL;
    struct weir__node_change c = {WEIR__NODE_JOINED, {.name = "a", .host = "h", .port = 1}};
    weir__mesh_open(&m);
    assert_int_equal(weir__mesh_take(&m, &c), 0);
    c.event = WEIR__NODE_CHANGED;
    c.node.port = 2;
    assert_int_equal(weir__mesh_take(&m, &c), 0);
    assert_int_equal(weir__mesh_find(&m, "a", &n), 0);
    assert_int_equal(n->port, 2);
    c.event = WEIR__NODE_LOST;
    assert_int_equal(weir__mesh_take(&m, &c), 0);
    assert_int_equal(weir__mesh_find(&m, "a", &n), 0);
    c.event = WEIR__NODE_LEFT;
    assert_int_equal(weir__mesh_take(&m, &c), 0);
    assert_int_equal(weir__mesh_find(&m, "a", &n), WEIR_ENONODE);
    expect_text(WEIR_ENONODE, "known: none");
    weir__mesh_close(&m, 1000);
    return 0;
}

WEIR_TEST(a_provider_may_report_changes) {
    assert_int_equal(weir_sim_run(changes, NULL, NULL), 0);
}
