/* SPDX-License-Identifier: MIT */
/* What a server of files asks of a file. */
#include "file/cached.h"
#include "file/file_test_util.h"

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
