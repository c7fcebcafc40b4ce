/* SPDX-License-Identifier: MIT */
/* Opens beneath a directory: nothing outside of it, by any path and any link. */
#include <pthread.h>
#include <stdatomic.h>

#include "file/file_test_util.h"
#include "sys/verb.h"

static struct weir_dir *root; /* folder/root; beside it folder/secret */

static void make_tree(void) {
    assert_int_equal(weir_mkdir(in("root"), 0755), 0);
    assert_int_equal(weir_mkdir(in("root/d"), 0755), 0);
    put_text(in("secret"), "secret");
    put_text(in("root/a"), "a");
    put_text(in("root/d/b"), "b");
    assert_int_equal(weir_symlink("d/b", in("root/inside")), 0);
    assert_int_equal(weir_symlink("../a", in("root/d/up")), 0);
    assert_int_equal(weir_symlink("../secret", in("root/out")), 0);
    assert_int_equal(weir_symlink("../../secret", in("root/d/out")), 0);
    assert_int_equal(weir_symlink("/", in("root/slash")), 0);
    assert_int_equal(weir_symlink("..", in("root/parent")), 0);
    assert_int_equal(weir_dir_open(in("root"), &root), 0);
}

static int open_rc(const char *path) {
    struct weir_file *f = NULL;
    int rc = weir_file_open_beneath(root, path, O_RDONLY, 0, &f);
    assert_int_equal(f != NULL, rc == 0);
    weir_file_close(&f);
    return rc;
}

static const struct {
    const char *path;
    int rc, by_parts; /* by_parts: without openat2 no link is followed */
} paths[] = {
    {"a", 0, 0},
    {"d/b", 0, 0},
    {"./a", 0, 0},
    {"d//b", 0, 0},
    {"inside", 0, -EXDEV},
    {"d/up", 0, -EXDEV},
    {"d/../a", 0, -EXDEV},
    {"none", -ENOENT, -ENOENT},
    {"none/a", -ENOENT, -ENOENT},
    {"a/b", -ENOTDIR, -ENOTDIR},
    {"..", -EXDEV, -EXDEV},
    {"../", -EXDEV, -EXDEV},
    {"../secret", -EXDEV, -EXDEV},
    {"d/../../secret", -EXDEV, -EXDEV},
    {"/etc/passwd", -EXDEV, -EXDEV},
    {"/", -EXDEV, -EXDEV},
    {"out", -EXDEV, -EXDEV},
    {"d/out", -EXDEV, -EXDEV},
    {"slash", -EXDEV, -EXDEV},
    {"slash/etc/passwd", -EXDEV, -EXDEV},
    {"parent/secret", -EXDEV, -EXDEV},
};

FILE_STORY(no_path_leads_out_of_the_directory) {
    make_tree();
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        assert_int_equal(open_rc(paths[i].path), paths[i].rc);
    expect_error(open_rc("d/out"), -EXDEV, "d/out");
    struct weir_file *f = NULL;
    char byte = 0;
    assert_int_equal(weir_file_open_beneath(root, "inside", O_RDONLY, 0, &f), 0);
    assert_int_equal(weir_file_pread(f, &byte, 1, 0), 1);
    assert_int_equal(byte, 'b');
    weir_file_close(&f);
    weir_dir_close(&root);
    return 0;
}

REAL_FILE_STORY(a_kernel_without_openat2_is_as_strict) {
    make_tree();
    int at = open(in("root"), O_PATH | O_DIRECTORY | O_CLOEXEC);
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        struct weir__call c = {.verb = WEIR__OPEN, .path = paths[i].path, .to_fd = at,
                               .beneath = true, .flags = O_RDONLY};
        int fd = weir__verb_open_parts(&c);
        assert_int_equal(fd < 0 ? -errno : 0, paths[i].by_parts);
        if (fd >= 0)
            close(fd);
    }
    close(at);
    weir_dir_close(&root);
    return 0;
}

static atomic_int racing;

/* Swap a folder for a link to the outside, and back, as fast as it goes. */
static void *swap(void *arg) {
    const char *const *names = arg;
    while (racing) {
        rename(names[0], names[2]);
        rename(names[1], names[0]);
        rename(names[0], names[1]);
        rename(names[2], names[0]);
    }
    return NULL;
}

REAL_FILE_STORY(a_link_that_takes_a_folders_place_meanwhile_is_not_followed) {
    char d[512], link[512], spare[512];
    const char *names[] = {d, link, spare};
    pthread_t thread;
    make_tree();
    put_text(in("b"), "secret");
    assert_int_equal(weir_symlink("..", in("root/link")), 0);
    snprintf(d, sizeof d, "%s", in("root/d"));
    snprintf(link, sizeof link, "%s", in("root/link"));
    snprintf(spare, sizeof spare, "%s", in("root/spare"));
    racing = 1;
    assert_int_equal(pthread_create(&thread, NULL, swap, names), 0);
    for (int i = 0; i < 3000; i++) {
        struct weir_file *f = NULL;
        char byte = 0;
        int rc = weir_file_open_beneath(root, "d/b", O_RDONLY, 0, &f);
        if (rc == 0) {
            assert_int_equal(weir_file_pread(f, &byte, 1, 0), 1);
            assert_int_equal(byte, 'b');
        } else {
            assert_true(rc == -EXDEV || rc == -ENOENT || rc == -EAGAIN);
        }
        weir_file_close(&f);
    }
    racing = 0;
    pthread_join(thread, NULL);
    weir_dir_close(&root);
    return 0;
}

REAL_FILE_STORY(an_open_beneath_waits_for_the_end_of_a_lease) {
    make_tree();
    pid_t child = lease(in("root/d/b"), F_WRLCK);
    int rc = open_rc("d/b");
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(rc, 0);
    child = lease(in("root/d/b"), F_WRLCK);
    rc = open_rc("d/up/../b"); /* a file is no folder: what is refused begins no break */
    assert_int_equal(rc, -ENOTDIR);
    rc = open_rc("inside");
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(rc, 0);
    weir_dir_close(&root);
    return 0;
}

static int opens_beneath(void *arg __attribute__((unused))) {
    struct weir_dir *d = NULL;
    struct weir_file *f = NULL;
    int rc = weir_mkdir("/tmp/d", 0755);
    if (rc == 0)
        rc = weir_write_file("/tmp/d/a", "a", 1, 0);
    if (rc == 0)
        rc = weir_dir_open("/tmp/d", &d);
    if (rc == 0)
        rc = weir_file_open_beneath(d, "a", O_RDONLY, 0, &f);
    weir_file_close(&f);
    weir_dir_close(&d);
    return rc;
}

static const struct weir_story opens = {
    .size = sizeof opens, .name = "beneath", .fn = opens_beneath};

WEIR_TEST(every_cancel_of_an_open_beneath_leaves_nothing) {
    assert_int_equal(weir_explore_cancels(&opens, NULL), 0);
}

WEIR_TEST(every_failed_allocation_of_an_open_beneath_leaves_nothing) {
    assert_int_equal(weir_explore_allocations(&opens, NULL), 0);
}

WEIR_TEST(every_fault_of_an_open_beneath_leaves_nothing) {
    struct weir_fault fault = {.size = sizeof fault, .kinds = WEIR_FAULT_FILE, .error = -EIO};
    assert_int_equal(weir_explore_faults(&opens, &fault, NULL), 0);
}

static int opens_in_null(void *arg __attribute__((unused))) {
    struct weir_file *f = NULL;
    return weir_file_open_beneath(NULL, "a", O_RDONLY, 0, &f);
}

WEIR_TEST_ABORTS(a_directory_that_is_null_aborts, "weir_file_open_beneath") {
    weir_run(opens_in_null, NULL, NULL);
}

FILE_STORY(a_mode_that_means_nothing_is_passed_over) {
    struct weir_file *f = NULL;
    make_tree();
    assert_int_equal(weir_file_open_beneath(root, "a", O_RDONLY, 0644, &f), 0);
    weir_file_close(&f);
    assert_int_equal(weir_file_open_beneath(root, "new", O_WRONLY | O_CREAT, 0100644, &f), 0);
    weir_file_close(&f);
    assert_int_equal(weir_file_open_beneath(root, "d", O_RDONLY | O_DIRECTORY, 0755, &f), 0);
    weir_file_close(&f);
    weir_dir_close(&root);
    return 0;
}
