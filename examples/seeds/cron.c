/* SPDX-License-Identifier: MIT */
/* cron - jobs by the wall clock: each has a minute of the hour, or of every hour. The program runs
 * in a simulated world, where hours take no time, and somebody sets the clock back at 03:30, as at
 * the end of summer time. A job runs once for each time that the calendar shows, and a step is
 * noticed at once. */
#include <stdio.h>
#include <time.h>
#include <weir/testing.h>
#include <weir/weir.h>

struct job {
    const char *name;
    int hour, minute; /* hour -1: each */
};

static const struct job jobs[] = {{"backup", 3, 15}, {"report", -1, 0}};
enum { JOBS = sizeof jobs / sizeof jobs[0] };

static void say(const char *what) {
    time_t now = (time_t)(weir_wall_now() / WEIR_SECONDS(1));
    struct tm tm;
    char text[16];
    gmtime_r(&now, &tm);
    strftime(text, sizeof text, "%H:%M:%S", &tm);
    printf("%s %s\n", text, what);
}

static int is_due(const struct job *j, time_t minute) {
    struct tm tm;
    gmtime_r(&minute, &tm);
    return tm.tm_min == j->minute && (j->hour < 0 || tm.tm_hour == j->hour);
}

/* The next whole minute after now at which a job is due. */
static time_t next_time(weir_ns now_ns) {
    time_t t = (time_t)(now_ns / WEIR_SECONDS(60) + 1) * 60;
    for (;; t += 60)
        for (int i = 0; i < JOBS; i++)
            if (is_due(&jobs[i], t))
                return t;
}

static int cron(void *args) {
    for (;;) {
        time_t t = next_time(weir_wall_now());
        int rc = weir_wall_sleep_until((weir_ns)t * WEIR_SECONDS(1));
        if (rc < 0)
            return rc;
        if (rc == 1)
            say("the clock was set: look at the calendar again");
        for (int i = 0; i < JOBS && rc == 0; i++)
            if (is_due(&jobs[i], t))
                say(jobs[i].name);
    }
}

static int program(void *arg) {
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
    int rc = weir_go0(&g, cron);
    if (rc == 0)
        rc = weir_sleep(WEIR_SECONDS(3.5 * 3600));
    if (rc == 0)
        rc = weir_sim_wall_step(-WEIR_SECONDS(3600));
    if (rc == 0)
        rc = weir_sleep(WEIR_SECONDS(1.25 * 3600));
    weir_group_cancel(&g, "the night is over");
    int closed = weir_group_close(&g, rc);
    return closed == -ECANCELED || closed == WEIR_ESTOPPED ? 0 : closed;
}

int main(void) {
    return weir_sim_run(program, NULL, NULL) < 0;
}
