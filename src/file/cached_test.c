/* SPDX-License-Identifier: MIT */
/* What lies in memory, and what does not: the kernel is asked, or bytes are looked at. */
#include "file/cached.h"

#include <sys/mman.h>

#include "file/file_test_util.h"
#include "sys/forbid_test_util.h"
#include "sys/verb.h"

enum { PAGES = 32, MISSING = 9 };

static struct weir_file *f; /* of PAGES pages, none of which is in memory */
static size_t page;

static void cold_file_open(void) {
    static char bytes[PAGES * (64 << 10)];
    page = (size_t)sysconf(_SC_PAGESIZE);
    assert_int_equal(weir_file_open(in("a"), O_RDWR | O_CREAT, 0600, &f), 0);
    assert_int_equal(weir_file_pwrite(f, bytes, PAGES * page, 0), 0);
    assert_int_equal(weir_file_sync(f), 0);
    int fd = weir_file_fd(f);
    assert_int_equal(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
    assert_int_equal(posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM), 0); /* nothing is read ahead */
    if (weir__file_is_cached(f, 0, 1)) {
        folder_end();
        runner_skip("the file system keeps everything in memory");
    }
}

static void touch(size_t number) {
    char byte;
    assert_int_equal(weir_file_pread(f, &byte, 1, (int64_t)(number * page)), 1);
}

static void touch_all_but(size_t number) {
    for (size_t i = 0; i < PAGES; i++)
        if (i != number)
            touch(i);
}

static bool is_cached(size_t from, size_t len) {
    return weir__file_is_cached(f, (int64_t)from, len);
}

static bool is_resident(size_t number) {
    unsigned char there = 0;
    void *map = mmap(NULL, page, PROT_READ, MAP_SHARED, weir_file_fd(f), (off_t)(number * page));
    assert_true(map != MAP_FAILED);
    assert_int_equal(mincore(map, page, &there), 0);
    munmap(map, page);
    return there & 1;
}

/* A look at a page that is missing begins to read it, and a fast disk may be done before the look
 * ends: then the answer is yes, and true. */
static bool is_right(bool answer, size_t number) {
    return !answer || is_resident(number);
}

REAL_FILE_STORY(a_file_in_memory_but_for_one_page_is_not_in_memory) {
    cold_file_open();
    assert_false(is_cached(0, PAGES * page));
    touch_all_but(MISSING);
    if (weir__verb_is_cached(weir_file_fd(f), 0, PAGES * page) < 0) {
        folder_end();
        runner_skip("the kernel does not count the pages");
    }
    assert_false(is_cached(0, PAGES * page));
    assert_false(is_cached((MISSING - 1) * page, page + 1));
    assert_true(is_cached(0, MISSING * page));
    assert_true(is_cached(MISSING * page - 1, 1));
    assert_true(is_cached((MISSING + 1) * page, (PAGES - MISSING - 1) * page));
    assert_true(is_cached(MISSING * page, 0));
    assert_true(is_right(is_cached(MISSING * page + 1, 1), MISSING));
    touch(MISSING);
    assert_true(is_cached(0, PAGES * page));
    weir_file_close(&f);
    return 0;
}

static void look_without_a_count(unsigned error) {
    cold_file_open();
    forbid_call(451 /* cachestat */, error);
    assert_int_equal(weir__verb_is_cached(weir_file_fd(f), 0, 1), -(int)error);
    assert_true(is_right(is_cached(0, page), 0));
    touch(0);
    assert_true(is_cached(0, page));
    weir_file_close(&f);
    cold_file_open(); /* the looks have begun to read it */
    touch_all_but(PAGES - 1);
    assert_true(is_right(is_cached(0, PAGES * page), PAGES - 1));
    touch(PAGES - 1);
    assert_true(is_cached(0, PAGES * page));
    weir_file_close(&f);
}

REAL_FILE_STORY(an_older_kernel_is_asked_for_bytes) {
    look_without_a_count(ENOSYS);
    return 0;
}

REAL_FILE_STORY(a_kernel_that_refuses_to_count_is_asked_for_bytes) {
    look_without_a_count(EPERM);
    return 0;
}

FILE_STORY(an_open_says_what_the_file_is) {
    struct weir_dir *d = NULL;
    struct weir_file *file = NULL;
    struct stat by_open, by_stat;
    put_text(in("a"), "hello");
    assert_int_equal(weir_chmod(in("a"), 0640), 0);
    assert_int_equal(weir_mkdir(in("d"), 0700), 0);
    assert_int_equal(weir_dir_open(folder, &d), 0);
    assert_int_equal(weir__file_open_stat(d, "none", &file, &by_open), -ENOENT);
    assert_null(file);
    assert_int_equal(weir__file_open_stat(d, "d", &file, &by_open), 0);
    assert_true(S_ISDIR(by_open.st_mode));
    weir_file_close(&file);
    assert_int_equal(weir__file_open_stat(d, "a", &file, &by_open), 0);
    assert_int_equal(weir_file_stat(file, &by_stat), 0);
    assert_int_equal(by_open.st_mode, S_IFREG | 0640);
    assert_int_equal(by_open.st_size, 5);
    assert_int_equal(by_open.st_ino, by_stat.st_ino);
    assert_int_equal(by_open.st_dev, by_stat.st_dev);
    assert_memory_equal(&by_open.st_mtim, &by_stat.st_mtim, sizeof by_stat.st_mtim);
    weir_file_close(&file);
    weir_dir_close(&d);
    return 0;
}
