/* SPDX-License-Identifier: MIT */
/* One struct weir_tls on several loops at once, each in a thread of its own, while another thread
 * reads it again. Above all for ThreadSanitizer. */
#include <pthread.h>
#include <stdatomic.h>

#include "tls/context.h"
#include "tls/tls_rig.h"

enum { THREADS = 3, ROUNDS = 12 };

struct shared {
    struct weir_tls *of_client, *of_server;
    _Atomic int running, resumed;
};

static int talks(void *arg) {
    struct shared *sh = arg;
    for (int i = 0; i < ROUNDS; i++) {
        struct rig_ends e = {.of_client = weir_tls_ref(sh->of_client),
                             .of_server = weir_tls_ref(sh->of_server)};
        char byte = 0;
        assert_int_equal(rig_pair(&e), 0);
        assert_int_equal(weir_write(e.server, "x", 1), 0);
        assert_int_equal(weir_read(e.client, &byte, 1), 1); /* and the ticket that came before */
        assert_int_equal(byte, 'x');
        sh->resumed += weir_tls_resumed(e.client);
        rig_part(&e);
        weir_tls_unref(&e.of_client);
        weir_tls_unref(&e.of_server);
    }
    return 0;
}

static void *loop_of_a_thread(void *arg) {
    struct shared *sh = arg;
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    assert_int_equal(weir_run(talks, sh, &o), 0);
    sh->running--;
    return NULL;
}

static void run_threads(struct shared *sh, bool reload) {
    pthread_t threads[THREADS];
    sh->running = THREADS;
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, loop_of_a_thread, sh), 0);
    while (reload && sh->running > 0) {
        assert_int_equal(weir_tls_reload(sh->of_server), 0);
        assert_int_equal(weir_tls_reload(sh->of_client), 0);
        usleep(500); /* or the lock is hardly ever free */
    }
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
}

static void shares(bool reload) {
    struct rig rig;
    rig_open(&rig);
    struct shared sh = {.of_client = rig_client(&rig), .of_server = rig_server(&rig)};
    run_threads(&sh, reload);
    if (!reload) /* the first of each thread at most is no resumption */
        assert_true(sh.resumed >= THREADS * (ROUNDS - 1));
    weir_tls_unref(&sh.of_client);
    weir_tls_unref(&sh.of_server);
    rig_close(&rig);
}

WEIR_TEST_BACKENDS(threads_share_a_context_and_its_tickets) {
    shares(false);
}

WEIR_TEST_BACKENDS(a_context_is_read_again_while_threads_use_it) {
    shares(true);
}

/* ---- one after the other ---- */

/* One conversation, in which the client gets its tickets. Returns 1 if it was resumed, else 0. */
static int resumes(struct shared *sh) {
    struct rig_ends e = {.of_client = sh->of_client, .of_server = sh->of_server};
    char byte;
    assert_int_equal(rig_pair(&e), 0);
    int is_resumed = weir_tls_resumed(e.client) && weir_tls_resumed(e.server);
    assert_int_equal(weir_write(e.server, "x", 1), 0);
    assert_int_equal(weir_read(e.client, &byte, 1), 1);
    rig_part(&e);
    return is_resumed;
}

static int resumes_here(void *sh) {
    assert_int_equal(resumes(sh), 1);
    return 0;
}

static void *other_loop(void *sh) {
    assert_int_equal(weir_run(resumes_here, sh, NULL), 0);
    return NULL;
}

/* This loop stays open meanwhile, so the other has another number, and an SSL_CTX of its own. */
static int visits(void *arg) {
    struct shared *sh = arg;
    pthread_t thread;
    assert_int_equal(resumes(sh), 0);
    assert_int_equal(pthread_create(&thread, NULL, other_loop, sh), 0);
    pthread_join(thread, NULL);
    assert_non_null(sh->of_server->seats->next);
    assert_int_equal(resumes(sh), 1); /* and back, by a ticket of the other loop */
    return 0;
}

WEIR_TEST(a_client_resumes_on_another_loop) {
    struct rig rig;
    rig_open(&rig);
    struct shared sh = {.of_client = rig_client(&rig), .of_server = rig_server(&rig)};
    assert_int_equal(weir_run(visits, &sh, NULL), 0);
    weir_tls_unref(&sh.of_client);
    weir_tls_unref(&sh.of_server);
    rig_close(&rig);
}
