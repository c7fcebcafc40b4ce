/* SPDX-License-Identifier: MIT */
#include "base/list.h"

#include "test/runner.h"

struct node {
    int number;
    struct weir__list link;
};

static struct weir__list head;
static struct node nodes[3];

static void make_list(void) {
    weir__list_init(&head);
    for (int i = 0; i < 3; i++) {
        nodes[i].number = i;
        weir__list_init(&nodes[i].link);
        weir__list_add_tail(&head, &nodes[i].link);
    }
}

static int digits(void) {
    int digits = 0;
    for (struct weir__list *l = head.next; l != &head; l = l->next)
        digits = digits * 10 + 1 + WEIR_CONTAINER(l, struct node, link)->number;
    return digits;
}

WEIR_TEST(nodes_come_in_the_order_they_were_added) {
    make_list();
    assert_int_equal(digits(), 123);
}

WEIR_TEST(a_removed_node_is_alone_and_removing_it_again_is_harmless) {
    make_list();
    weir__list_remove(&nodes[1].link);
    weir__list_remove(&nodes[1].link);
    assert_true(weir__list_empty(&nodes[1].link));
    assert_int_equal(digits(), 13);
    weir__list_add_tail(&head, &nodes[1].link);
    assert_int_equal(digits(), 132);
}

WEIR_TEST(a_list_is_empty_before_and_after) {
    make_list();
    assert_false(weir__list_empty(&head));
    for (int i = 0; i < 3; i++)
        weir__list_remove(&nodes[i].link);
    assert_true(weir__list_empty(&head));
    assert_int_equal(digits(), 0);
}

WEIR_TEST(all_of_a_list_is_taken_in_order_and_none_of_an_empty_one) {
    struct weir__list taken, none;
    make_list();
    weir__list_take(&taken, &head);
    assert_true(weir__list_empty(&head));
    weir__list_take(&none, &head);
    assert_true(weir__list_empty(&none) && weir__list_empty(&head));
    weir__list_take(&head, &taken);
    assert_int_equal(digits(), 123);
}
