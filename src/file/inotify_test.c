/* SPDX-License-Identifier: MIT */
/* inotify: events of watched folders and files, lost events, closes and cancels. */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/inotify.h>

#include "file/file_test_util.h"

REAL_FILE_STORY(events_say_what_happened_and_where) {
    struct weir_inotify *in_ = NULL;
    struct weir_inotify_event e;
    assert_int_equal(weir_inotify_open(&in_), 0);
    int watch = weir_inotify_add(in_, folder, IN_CREATE | IN_MOVE | IN_DELETE_SELF);
    assert_true(watch > 0);
    assert_int_equal(weir_mkdir(in("d"), 0700), 0);
    assert_int_equal(weir_inotify_next(in_, &e), 0);
    assert_int_equal(e.watch, watch);
    assert_int_equal(e.mask, IN_CREATE | IN_ISDIR);
    assert_string_equal(e.path, folder);
    assert_string_equal(e.name, "d");
    assert_int_equal(weir_rename(in("d"), in("e")), 0);
    assert_int_equal(weir_inotify_next(in_, &e), 0);
    uint32_t cookie = e.cookie;
    assert_true((e.mask & IN_MOVED_FROM) != 0 && cookie != 0);
    assert_int_equal(weir_inotify_next(in_, &e), 0);
    assert_true((e.mask & IN_MOVED_TO) != 0 && e.cookie == cookie);
    weir_inotify_close(&in_);
    assert_null(in_);
    return 0;
}

REAL_FILE_STORY(a_watch_that_is_removed_says_so_last) {
    struct weir_inotify *in_ = NULL;
    struct weir_inotify_event e;
    assert_int_equal(weir_inotify_open(&in_), 0);
    int watch = weir_inotify_add(in_, folder, IN_CREATE);
    assert_int_equal(weir_inotify_add(in_, folder, IN_DELETE | IN_CREATE), watch);
    assert_int_equal(weir_mkdir(in("d"), 0700), 0);
    assert_int_equal(weir_inotify_remove(in_, watch), 0);
    assert_int_equal(weir_inotify_remove(in_, watch), -EINVAL);
    assert_int_equal(weir_inotify_next(in_, &e), 0);
    assert_int_equal(e.mask & IN_CREATE, IN_CREATE);
    assert_int_equal(weir_inotify_next(in_, &e), 0);
    assert_int_equal(e.mask, IN_IGNORED);
    assert_string_equal(e.path, folder);
    expect_error(weir_inotify_add(in_, in("none"), IN_CREATE), -ENOENT, in("none"));
    assert_int_equal(weir_inotify_add(in_, folder, 0), -EINVAL);
    weir_inotify_close(&in_);
    return 0;
}

static void *makes_files(void *stop) {
    const char *path = in("made");
    while (!atomic_load((atomic_bool *)stop)) {
        int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
        if (fd >= 0)
            close(fd);
        unlink(path);
    }
    return NULL;
}

struct watches_args {
    struct weir_inotify *in;
    int *ret;
};

static int watches(void *args) {
    struct watches_args *a = args;
    *a->ret = weir_inotify_add(a->in, folder, IN_CREATE);
    return 0;
}

/* Watch the folder until something is made there. last: the watch before, whose IN_IGNORED is the
 * last of it. Returns the watch. */
static int watch_once(struct weir_inotify *in_, int last) {
    struct weir_inotify_event e;
    struct weir_group g;
    int watch = 0;
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_go(&g, watches, .in = in_, .ret = &watch), 0);
    do {
        assert_int_equal(weir_inotify_next(in_, &e), 0);
        assert_string_equal(e.path, folder);
    } while (e.watch == last);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(weir_inotify_remove(in_, watch), 0);
    return watch;
}

/* While another thread makes files, events come before the task that adds the watch runs again, and
 * behind the end of a watch. */
REAL_FILE_STORY(each_event_has_its_path) {
    struct weir_inotify *in_ = NULL;
    atomic_bool stop = false;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, makes_files, &stop), 0);
    assert_int_equal(weir_inotify_open(&in_), 0);
    for (int i = 0, last = 0; i < 1000; i++)
        last = watch_once(in_, last);
    weir_inotify_close(&in_);
    atomic_store(&stop, true);
    pthread_join(thread, NULL);
    return 0;
}

static long queue_max(void) {
    void *text = NULL;
    size_t len = 0;
    assert_int_equal(weir_read_file("/proc/sys/fs/inotify/max_queued_events", 0, &text, &len), 0);
    long max = strtol(text, NULL, 10);
    free(text);
    return max;
}

REAL_FILE_STORY(lost_events_are_an_event_of_their_own) {
    struct weir_inotify *in_ = NULL;
    struct weir_inotify_event e;
    struct weir_file *f[2] = {NULL, NULL};
    long max = queue_max(), count = 0;
    assert_int_equal(weir_inotify_open(&in_), 0);
    assert_true(weir_inotify_add(in_, folder, IN_MODIFY) > 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(weir_file_open(in(i ? "a" : "b"), O_WRONLY | O_CREAT, 0600, &f[i]), 0);
    for (long i = 0; i <= max; i++) /* two files in turn: equal events are joined */
        assert_int_equal(pwrite(weir_file_fd(f[i % 2]), "x", 1, 0), 1);
    do {
        assert_int_equal(weir_inotify_next(in_, &e), 0);
        count++;
    } while ((e.mask & IN_Q_OVERFLOW) == 0);
    assert_int_equal(e.watch, -1);
    assert_string_equal(e.path, "");
    assert_int_equal(count, max + 1);
    weir_file_close(&f[0]);
    weir_file_close(&f[1]);
    weir_inotify_close(&in_);
    return 0;
}

struct waiting_args {
    struct weir_inotify *in;
    int *ret;
};

static int waiting(void *args) {
    struct waiting_args *a = args;
    struct weir_inotify_event e;
    *a->ret = weir_inotify_next(a->in, &e);
    return 0;
}

REAL_FILE_STORY(a_close_and_a_cancel_end_the_wait) {
    for (int closes = 0; closes < 2; closes++) {
        struct weir_inotify *in_ = NULL;
        struct weir_inotify_event e;
        struct weir_group g;
        int rc = 1;
        assert_int_equal(weir_inotify_open(&in_), 0);
        weir_group_open(&g, WEIR_TOGETHER);
        assert_int_equal(weir_go(&g, waiting, .in = in_, .ret = &rc), 0);
        assert_int_equal(weir_yield(), 0);
        assert_int_equal(weir_inotify_next(in_, &e), -EBUSY);
        if (closes)
            weir_inotify_close(&in_);
        else
            weir_group_cancel(&g, "test");
        assert_int_equal(weir_group_close(&g, 0), 0);
        assert_int_equal(rc, closes ? WEIR_ECLOSED : -ECANCELED);
        weir_inotify_close(&in_);
    }
    return 0;
}

static int refused_story(void *arg __attribute__((unused))) {
    struct weir_inotify *in_ = NULL;
    assert_int_equal(weir_inotify_open(&in_), WEIR_ESIMREFUSED);
    return 0;
}

WEIR_TEST(a_simulation_has_no_inotify) {
    assert_int_equal(weir_sim_run(refused_story, NULL, NULL), 0);
}
