/* SPDX-License-Identifier: MIT */
/* Calls on paths, and the names in folders. */
#include <dirent.h>

#include "file/file_test_util.h"

FILE_STORY(a_rename_replaces_what_was_there) {
    put_text(in("old"), "old");
    put_text(in("new"), "new");
    assert_int_equal(weir_rename(in("new"), in("old")), 0);
    expect_text(in("old"), "new");
    assert_int_equal(weir_access(in("new"), F_OK), -ENOENT);
    assert_int_equal(weir_rename(in("old"), in("old")), 0);
    return 0;
}

FILE_STORY(an_error_names_both_paths_of_a_rename) {
    expect_error(weir_rename(in("none"), in("other")), -ENOENT, in("none"));
    expect_error(weir_rename(in("none"), in("other")), -ENOENT, in("other"));
    assert_int_equal(weir_mkdir(in("d"), 0700), 0);
    assert_int_equal(weir_mkdir(in("d/e"), 0700), 0);
    put_text(in("a"), "a");
    assert_int_equal(weir_rename(in("d"), in("d/e/f")), -EINVAL);
    assert_int_equal(weir_rename(in("a"), in("d")), -EISDIR);
    assert_int_equal(weir_rename(in("d"), in("a")), -ENOTDIR);
    assert_int_equal(weir_mkdir(in("f"), 0700), 0);
    assert_int_equal(weir_rename(in("f"), in("d")), -ENOTEMPTY);
    assert_int_equal(weir_rename(in("d"), in("f")), 0);
    assert_int_equal(weir_access(in("f/e"), F_OK), 0);
    return 0;
}

FILE_STORY(directories_are_made_and_removed) {
    struct stat st;
    assert_int_equal(weir_mkdir(in("d"), 0750), 0);
    expect_error(weir_mkdir(in("d"), 0750), -EEXIST, in("d"));
    assert_int_equal(weir_stat(in("d"), &st), 0);
    assert_true(S_ISDIR(st.st_mode));
    put_text(in("d/a"), "a");
    expect_error(weir_rmdir(in("d")), -ENOTEMPTY, in("d"));
    expect_error(weir_rmdir(in("d/a")), -ENOTDIR, in("d/a"));
    expect_error(weir_unlink(in("d")), -EISDIR, in("d"));
    assert_int_equal(weir_unlink(in("d/a")), 0);
    assert_int_equal(weir_rmdir(in("d")), 0);
    expect_error(weir_rmdir(in("d")), -ENOENT, in("d"));
    return 0;
}

FILE_STORY(links_lead_to_the_same_file) {
    struct stat a, b;
    char target[64];
    put_text(in("a"), "text");
    assert_int_equal(weir_link(in("a"), in("hard")), 0);
    assert_int_equal(weir_symlink("a", in("soft")), 0);
    expect_text(in("hard"), "text");
    expect_text(in("soft"), "text");
    assert_int_equal(weir_stat(in("hard"), &a), 0);
    assert_int_equal(weir_stat(in("soft"), &b), 0);
    assert_int_equal(a.st_ino, b.st_ino);
    assert_int_equal(a.st_nlink, 2);
    assert_int_equal(weir_lstat(in("soft"), &b), 0);
    assert_true(S_ISLNK(b.st_mode));
    assert_int_equal(weir_readlink(in("soft"), target, sizeof target), 1);
    assert_string_equal(target, "a");
    assert_int_equal(weir_readlink(in("soft"), target, 1), WEIR_ETOOBIG);
    assert_int_equal(weir_readlink(in("soft"), target, SIZE_MAX / 2), 1); /* no int */
    assert_int_equal(weir_readlink(in("a"), target, sizeof target), -EINVAL);
    expect_error(weir_link(in("a"), in("hard")), -EEXIST, in("hard"));
    return 0;
}

FILE_STORY(a_circle_of_links_is_eloop) {
    struct weir_file *f = NULL;
    assert_int_equal(weir_symlink("y", in("x")), 0);
    assert_int_equal(weir_symlink("x", in("y")), 0);
    expect_error(weir_file_open(in("x"), O_RDONLY, 0, &f), -ELOOP, in("x"));
    return 0;
}

FILE_STORY(permissions_and_sizes_are_set_by_path) {
    struct stat st;
    put_text(in("a"), "abcdef");
    assert_int_equal(weir_chmod(in("a"), 0400), 0);
    assert_int_equal(weir_stat(in("a"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0400);
    assert_int_equal(weir_access(in("a"), R_OK), 0);
    assert_int_equal(weir_chmod(in("a"), 0600), 0);
    assert_int_equal(weir_truncate(in("a"), 2), 0);
    expect_text(in("a"), "ab");
    assert_int_equal(weir_truncate(in("a"), -1), -EINVAL);
    assert_int_equal(weir_truncate(folder, 0), -EISDIR);
    return 0;
}

FILE_STORY(names_have_limits) {
    char name[300];
    memset(name, 'n', sizeof name);
    name[255] = '\0';
    put_text(in(name), "long");
    expect_text(in(name), "long");
    name[255] = 'n';
    name[256] = '\0';
    assert_int_equal(weir_mkdir(in(name), 0700), -ENAMETOOLONG);
    assert_int_equal(weir_mkdir("", 0700), -ENOENT);
    return 0;
}

FILE_STORY(a_directory_lists_each_name_once) {
    enum { COUNT = 3000 }; /* several batches */
    static bool seen[COUNT];
    struct weir_dir *d = NULL;
    struct weir_dir_entry e;
    int rc, count = 0;
    memset(seen, 0, sizeof seen);
    for (int i = 0; i < COUNT; i++) {
        char name[16];
        snprintf(name, sizeof name, "f%d", i);
        put_text(in(name), "");
    }
    assert_int_equal(weir_dir_open(folder, &d), 0);
    while ((rc = weir_dir_next(d, &e)) == 1) {
        int i = atoi(e.name + 1);
        assert_true(e.name[0] == 'f' && i >= 0 && i < COUNT && !seen[i]);
        assert_true(e.type == DT_REG || e.type == DT_UNKNOWN);
        assert_true(e.inode != 0);
        seen[i] = true;
        count++;
    }
    assert_int_equal(rc, 0);
    assert_int_equal(count, COUNT);
    assert_int_equal(weir_dir_next(d, &e), 0);
    weir_dir_close(&d);
    assert_null(d);
    return 0;
}

struct lists_one_args {
    struct weir_dir *d;
};

static int lists_one(void *args) {
    struct weir_dir_entry e;
    int rc = weir_dir_next(((struct lists_one_args *)args)->d, &e);
    return rc < 0 ? rc : 0;
}

/* While a task is in weir_dir_next. */
static int disturb(int (*with)(struct weir_dir *d)) {
    struct weir_dir *d = NULL;
    struct weir_group g;
    assert_int_equal(weir_dir_open("/", &d), 0);
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_go(&g, lists_one, .d = d), 0);
    assert_int_equal(weir_yield(), 0);
    return weir_group_close(&g, with(d));
}

static int list_too(struct weir_dir *d) {
    return lists_one(&(struct lists_one_args){.d = d});
}

static int close_it(struct weir_dir *d) {
    weir_dir_close(&d);
    return 0;
}

static int lists_twice(void *arg __attribute__((unused))) {
    return disturb(list_too);
}

static int closes_too_early(void *arg __attribute__((unused))) {
    return disturb(close_it);
}

WEIR_TEST_ABORTS(two_tasks_in_one_directory_abort, "weir_dir_next on '/': another task is in it") {
    weir_run(lists_twice, NULL, NULL);
}

WEIR_TEST_ABORTS(a_close_of_a_directory_that_is_read_aborts, "'/': a task is in weir_dir_next") {
    weir_run(closes_too_early, NULL, NULL);
}

FILE_STORY(what_is_no_directory_is_not_listed) {
    struct weir_dir *d = NULL;
    put_text(in("a"), "");
    expect_error(weir_dir_open(in("a"), &d), -ENOTDIR, in("a"));
    expect_error(weir_dir_open(in("none"), &d), -ENOENT, in("none"));
    assert_null(d);
    return 0;
}

static int list_story(void *arg __attribute__((unused))) {
    struct weir_dir *d = NULL;
    struct weir_dir_entry e;
    int rc = weir_mkdir("/tmp/d", 0700), count = 0;
    if (rc == 0)
        rc = weir_symlink("x", "/tmp/d/a");
    if (rc == 0)
        rc = weir_link("/tmp/d/a", "/tmp/d/b");
    if (rc == 0)
        rc = weir_dir_open("/tmp/d", &d);
    while (rc >= 0 && (rc = weir_dir_next(d, &e)) == 1)
        count++;
    assert_true(rc < 0 || count == 2);
    weir_dir_close(&d);
    return rc;
}

static const struct weir_story lists = {.size = sizeof lists, .name = "names", .fn = list_story};

WEIR_TEST(every_cancel_of_a_list_leaves_nothing) {
    assert_int_equal(weir_explore_cancels(&lists, NULL), 0);
}

WEIR_TEST(every_failed_allocation_of_a_list_leaves_nothing) {
    assert_int_equal(weir_explore_allocations(&lists, NULL), 0);
}

WEIR_TEST(every_fault_of_a_list_leaves_nothing) {
    struct weir_fault fault = {.size = sizeof fault, .kinds = WEIR_FAULT_FILE, .error = -EIO};
    assert_int_equal(weir_explore_faults(&lists, &fault, NULL), 0);
}
