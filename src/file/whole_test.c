/* SPDX-License-Identifier: MIT */
/* Whole files in one call: reading, atomic writing, temporary files, copies of files. */
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include "file/file_test_util.h"

static void expect_whole(const char *path, const char *text) {
    void *bytes = NULL;
    size_t len = 99;
    assert_int_equal(weir_read_file(path, 0, &bytes, &len), 0);
    assert_int_equal(len, strlen(text));
    assert_string_equal(bytes, text);
    free(bytes);
}

/* How many names there are in the story's folder. */
static int names(void) {
    struct weir_dir *d = NULL;
    struct weir_dir_entry e;
    int count = 0;
    assert_int_equal(weir_dir_open(folder, &d), 0);
    while (weir_dir_next(d, &e) == 1)
        count++;
    weir_dir_close(&d);
    return count;
}

FILE_STORY(a_whole_file_is_written_and_read) {
    assert_int_equal(weir_write_file(in("a"), "first", 5, 0640), 0);
    expect_whole(in("a"), "first");
    assert_int_equal(weir_write_file(in("a"), "", 0, 0), 0);
    expect_whole(in("a"), "");
    assert_int_equal(names(), 1);
    return 0;
}

FILE_STORY(a_file_that_is_replaced_keeps_its_permissions) {
    struct stat st;
    put_text(in("a"), "old");
    assert_int_equal(weir_chmod(in("a"), 0604), 0);
    assert_int_equal(weir_write_file(in("a"), "new", 3, 0777), 0);
    assert_int_equal(weir_stat(in("a"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0604);
    return 0;
}

/* Its owner may be another now. */
FILE_STORY(a_file_that_is_replaced_or_copied_lends_nobody_its_user) {
    struct stat st;
    put_text(in("a"), "old");
    assert_int_equal(weir_chmod(in("a"), 06755), 0);
    assert_int_equal(weir_copy_file(in("b"), in("a")), 0);
    assert_int_equal(weir_stat(in("b"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0755);
    assert_int_equal(weir_write_file(in("a"), "new", 3, 0), 0);
    assert_int_equal(weir_stat(in("a"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0755);
    return 0;
}

FILE_STORY(what_a_link_leads_to_is_replaced) {
    struct stat st;
    assert_int_equal(weir_mkdir(in("d"), 0700), 0);
    put_text(in("d/a"), "old");
    assert_int_equal(weir_symlink("d/b", in("soft")), 0);
    assert_int_equal(weir_symlink("a", in("d/b")), 0);
    assert_int_equal(weir_write_file(in("soft"), "new", 3, 0), 0);
    expect_text(in("d/a"), "new");
    assert_int_equal(weir_lstat(in("soft"), &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    return 0;
}

FILE_STORY(a_write_that_fails_leaves_the_old_bytes) {
    assert_int_equal(weir_mkdir(in("d"), 0700), 0);
    expect_error(weir_write_file(in("d"), "x", 1, 0), -EISDIR, in("d"));
    expect_error(weir_write_file(in("none/a"), "x", 1, 0), -ENOENT, in("none/a"));
    expect_error(weir_write_file("", "x", 1, 0), -ENOENT, "write file");
    assert_int_equal(names(), 1);
    return 0;
}

FILE_STORY(a_file_larger_than_the_limit_is_refused) {
    void *bytes = NULL;
    size_t len = 0;
    put_text(in("a"), "12345");
    assert_int_equal(weir_read_file(in("a"), 5, &bytes, &len), 0);
    free(bytes);
    bytes = NULL;
    expect_error(weir_read_file(in("a"), 4, &bytes, &len), WEIR_ETOOBIG, in("a"));
    expect_error(weir_read_file(in("none"), 4, &bytes, &len), -ENOENT, in("none"));
    assert_null(bytes);
    return 0;
}

FILE_STORY(a_temporary_file_has_no_name) {
    struct weir_file *f = NULL;
    char buf[4];
    struct stat st;
    assert_int_equal(weir_temp_file(folder, &f), 0);
    assert_int_equal(weir_file_write(f, "temp", 4), 0);
    assert_int_equal(weir_file_pread(f, buf, 4, 0), 4);
    assert_memory_equal(buf, "temp", 4);
    assert_int_equal(weir_file_stat(f, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(names(), 0);
    weir_file_close(&f);
    expect_error(weir_temp_file(in("none"), &f), -ENOENT, in("none"));
    return 0;
}

FILE_STORY(a_temporary_directory_is_new_and_private) {
    char *one = NULL, *other = NULL;
    struct stat st;
    assert_int_equal(weir_temp_dir(folder, &one), 0);
    assert_int_equal(weir_temp_dir(folder, &other), 0);
    assert_string_not_equal(one, other);
    assert_int_equal(weir_stat(one, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    assert_int_equal(weir_rmdir(one), 0);
    assert_int_equal(weir_rmdir(other), 0);
    free(one);
    free(other);
    return 0;
}

FILE_STORY(a_file_is_copied_with_its_permissions) {
    struct stat st;
    put_text(in("a"), "some text");
    put_text(in("b"), "a longer text than that");
    assert_int_equal(weir_chmod(in("a"), 0604), 0);
    assert_int_equal(weir_copy_file(in("b"), in("a")), 0);
    expect_whole(in("b"), "some text");
    assert_int_equal(weir_stat(in("b"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0604);
    expect_error(weir_copy_file(in("a"), in("a")), -EINVAL, in("a"));
    expect_whole(in("a"), "some text");
    expect_error(weir_copy_file(in("c"), in("none")), -ENOENT, in("none"));
    assert_int_equal(weir_access(in("c"), F_OK), -ENOENT);
    return 0;
}

/* ---- real systems ---------------------------------------------------------------------------- */

REAL_FILE_STORY(a_file_of_proc_is_read_whole_although_its_size_is_0) {
    void *bytes = NULL;
    size_t len = 0;
    assert_int_equal(weir_read_file("/proc/self/maps", 0, &bytes, &len), 0);
    assert_true(len > 100 && strstr(bytes, "whole_test") != NULL);
    free(bytes);
    assert_int_equal(weir_copy_file(in("maps"), "/proc/self/status"), 0);
    assert_int_equal(weir_read_file(in("maps"), 0, &bytes, &len), 0);
    assert_true(strncmp(bytes, "Name:", 5) == 0);
    free(bytes);
    return 0;
}

REAL_FILE_STORY(what_is_no_regular_file_is_not_replaced) {
    struct stat st;
    assert_int_equal(mkfifo(in("fifo"), 0600), 0);
    assert_int_equal(weir_symlink("fifo", in("soft")), 0);
    expect_error(weir_write_file(in("soft"), "new", 3, 0), -EINVAL, in("soft"));
    assert_int_equal(weir_lstat(in("fifo"), &st), 0);
    assert_true(S_ISFIFO(st.st_mode));
    assert_int_equal(names(), 2);
    return 0;
}

REAL_FILE_STORY(a_full_device_is_enospc) {
    struct weir_file *f = NULL;
    assert_int_equal(weir_file_open("/dev/full", O_WRONLY, 0, &f), 0);
    expect_error(weir_file_write(f, "x", 1), -ENOSPC, "/dev/full");
    weir_file_close(&f);
    return 0;
}

REAL_FILE_STORY(the_null_device_takes_all_and_gives_nothing) {
    struct weir_file *f = NULL;
    char buf[4];
    assert_int_equal(weir_file_open("/dev/null", O_RDWR, 0, &f), 0);
    assert_int_equal(weir_file_write(f, "x", 1), 0);
    assert_int_equal(weir_file_read(f, buf, 4), 0);
    weir_file_close(&f);
    assert_int_equal(weir_file_open("/dev/zero", O_RDONLY, 0, &f), 0);
    assert_int_equal(weir_file_read(f, buf, 4), 4);
    assert_int_equal(weir_file_pread(f, buf, 4, 100), 4);
    weir_file_close(&f);
    return 0;
}

static int fill_small_disk(void *arg __attribute__((unused))) {
    struct weir_file *f = NULL;
    char *bytes = calloc(1, 1 << 20);
    put_text(in("a"), "old");
    expect_error(weir_write_file(in("a"), bytes, 1 << 20, 0), -ENOSPC, in("a"));
    expect_whole(in("a"), "old");
    assert_int_equal(names(), 1);
    assert_int_equal(weir_file_open(in("b"), O_WRONLY | O_CREAT, 0600, &f), 0);
    assert_int_equal(weir_file_allocate(f, 0, 1 << 20), -ENOSPC);
    expect_error(weir_file_write(f, bytes, 1 << 20), -ENOSPC, in("b"));
    size_t done = weir_error(-ENOSPC)->done;
    assert_true(done > 0 && done < 64 << 10);
    assert_int_equal(weir_file_seek(f, 0, SEEK_CUR), done);
    weir_file_close(&f);
    free(bytes);
    return 0;
}

/* In a mount namespace of its own, which helper threads that exist would not share: so before the
 * run. */
WEIR_TEST_BACKENDS(a_full_file_system_keeps_the_old_file) {
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    if (is_sim())
        runner_skip("the simulated disk has a story of its own");
    folder_begin();
    bool mounted = unshare(CLONE_NEWNS) == 0
                   && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0
                   && mount("weir", folder, "tmpfs", 0, "size=64k") == 0;
    if (mounted) {
        assert_int_equal(weir_run(fill_small_disk, NULL, &o), 0);
        assert_int_equal(umount(folder), 0);
    }
    folder_end();
    if (!mounted)
        runner_skip("only root may mount");
}

/* And no signal ends the program. */
REAL_FILE_STORY(a_write_past_the_limit_of_file_sizes_is_efbig) {
    struct weir_file *f = NULL;
    struct rlimit old, small = {.rlim_cur = 4096};
    char bytes[8192] = "";
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small.rlim_max = old.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    assert_int_equal(weir_file_open(in("a"), O_WRONLY | O_CREAT, 0600, &f), 0);
    expect_error(weir_file_write(f, bytes, sizeof bytes), -EFBIG, in("a"));
    assert_int_equal(weir_error(-EFBIG)->done, 4096);
    assert_int_equal(weir_file_truncate(f, 5000), -EFBIG);
    weir_file_close(&f);
    expect_error(weir_write_file(in("b"), bytes, sizeof bytes, 0), -EFBIG, in("b"));
    assert_int_equal(names(), 1);
    setrlimit(RLIMIT_FSIZE, &old);
    return 0;
}

/* /proc has no files without a name. */
REAL_FILE_STORY(a_temporary_file_where_there_can_be_none_is_an_error) {
    struct weir_file *f = NULL;
    int rc = weir_temp_file("/proc/self", &f);
    assert_true(rc < 0 && f == NULL);
    return 0;
}

static int cuts(void *arg) {
    return weir_truncate(arg, 10);
}

struct cutting_args {
    const char *path;
};

static int cutting(void *args) {
    return cuts((void *)(uintptr_t)((struct cutting_args *)args)->path);
}

REAL_FILE_STORY(a_file_that_is_cut_meanwhile_ends_early) {
    enum { LEN = 1 << 20 };
    struct weir_file *f = NULL;
    struct weir_group g;
    char *buf = malloc(LEN);
    assert_int_equal(weir_file_open(in("a"), O_RDWR | O_CREAT, 0600, &f), 0);
    assert_int_equal(weir_file_truncate(f, LEN), 0);
    assert_int_equal(weir_file_pread(f, buf, LEN, 0), LEN);
    char path[128];
    snprintf(path, sizeof path, "%s", in("a"));
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_go(&g, cutting, .path = path), 0);
    ssize_t n = weir_file_pread(f, buf, LEN, 0);
    assert_true(n >= 10 && n <= LEN);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(weir_file_pread(f, buf, LEN, 0), 10);
    weir_file_close(&f);
    free(buf);
    return 0;
}

/* ---- disturbed at every point ---------------------------------------------------------------- */

static void expect_old_or_new(void) {
    struct weir_file *f = NULL;
    char buf[8] = "";
    struct weir_scope s;
    weir_shield_enter(&s, WEIR_SECONDS(10));
    if (weir_file_open("/tmp/a", O_RDONLY, 0, &f) == 0 && weir_file_pread(f, buf, 8, 0) == 3)
        assert_true(memcmp(buf, "old", 3) == 0 || memcmp(buf, "new", 3) == 0);
    weir_file_close(&f);
    weir_scope_leave(&s, 0);
}

static int replace_story(void *arg __attribute__((unused))) {
    void *bytes = NULL;
    size_t len = 0;
    struct weir_file *temp = NULL;
    int rc = weir_write_file("/tmp/a", "old", 3, 0);
    if (rc == 0)
        rc = weir_write_file("/tmp/a", "new", 3, 0);
    expect_old_or_new();
    if (rc == 0)
        rc = weir_read_file("/tmp/a", 0, &bytes, &len);
    free(bytes);
    if (rc == 0)
        rc = weir_copy_file("/tmp/b", "/tmp/a");
    if (rc == 0)
        rc = weir_temp_file("/tmp", &temp);
    weir_file_close(&temp);
    return rc;
}

static const struct weir_story replaces = {
    .size = sizeof replaces, .name = "whole files", .fn = replace_story};

WEIR_TEST(every_cancel_leaves_the_old_file_or_the_new_one) {
    assert_int_equal(weir_explore_cancels(&replaces, NULL), 0);
}

WEIR_TEST(every_failed_allocation_leaves_the_old_file_or_the_new_one) {
    assert_int_equal(weir_explore_allocations(&replaces, NULL), 0);
}

WEIR_TEST(every_fault_leaves_the_old_file_or_the_new_one) {
    for (int effect = WEIR_FAULT_ERROR; effect <= WEIR_FAULT_LATE; effect++) {
        struct weir_fault fault = {.size = sizeof fault, .kinds = WEIR_FAULT_FILE,
                                   .effect = (enum weir_fault_effect)effect, .error = -ENOSPC};
        assert_int_equal(weir_explore_faults(&replaces, &fault, NULL), 0);
    }
}

WEIR_TEST(every_seed_replaces_files_alike) {
    assert_int_equal(weir_explore_seeds(&replaces, NULL), 0);
}

static int full_story(void *arg __attribute__((unused))) {
    char *bytes = calloc(1, 1 << 20);
    assert_int_equal(weir_write_file("/tmp/a", "old", 3, 0), 0);
    assert_int_equal(weir_write_file("/tmp/a", bytes, 1 << 20, 0), -ENOSPC);
    expect_whole("/tmp/a", "old");
    assert_int_equal(weir_write_file("/tmp/a", bytes, 32 << 10, 0), 0);
    free(bytes);
    return 0;
}

WEIR_TEST(a_full_disk_keeps_the_old_file) {
    struct weir_sim_options o = {.size = sizeof o, .disk_size = 64 << 10};
    assert_int_equal(weir_sim_run(full_story, NULL, &o), 0);
}
