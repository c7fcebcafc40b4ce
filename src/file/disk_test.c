/* SPDX-License-Identifier: MIT */
/* disk_test.c - the file system of a simulated world: the times of files, and what is reserved. */
#include <weir/wall.h>

#include "file/file_test_util.h"

static void in_world(int (*story)(void *), size_t disk_size) {
    struct weir_sim_options o = {.size = sizeof o, .disk_size = disk_size};
    assert_int_equal(weir_sim_run(story, NULL, &o), 0);
}

/* ---- times ----------------------------------------------------------------------------------- */

static weir_ns time_of(const struct timespec *t) {
    return WEIR_SECONDS(t->tv_sec) + t->tv_nsec;
}

/* A file that is written has the time of the wall clock. */
static void expect_new(const char *path) {
    struct stat st;
    put_text(path, "text");
    weir_ns now_ns = weir_wall_now();
    assert_int_equal(weir_stat(path, &st), 0);
    assert_true(now_ns - time_of(&st.st_mtim) >= 0);
    assert_true(now_ns - time_of(&st.st_mtim) < WEIR_SECONDS(1));
    assert_true(now_ns - time_of(&st.st_ctim) >= 0);
    assert_true(now_ns - time_of(&st.st_ctim) < WEIR_SECONDS(1));
    assert_true(st.st_mtim.tv_nsec >= 0 && st.st_mtim.tv_nsec < 1000000000);
}

static int writes_by_the_clock(void *unused) {
    (void)unused;
    expect_new("/tmp/a");
    assert_int_equal(weir_sim_wall_step(WEIR_SECONDS(3600)), 0);
    expect_new("/tmp/a");
    expect_new("/tmp/b");
    assert_int_equal(weir_sim_wall_step(-weir_wall_now() - WEIR_SECONDS(1000) - 7), 0);
    expect_new("/tmp/c"); /* before 1970 */
    return 0;
}

WEIR_TEST(files_have_their_times_by_the_wall_clock) {
    in_world(writes_by_the_clock, 0);
}

/* ---- room ------------------------------------------------------------------------------------ */

enum { PAGE = 4096 };

static struct weir_file *open_new(const char *path) {
    struct weir_file *f = NULL;
    assert_int_equal(weir_file_open(path, O_RDWR | O_CREAT | O_TRUNC, 0644, &f), 0);
    return f;
}

static int reserves(void *unused) {
    static const char page[PAGE] = "page";
    WEIR_AUTO(weir_file_close) struct weir_file *a = open_new("/tmp/a"), *b = open_new("/tmp/b");
    (void)unused;
    assert_int_equal(weir_file_allocate(a, PAGE, PAGE), 0);
    assert_int_equal(weir_file_write(b, page, PAGE), 0);
    assert_int_equal(weir_file_write(b, page, PAGE), -ENOSPC);
    assert_int_equal(weir_file_pwrite(a, page, PAGE, PAGE), 0);
    assert_int_equal(weir_file_allocate(a, PAGE, PAGE), 0); /* it is stored already */
    assert_int_equal(weir_file_allocate(a, PAGE - 1, 2), -ENOSPC);
    return 0;
}

WEIR_TEST(what_is_allocated_can_be_written_on_a_full_disk) {
    in_world(reserves, (size_t)2 * PAGE);
}

/* ---- sizes that no file has ------------------------------------------------------------------ */

static int is_too_large(void *unused) {
    WEIR_AUTO(weir_file_close) struct weir_file *f = open_new("/tmp/a");
    char text[8] = {0};
    (void)unused;
    assert_int_equal(weir_file_write(f, "abc", 3), 0);
    assert_int_equal(weir_file_truncate(f, INT64_MAX), -EFBIG);
    assert_int_equal(weir_truncate("/tmp/a", INT64_MAX), -EFBIG);
    assert_int_equal(weir_file_allocate(f, INT64_MAX - 5, 10), -EFBIG);
    assert_int_equal(weir_file_allocate(f, 10, INT64_MAX), -EFBIG);
    assert_int_equal(weir_file_pwrite(f, "xyz", 3, INT64_MAX - 1), -EINVAL);
    assert_int_equal(weir_file_pwrite(f, "xyz", 3, INT64_MAX - 5), -EFBIG);
    assert_int_equal(weir_file_seek(f, INT64_MAX, SEEK_CUR), -EINVAL);
    assert_int_equal(weir_file_seek(f, INT64_MAX, SEEK_END), -EINVAL);
    assert_int_equal(weir_file_seek(f, INT64_MAX, SEEK_SET), -EINVAL);
    assert_int_equal(weir_file_seek(f, 0, SEEK_CUR), 3);
    assert_int_equal(weir_file_pread(f, text, sizeof text, INT64_MAX - 8), 0);
    assert_int_equal(weir_file_pread(f, text, sizeof text, 0), 3);
    assert_string_equal(text, "abc");
    return 0;
}

WEIR_TEST(a_file_grows_no_larger_than_a_file_system_lets_it) {
    in_world(is_too_large, 0);
}
