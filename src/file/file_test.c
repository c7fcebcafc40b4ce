/* SPDX-License-Identifier: MIT */
/* Open files: bytes, positions, sizes; closes while a task is inside; what is no plain file. */
#include <weir/stream.h>

#include "file/file_test_util.h"

FILE_STORY(a_file_keeps_what_was_written) {
    struct weir_file *f = NULL;
    char buf[16];
    assert_int_equal(weir_file_open(in("a"), O_RDWR | O_CREAT | O_EXCL, 0640, &f), 0);
    assert_int_equal(weir_file_write(f, "hello ", 6), 0);
    assert_int_equal(weir_file_write(f, "world", 5), 0);
    assert_int_equal(weir_file_read(f, buf, sizeof buf), 0);
    assert_int_equal(weir_file_seek(f, 6, SEEK_SET), 6);
    assert_int_equal(weir_file_read(f, buf, sizeof buf), 5);
    assert_memory_equal(buf, "world", 5);
    weir_file_close(&f);
    assert_null(f);
    expect_text(in("a"), "hello world");
    return 0;
}

FILE_STORY(an_error_of_open_names_the_path) {
    struct weir_file *f = NULL;
    expect_error(weir_file_open(in("none"), O_RDONLY, 0, &f), -ENOENT, in("none"));
    assert_int_equal(weir_mkdir(in("d"), 0700), 0);
    expect_error(weir_file_open(in("d"), O_WRONLY, 0, &f), -EISDIR, in("d"));
    expect_error(weir_file_open(in("d/"), O_WRONLY | O_CREAT, 0600, &f), -EISDIR, in("d"));
    put_text(in("a"), "x");
    expect_error(weir_file_open(in("a"), O_WRONLY | O_CREAT | O_EXCL, 0, &f), -EEXIST, in("a"));
    expect_error(weir_file_open(in("a/b"), O_RDONLY, 0, &f), -ENOTDIR, in("a/b"));
    assert_null(f);
    return 0;
}

FILE_STORY(reads_and_writes_at_offsets_leave_the_position) {
    struct weir_file *f = NULL;
    char buf[8] = "";
    assert_int_equal(weir_file_open(in("a"), O_RDWR | O_CREAT, 0600, &f), 0);
    assert_int_equal(weir_file_pwrite(f, "cd", 2, 2), 0);
    assert_int_equal(weir_file_pwrite(f, "ab", 2, 0), 0);
    assert_int_equal(weir_file_pread(f, buf, sizeof buf, 1), 3);
    assert_memory_equal(buf, "bcd", 3);
    assert_int_equal(weir_file_pread(f, buf, sizeof buf, 4), 0);
    assert_int_equal(weir_file_pread(f, buf, sizeof buf, 1000), 0);
    expect_error(weir_file_pread(f, buf, 1, -1), -EINVAL, in("a"));
    expect_error(weir_file_pwrite(f, buf, 1, -1), -EINVAL, in("a"));
    assert_int_equal(weir_file_seek(f, 0, SEEK_CUR), 0);
    assert_int_equal(weir_file_seek(f, 0, SEEK_END), 4);
    expect_error(weir_file_seek(f, -5, SEEK_CUR), -EINVAL, in("a"));
    weir_file_close(&f);
    return 0;
}

FILE_STORY(large_reads_and_writes_go_in_pieces) {
    enum { LEN = 3 * 256 * 1024 + 77 };
    struct weir_file *f = NULL;
    uint8_t *out = malloc(LEN), *back = malloc(LEN + 10);
    for (size_t i = 0; i < LEN; i++)
        out[i] = (uint8_t)(i * 31 + i / 997);
    assert_int_equal(weir_file_open(in("big"), O_RDWR | O_CREAT, 0600, &f), 0);
    assert_int_equal(weir_file_write(f, out, LEN), 0);
    assert_int_equal(weir_file_pread(f, back, LEN + 10, 0), LEN);
    assert_memory_equal(back, out, LEN);
    weir_file_close(&f);
    free(out);
    free(back);
    return 0;
}

FILE_STORY(sizes_are_set_and_read) {
    struct weir_file *f = NULL;
    struct stat st;
    char buf[8];
    put_text(in("a"), "abcdef");
    assert_int_equal(weir_file_open(in("a"), O_RDWR, 0, &f), 0);
    assert_int_equal(weir_file_truncate(f, 3), 0);
    assert_int_equal(weir_file_truncate(f, 5), 0);
    assert_int_equal(weir_file_stat(f, &st), 0);
    assert_int_equal(st.st_size, 5);
    assert_true(S_ISREG(st.st_mode));
    assert_int_equal(weir_file_pread(f, buf, 8, 0), 5);
    assert_memory_equal(buf, "abc\0\0", 5);
    assert_int_equal(weir_file_allocate(f, 0, 10000), 0);
    assert_int_equal(weir_file_stat(f, &st), 0);
    assert_int_equal(st.st_size, 10000);
    expect_error(weir_file_truncate(f, -1), -EINVAL, in("a"));
    assert_int_equal(weir_file_sync(f), 0);
    assert_int_equal(weir_file_sync_data(f), 0);
    weir_file_close(&f);
    return 0;
}

FILE_STORY(a_sparse_file_passes_4_gib) {
    struct weir_file *f = NULL;
    struct stat st;
    const int64_t far = ((int64_t)5 << 30) + 3;
    char buf[4] = "x";
    assert_int_equal(weir_file_open(in("far"), O_RDWR | O_CREAT, 0600, &f), 0);
    assert_int_equal(weir_file_pwrite(f, "end", 3, far), 0);
    assert_int_equal(weir_file_stat(f, &st), 0);
    assert_int_equal(st.st_size, far + 3);
    assert_int_equal(weir_file_seek(f, far, SEEK_SET), far);
    assert_int_equal(weir_file_read(f, buf, 4), 3);
    assert_memory_equal(buf, "end", 3);
    assert_int_equal(weir_file_pread(f, buf, 1, far - 1), 1);
    assert_int_equal(buf[0], 0);
    weir_file_close(&f);
    return 0;
}

FILE_STORY(appends_go_to_the_end) {
    struct weir_file *f = NULL;
    put_text(in("log"), "one\n");
    assert_int_equal(weir_file_open(in("log"), O_WRONLY | O_APPEND, 0, &f), 0);
    assert_int_equal(weir_file_write(f, "two\n", 4), 0);
    weir_file_close(&f);
    expect_text(in("log"), "one\ntwo\n");
    return 0;
}

FILE_STORY(a_file_does_what_it_was_opened_for) {
    struct weir_file *f = NULL;
    char buf[4];
    put_text(in("a"), "abc");
    assert_int_equal(weir_file_open(in("a"), O_RDONLY, 0, &f), 0);
    expect_error(weir_file_write(f, "x", 1), -EBADF, in("a"));
    assert_int_equal(weir_file_truncate(f, 0), -EINVAL);
    weir_file_close(&f);
    assert_int_equal(weir_file_open(in("a"), O_WRONLY, 0, &f), 0);
    expect_error(weir_file_read(f, buf, 4), -EBADF, in("a"));
    weir_file_close(&f);
    assert_int_equal(weir_file_open(folder, O_RDONLY, 0, &f), 0);
    expect_error(weir_file_read(f, buf, 4), -EISDIR, folder);
    weir_file_close(&f);
    return 0;
}

struct reading_args {
    struct weir_file *f;
    char *buf;
    ssize_t *ret;
};

static int reading(void *args) {
    struct reading_args *a = args;
    *a->ret = weir_file_pread(a->f, a->buf, 4, 0);
    return 0;
}

FILE_STORY(a_close_waits_for_the_task_inside) {
    struct weir_file *f = NULL;
    struct weir_group g;
    char buf[4];
    ssize_t n = -1;
    put_text(in("a"), "abcd");
    assert_int_equal(weir_file_open(in("a"), O_RDWR, 0, &f), 0);
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_go(&g, reading, .f = f, .buf = buf, .ret = &n), 0);
    assert_int_equal(weir_yield(), 0);
    weir_file_close(&f);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(n, 4);
    assert_memory_equal(buf, "abcd", 4);
    return 0;
}

FILE_STORY(a_file_without_a_name_lives_until_it_is_closed) {
    struct weir_file *f = NULL;
    char buf[4];
    put_text(in("a"), "abcd");
    assert_int_equal(weir_file_open(in("a"), O_RDONLY, 0, &f), 0);
    assert_int_equal(weir_unlink(in("a")), 0);
    assert_int_equal(weir_file_read(f, buf, 4), 4);
    weir_file_close(&f);
    assert_int_equal(weir_file_open(in("a"), O_RDONLY, 0, &f), -ENOENT);
    return 0;
}

REAL_FILE_STORY(an_open_waits_for_the_end_of_a_lease) {
    struct weir_file *f = NULL;
    put_text(in("a"), "old");
    pid_t child = lease(in("a"), F_RDLCK);
    int rc = weir_file_open(in("a"), O_WRONLY | O_CREAT | O_TRUNC, 0600, &f);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(rc, 0);
    weir_file_close(&f);
    expect_text(in("a"), "");
    return 0;
}

FILE_STORY(a_cancelled_task_begins_no_call) {
    struct weir_scope s;
    struct weir_file *f = NULL;
    weir_scope_enter(&s, WEIR_NEVER);
    weir_scope_cancel(&s, "test");
    assert_int_equal(weir_file_open(in("a"), O_WRONLY | O_CREAT, 0600, &f), -ECANCELED);
    weir_scope_leave(&s, 0);
    assert_null(f);
    assert_int_equal(weir_access(in("a"), F_OK), -ENOENT);
    return 0;
}

/* ---- one position, several tasks ------------------------------------------------------------- */

enum { BLOCK = 4096, BLOCKS = 64, READERS = 6 };

struct shares_args {
    struct weir_file *f;
    unsigned char *seen; /* of each block: how often */
};

static int shares(void *args) {
    struct shares_args *a = args;
    uint32_t *buf = aligned_alloc(BLOCK, BLOCK);
    ssize_t n;
    for (int i = 0; i <= BLOCKS && (n = weir_file_read(a->f, buf, BLOCK)) == BLOCK; i++)
        a->seen[*buf]++;
    free(buf);
    return 0;
}

/* The kernel has nothing of the file in memory any more: reads wait for the disk. */
static void put_blocks(const char *path) {
    uint32_t buf[BLOCK / sizeof(uint32_t)] = {0};
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    for (; *buf < BLOCKS; ++*buf)
        assert_int_equal(write(fd, buf, BLOCK), BLOCK);
    assert_int_equal(fsync(fd), 0);
    assert_int_equal(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
    close(fd);
}

static void share(struct weir_file *f, int readers) {
    unsigned char seen[BLOCKS] = {0};
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
    for (int i = 0; i < readers; i++)
        assert_int_equal(weir_go(&g, shares, .f = f, .seen = seen), 0);
    assert_int_equal(weir_group_close(&g, 0), 0);
    for (int i = 0; i < BLOCKS; i++)
        assert_int_equal(seen[i], 1);
}

REAL_FILE_STORY(tasks_that_read_one_file_get_each_byte_once) {
    struct weir_file *f = NULL;
    put_blocks(in("a"));
    assert_int_equal(weir_file_open(in("a"), O_RDONLY, 0, &f), 0);
    share(f, READERS);
    weir_file_close(&f);
    return 0;
}

REAL_FILE_STORY(reads_past_the_cache_move_the_position) {
    struct weir_file *f = NULL;
    put_blocks(in("a"));
    int rc = weir_file_open(in("a"), O_RDONLY | O_DIRECT, 0, &f);
    if (rc == -EINVAL)
        return 0; /* the file system of /tmp has no O_DIRECT */
    assert_int_equal(rc, 0);
    share(f, 1);
    assert_int_equal(weir_file_seek(f, 0, SEEK_SET), 0);
    share(f, READERS);
    weir_file_close(&f);
    return 0;
}

/* ---- disturbed at every point ---------------------------------------------------------------- */

static int rough_story(void *arg __attribute__((unused))) {
    struct weir_file *f = NULL;
    char buf[64];
    int rc = weir_file_open("/tmp/a", O_RDWR | O_CREAT, 0600, &f);
    if (rc == 0)
        rc = weir_file_write(f, "some bytes", 10);
    if (rc == 0)
        rc = (int)weir_file_pread(f, buf, sizeof buf, 0);
    if (rc >= 0)
        rc = weir_file_sync(f);
    if (rc == 0)
        rc = weir_file_truncate(f, 4);
    weir_file_close(&f);
    if (rc == 0)
        rc = weir_rename("/tmp/a", "/tmp/b");
    if (rc == 0)
        rc = weir_unlink("/tmp/b");
    return rc;
}

static const struct weir_story rough = {.size = sizeof rough, .name = "files", .fn = rough_story};

WEIR_TEST(every_cancel_leaves_no_descriptor) {
    assert_int_equal(weir_explore_cancels(&rough, NULL), 0);
}

WEIR_TEST(every_failed_allocation_leaves_no_descriptor) {
    assert_int_equal(weir_explore_allocations(&rough, NULL), 0);
}

WEIR_TEST(every_fault_of_the_disk_is_an_error) {
    static const enum weir_fault_effect effects[] = {WEIR_FAULT_ERROR, WEIR_FAULT_SHORT,
                                                     WEIR_FAULT_LATE};
    static const int errors[] = {-EIO, -ENOSPC, -EAGAIN};
    for (size_t i = 0; i < 9; i++) {
        struct weir_fault fault = {.size = sizeof fault, .kinds = WEIR_FAULT_FILE,
                                   .effect = effects[i / 3], .error = errors[i % 3]};
        assert_int_equal(weir_explore_faults(&rough, &fault, NULL), 0);
    }
}

WEIR_TEST(every_seed_goes_the_same_way_twice) {
    assert_int_equal(weir_explore_seeds(&rough, NULL), 0);
}

/* ---- debug mode ---- */

static int streams_close_files(void *arg) {
    struct weir_file *f = NULL;
    struct weir_stream *s = NULL;
    assert_int_equal(weir_file_open(in("a"), O_RDWR | O_CREAT, 0600, &f), 0);
    assert_int_equal(weir_file_stream(&f, &s), 0);
    weir_close(&s);
    if (is_sim())
        return 0;
    assert_int_equal(weir_file_open("/dev/null", O_RDWR, 0, &f), 0);
    assert_int_equal(weir_file_stream(&f, &s), 0);
    weir_close(&s);
    return 0;
}

static void count_line(enum weir_log_level level, const char *line, void *arg) {
    ++*(int *)arg;
}

WEIR_TEST_BACKENDS(a_file_whose_stream_was_closed_is_not_named) {
    const struct weir_run_options o = {
        .size = sizeof o, .backend = test_backend, .debug = true, .slow_ns = WEIR_SECONDS(60)};
    int (*story)(void *) = streams_close_files;
    int lines = 0;
    folder_begin();
    weir_log_to(count_line, &lines);
    assert_int_equal(weir_run(told_in_folder, &story, &o), 0);
    weir_log_to(NULL, NULL);
    assert_int_equal(lines, 0);
    folder_end();
}
