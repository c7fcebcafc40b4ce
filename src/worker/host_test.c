/* SPDX-License-Identifier: MIT */
/* host_test.c - a worker inside a host whose standard input and output carry a protocol. The
 * worker's lines and the library's go through the log to a sink, and not one byte to stdout. */
#include <fcntl.h>
#include <unistd.h>
#include <weir/log.h>

#include "base/log.h"
#include "worker/worker_test_util.h"

static struct weir_logger workers = WEIR_LOGGER("workers", WEIR_LOG_INFO);

static void both(const char *line, void *arg) { /* the story waits for lines; the log has them */
    see(line, NULL);
    weir_log_out(line, arg);
}

static int chatty_setup(void *state, const struct weir_params *p) {
    weir_out("set up \"here\"");
    return 0;
}

static int chatty_loop(void *state, const struct weir_message *m, struct weir_ack *ack) {
    weir_out("got %.*s", (int)m->data.len, (const char *)m->data.base);
    weir__log(WEIR_LOG_ERROR, "a line of the library");
    return weir_ack_text(ack, "ok");
}

static const struct weir_worker chatty = {
    .size = sizeof chatty, .name = "Chatty", .setup = chatty_setup, .loop = chatty_loop};

static void host_hears(const char *request) {
    char got[32] = "";
    assert_int_equal(read(STDIN_FILENO, got, strlen(request)), strlen(request));
    assert_string_equal(got, request);
}

static void host_says(const char *answer) {
    assert_int_equal(write(STDOUT_FILENO, answer, strlen(answer)), strlen(answer));
}

static int story(void) {
    int rc = await_line("serving on");
    if (rc == 0)
        rc = dial("ws://localhost:8765/a");
    if (rc < 0)
        return rc;
    host_hears("tick\n");
    expect_ack("a\nb\x1b", "ok");
    host_says("ticked\n");
    rc = hang_up();
    return rc == 0 ? stop(SIGTERM) : rc;
}

static const char *all_of(int fd) {
    static char text[32768];
    fcntl(fd, F_SETFL, O_NONBLOCK);
    ssize_t n = read(fd, text, sizeof text - 1);
    text[n > 0 ? n : 0] = '\0';
    return text;
}

static void expect_logged(const char *text, const char *logger, const char *line) {
    char wanted[200];
    snprintf(wanted, sizeof wanted, "\"logger\":\"%s\",\"task\":\"", logger);
    const char *at = strstr(text, line);
    if (at == NULL)
        fail_msg("'%s' is not in:\n%s", line, text);
    while (at > text && at[-1] != '\n')
        at--;
    const char *found = strstr(at, wanted);
    assert_true(found != NULL && found < strchr(at, '\n'));
}

WEIR_TEST(a_host_that_owns_stdin_and_stdout_gets_the_lines_in_its_log) {
    int in[2], out[2], log[2];
    struct world w = {.worker = &chatty, .story = story};
    assert_int_equal(pipe(in), 0);
    assert_int_equal(pipe(out), 0);
    assert_int_equal(pipe(log), 0);
    int old_in = dup(STDIN_FILENO), old_out = dup(STDOUT_FILENO);
    dup2(in[0], STDIN_FILENO);
    dup2(out[1], STDOUT_FILENO);
    assert_int_equal(write(in[1], "tick\nnext\n", 10), 10);
    int number = weir_log_add_fd(log[1], WEIR_LOG_JSON);
    assert_true(number > 0);
    assert_int_equal(weir_log_remove(0), 0);
    weir_out_to(both, &workers);
    assert_int_equal(weir_sim_run(play, &w, NULL), 0);
    host_hears("next\n"); /* nobody has read of the host's input */
    assert_int_equal(weir_log_remove(number), 0);
    fflush(stdout);
    dup2(old_in, STDIN_FILENO);
    dup2(old_out, STDOUT_FILENO);
    assert_string_equal(all_of(out[0]), "ticked\n");
    const char *logged = all_of(log[0]);
    expect_logged(logged, "workers", "\"text\":\"[ Chatty ] set up \\\"here\\\"\"}\n");
    expect_logged(logged, "workers", "\"text\":\"[ Chatty ] got a\\\\nb\\\\x1b\"}\n");
    expect_logged(logged, "weir", "\"text\":\"a line of the library\"}\n");
    int all[] = {in[0], in[1], out[0], out[1], log[0], log[1], old_in, old_out};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        close(all[i]);
}
