# SPDX-License-Identifier: MIT
import unittest

import fixture
import ranks


class RanksTest(fixture.ProjectTest):
    def setUp(self):
        super().setUp()
        self.put("tools/ranks.txt", "room 0 base\nroom 1 wire\nroom 1 sys\nroom 3 task\n"
                                    "room 10 testing\nheader task task.h\n")
        self.put("src/base/list.h", "")
        self.put("src/wire/ws_frame.h", "")
        self.put("src/task/park.h", "")
        self.put("src/testing/faults.h", "")
        self.put("test/runner.h", "")
        self.put("include/weir/task.h", "")

    def test_the_way_down_is_free(self):
        self.put("src/task/park.c",
                 '#include "park.h"\n#include "base/list.h"\n#include <weir/task.h>\n')
        self.assertEqual(ranks.check(self.root), [])

    def test_the_way_up_is_refused(self):
        self.put("src/base/list.c", '\n#include "task/park.h"\n')
        self.assert_problem(ranks.check(self.root),
                            "src/base/list.c:2: base (0) includes src/task/park.h of task (3)")

    def test_a_public_header_has_its_rooms_rank(self):
        self.put("src/sys/ring.c", "#include <weir/task.h>\n")
        self.assert_problem(ranks.check(self.root), "sys (1) includes include/weir/task.h")

    def test_a_neighbour_of_the_same_rank_needs_permission(self):
        self.put("src/sys/ring.c", '#include "wire/ws_frame.h"\n')
        self.assert_problem(ranks.check(self.root),
                            "sys (1) includes src/wire/ws_frame.h of wire (1)")
        self.put("tools/ranks.txt", "room 0 base\nroom 1 wire\nroom 1 sys\nroom 3 task\n"
                                    "header task task.h\nallow sys wire\n")
        self.assertEqual(ranks.check(self.root), [])

    def test_an_unknown_room_is_told(self):
        self.put("src/attic/box.c", '#include "base/list.h"\n')
        self.assert_problem(ranks.check(self.root), "attic is in no line")

    def test_a_header_without_room_is_told(self):
        self.put("include/weir/new.h", "")
        self.put("src/task/park.c", "#include <weir/new.h>\n")
        self.assert_problem(ranks.check(self.root), "?new.h is in no line")

    def test_an_include_in_a_comment_is_none(self):
        self.put("src/base/list.c", '/*\n#include "task/park.h"\n*/\n')
        self.assertEqual(ranks.check(self.root), [])

    def test_a_unit_test_may_use_runner_and_testing_but_not_look_up(self):
        self.put("src/base/list_test.c",
                 '#include "test/runner.h"\n#include "testing/faults.h"\n')
        self.assertEqual(ranks.check(self.root), [])
        self.put("src/base/heap_test.c", '#include "task/park.h"\n')
        self.assert_problem(ranks.check(self.root), "base (0) includes src/task/park.h")

    def test_one_name_at_two_heights_is_refused(self):
        text = "static int refuse(int rc) {\n    return rc;\n}\n"
        self.put("src/wire/head.c", text)
        self.put("src/wire/frame.c", text)
        self.put("src/task/park.c", text)
        self.assertEqual(ranks.check(self.root), [])
        self.put("src/stream/head.c", "")
        self.assert_problem(ranks.check(self.root),
                            "src/wire/head.c: the name head.c stands in src/stream/head.c too")

    def test_one_function_at_two_heights_is_refused(self):
        text = "static int refuse(int rc) {\n    return rc;\n}\n"
        self.put("src/wire/head.c", text)
        self.put("src/proto/shake.c", text)
        self.assert_problem(ranks.check(self.root), "the name refuse stands in src/proto/shake.c")

    def test_an_example_stands_outside(self):
        self.put("examples/echo.c", '#include <weir/task.h>\n#include "base/list.h"\n')
        self.assert_problem(ranks.check(self.root), "public headers only")


if __name__ == "__main__":
    unittest.main()
