/* SPDX-License-Identifier: MIT */
/* two_copies_test.c - this program was linked with libweir.a, and loads libweir.so beside it, as a
 * plugin does that brings the library along: the copy that opens a loop first has the process. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <weir/base.h>
#include <weir/drive.h>
#include <weir/error.h>
#include <weir/loop.h>

#include "test/runner.h"

#undef weir_run
#undef weir_loop_open

/* The functions of a copy. */
struct copy {
    void *file;
    int (*run)(int (*fn)(void *arg), void *arg, const struct weir_run_options *options);
    int (*open)(const struct weir_run_options *options, struct weir_loop **ret_loop);
    const char *(*message)(int rc);
    void (*log_to)(weir_log_sink sink, void *arg);
};

static const struct copy ours = {NULL, weir_run, weir_loop_open, weir_error_message, weir_log_to};
static char logged[512];

static void sink(enum weir_log_level level, const char *line, void *arg) {
    (void)level, (void)arg;
    snprintf(logged, sizeof logged, "%s", line);
}

static void *symbol(void *file, const char *name) {
    void *found = dlsym(file, name);
    if (found == NULL)
        fprintf(stderr, "%s\n", dlerror());
    assert_non_null(found);
    return found;
}

static struct copy load(const char *path) {
    struct copy c = {.file = dlopen(path, RTLD_NOW | RTLD_LOCAL)};
    const char *why = c.file == NULL ? dlerror() : "";
    if (strstr(why, "static TLS") != NULL)
        runner_skip("a third copy needs GLIBC_TUNABLES=glibc.rtld.optional_static_tls=8192");
    assert_string_equal(why, "");
    *(void **)&c.run = symbol(c.file, "weir_run");
    *(void **)&c.open = symbol(c.file, "weir_loop_open");
    *(void **)&c.message = symbol(c.file, "weir_error_message");
    *(void **)&c.log_to = symbol(c.file, "weir_log_to");
    assert_true(c.run != ours.run);
    c.log_to(sink, NULL);
    return c;
}

static int seven(void *arg) {
    (void)arg;
    return 7;
}

static void runs(const struct copy *c) {
    assert_int_equal(c->run(seven, NULL, NULL), 7);
}

/* It says whose the process is, and who is refused. */
static void is_refused(const struct copy *c, const char *first_in, const char *own_in) {
    struct weir_loop *l = NULL;
    char text[512];
    logged[0] = '\0';
    assert_int_equal(c->run(seven, NULL, NULL), -EEXIST);
    snprintf(text, sizeof text, "%s", c->message(-EEXIST)); /* "run: TEXT (EEXIST)" */
    text[strlen(text) - strlen(" (EEXIST)")] = '\0';
    const char *first = strstr(text, first_in), *own = first ? strstr(first, own_in) : NULL;
    if (own == NULL)
        fprintf(stderr, "message: %s\n", text);
    assert_true(own != NULL && strstr(own, "link both with libweir.so") != NULL);
    assert_non_null(strstr(logged, first));
    assert_int_equal(c->open(NULL, &l), -EEXIST);
    assert_null(l);
}

WEIR_TEST(a_copy_in_a_plugin_may_not_run_beside_that_of_the_program) {
    runs(&ours);
    struct copy other = load(LIBWEIR);
    for (int i = 0; i < 2; i++)
        is_refused(&other, "in the program", "in libweir.so");
    runs(&ours);
}

WEIR_TEST(the_copy_that_opens_a_loop_first_has_the_process) {
    struct copy other = load(LIBWEIR);
    weir_log_to(sink, NULL);
    runs(&other);
    is_refused(&ours, "in libweir.so", "in the program");
    runs(&other);
}

/* Another file, which is therefore loaded another time. */
static void copy_file(const char *from, const char *to) {
    struct stat st;
    int in = open(from, O_RDONLY | O_CLOEXEC);
    int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);
    assert_true(in >= 0 && out >= 0 && fstat(in, &st) == 0);
    for (off_t left = st.st_size; left > 0;) {
        ssize_t n = sendfile(out, in, NULL, (size_t)left);
        assert_true(n > 0);
        left -= n;
    }
    close(in);
    close(out);
}

WEIR_TEST(of_the_copies_in_two_plugins_one_may_run) {
    char path[] = "/tmp/weir-copy-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    copy_file(LIBWEIR, path);
    struct copy one = load(LIBWEIR), two = load(path);
    unlink(path);
    runs(&two);
    is_refused(&one, "in weir-copy-", "in libweir.so");
    runs(&two);
}

WEIR_TEST(a_fork_child_is_as_its_parent_whose_the_process_is) {
    struct copy other = load(LIBWEIR);
    runs(&other);
    pid_t child = fork();
    if (child == 0)
        _exit(other.run(seven, NULL, NULL) == 7 && weir_run(seven, NULL, NULL) == -EEXIST ? 0 : 1);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

WEIR_TEST(when_the_first_copy_is_unloaded_another_may_run) {
    struct copy other = load(LIBWEIR);
    weir_log_to(sink, NULL);
    runs(&other);
    is_refused(&ours, "in libweir.so", "in the program");
    assert_int_equal(dlclose(other.file), 0);
    if (dlopen(LIBWEIR, RTLD_NOW | RTLD_NOLOAD) != NULL)
        runner_skip("the library stays loaded");
    runs(&ours);
}
