/* SPDX-License-Identifier: MIT */
/* Shows: weir_sim_run weir_sim_options weir_sim_host weir_sim_link weir_sim_cut weir_sim_restore
 * weir_sim_counts weir-testing */
#include <stdio.h>
#include <weir/testing.h>
#include <weir/weir.h>

static int serve(void *arg) {
    WEIR_AUTO(weir_unlisten) struct weir_listener *l = NULL;
    WEIR_AUTO(weir_close) struct weir_stream *s = NULL;
    int rc = weir_listen("tcp://station:7000", NULL, &l); /* on that host */
    if (rc == 0)
        rc = weir_accept(l, &s);
    return rc == 0 ? weir_write(s, "20.5\n", 5) : rc;
}

static int program(void *arg) {
    WEIR_AUTO(weir_close) struct weir_stream *s = NULL;
    char line[16];
    int rc = weir_sim_host("station");
    if (rc == 0)
        rc = weir_sim_link("main", "station", WEIR_SECONDS(2)); /* as far as that */
    if (rc == 0)
        rc = weir_go0(NULL, serve);
    if (rc == 0)
        rc = weir_dial("tcp://station:7000", NULL, &s);
    if (rc == 0 && (rc = weir_sim_cut("station")) == 0)
        rc = weir_sleep(WEIR_SECONDS(60)); /* what was on its way is lost, and sent again */
    if (rc == 0 && (rc = weir_sim_restore("station")) == 0
        && weir_read_until(s, '\n', line, sizeof line) > 0)
        printf("%s", line);
    return rc;
}

int main(void) { /* takes no time: the clock is virtual */
    const struct weir_sim_options options = {.size = sizeof options, .seed = 7};
    int rc = weir_sim_run(program, NULL, &options);
    printf("%d s, %d segments, %d lost\n",
           (int)(weir_sim_counts()->now_ns / WEIR_SECONDS(1)) - 3600,
           (int)weir_sim_counts()->segments, (int)weir_sim_counts()->lost);
    return rc < 0;
}
