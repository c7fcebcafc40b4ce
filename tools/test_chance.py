# SPDX-License-Identifier: MIT
import unittest

import chance
import fixture


class ChanceTest(fixture.ProjectTest):
    def test_the_home_of_chance_and_tests_are_free(self):
        for path in ("src/sim/chance.c", "src/sim/a_test.c", "src/task/a.c"):
            self.put(path, "int f(void) {\n    return rand();\n}\n")
        self.assertEqual(chance.check(self.root), [])

    def test_chance_elsewhere_in_the_room_is_found(self):
        for call in ("rand()", "random()", "getrandom(x, 1, 0)", "time(0)", "getpid()",
                     "clock_gettime(1, x)", "weir__random_next(x)", "weir__plain_now()"):
            with self.subTest(call=call):
                self.put("src/sim/a.c", f"int f(void *x) {{\n    return {call};\n}}\n")
                self.assert_problem(chance.check(self.root), "src/sim/a.c:2: ")

    def test_comments_texts_and_members_that_are_not_called_are_free(self):
        self.put("src/sim/a.c", '/* time(x) */\nconst char *a = "rand()";\nint time_ns, random;\n'
                             'int f(void) {\n    return o->random(x);\n}\n')
        self.assertEqual(chance.check(self.root), [])


if __name__ == "__main__":
    unittest.main()
