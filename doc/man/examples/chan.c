/* SPDX-License-Identifier: MIT */
/* Shows: weir-chan weir_chan weir_chan_init weir_chan_fini weir_chan_send weir_chan_recv
 * weir_chan_try_send weir_chan_try_recv weir_chan_close weir_chan_refuse weir_chan_on_drop
 * weir_chan_len */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir/weir.h>

static struct weir_chan words; /* of char *, which the receiver frees */

static int speaks(void *args) {
    static const char *const text[] = {"one", "two", "three"};
    int rc = 0;
    (void)args;
    for (int i = 0; i < 3 && rc == 0; i++) {
        char *word = strdup(text[i]);
        rc = weir_chan_send(&words, &word);
        if (rc < 0)
            free(word); /* it was not sent, so it is still ours */
    }
    weir_chan_close(&words); /* the receiver gets what is left, then 0 */
    return rc;
}

static void throw_away(void *item, void *arg) {
    (void)arg;
    free(*(char **)item);
}

static int program(void *arg) {
    struct weir_group g;
    char *word;
    int rc = weir_chan_init(&words, char *, 2);
    (void)arg;
    if (rc < 0)
        return rc;
    weir_chan_on_drop(&words, throw_away, NULL);
    weir_group_open(&g, WEIR_TOGETHER);
    rc = weir_go0(&g, speaks);
    while (rc >= 0 && (rc = weir_chan_recv(&words, &word)) == 1) {
        printf("%s, and %zu more\n", word, weir_chan_len(&words));
        free(word);
    }
    if (rc < 0)
        weir_chan_refuse(&words); /* nobody will receive: a sender that waits goes on */
    rc = weir_group_close(&g, rc);
    word = NULL;
    if (weir_chan_try_send(&words, &word) == WEIR_ECLOSED && weir_chan_try_recv(&words, &word) == 0)
        printf("closed\n");
    weir_chan_fini(&words);
    return rc;
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}
