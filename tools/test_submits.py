# SPDX-License-Identifier: MIT
import unittest

import fixture
import submits

RING = """
struct sqe *weir__uring_sqe_for(struct b *b) {
    return io_uring_get_sqe(b);
}
void weir__uring_cancel_for(struct b *b) {
    prepare(weir__uring_sqe_for(b));
}
"""
SEND = """
static void queue_send(struct b *b) {
    struct sqe *sqe = weir__uring_sqe(b);
    prepare(sqe);
}
int weir__uring_send(struct b *b) {
    queue_send(b);
    return 0;
}
static int quiet(struct b *b) {
    return prepare(b); /* not queue_send(b) */
}
"""
ROWS = ('    {ASKS, "queue_send", "a_story"},\n', '    {LEADS, "weir__uring_send", "a_story"},\n')


class SubmitsTest(fixture.ProjectTest):
    def check(self, send=SEND, rows=ROWS, story="a_story"):
        self.put("src/sys/uring_ring.c", RING)
        self.put("src/sys/uring_send.c", send)
        self.put("src/sys/full_ring_test.c", "static const struct row rows[] = {\n" + "".join(rows)
                 + "};\nWEIR_TEST_FULL_RING(" + story + ") {\n}\n")
        return submits.check(self.root)

    def test_a_whole_table_passes(self):
        self.assertEqual(self.check(), [])

    def test_a_function_that_asks_without_a_story_is_told(self):
        self.assert_problem(self.check(rows=ROWS[1:]),
                            "src/sys/uring_send.c:2: queue_send submits and has no row (ASKS)")

    def test_a_function_that_leads_to_it_without_a_story_is_told(self):
        self.assert_problem(self.check(rows=ROWS[:1]),
                            "weir__uring_send submits and has no row (LEADS)")

    def test_a_cancel_asks_too(self):
        send = SEND + "void weir__uring_stop(struct b *b) {\n    weir__uring_cancel(b);\n}\n"
        self.assert_problem(self.check(send),
                            "weir__uring_stop submits and has no row (ASKS)")

    def test_a_row_of_the_wrong_kind_is_told(self):
        rows = (ROWS[0].replace("ASKS", "LEADS"), ROWS[1])
        self.assert_problem(self.check(rows=rows), "queue_send stands in")

    def test_a_stale_row_is_told(self):
        rows = (*ROWS, '    {LEADS, "quiet", "a_story"},\n')
        self.assert_problem(self.check(rows=rows), "quiet does not submit")

    def test_a_row_whose_story_is_gone_is_told(self):
        problems = self.check(story="another")
        self.assertEqual(len(problems), 2, problems)
        self.assertIn("names a_story, which is no story there", problems[0])

    def test_an_entry_taken_past_the_door_is_told(self):
        send = SEND + "static void sneak(struct b *b) {\n    io_uring_get_sqe(b);\n}\n"
        self.assert_problem(self.check(send), "sneak takes an entry by itself")

    def test_to_ask_while_an_entry_is_open_is_told(self):
        send = SEND.replace("    prepare(sqe);", "    weir__uring_send(b);\n    prepare(sqe);")
        self.assert_problem(self.check(send), "queue_send calls weir__uring_send, which may submit")

    def test_two_of_one_name_are_told(self):
        send = "static void queue_send(struct b *b) {\n    weir__uring_sqe(b);\n}\n"
        self.put("src/sys/uring_more.c", send)
        problems = self.check()
        self.assertEqual(len(problems), 2, problems)
        self.assertIn("another of that name", problems[0])


if __name__ == "__main__":
    unittest.main()
