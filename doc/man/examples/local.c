/* SPDX-License-Identifier: MIT */
/* Shows: weir_local weir_local_set weir_local_get weir-local */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <weir/weir.h>

static const struct weir_local request = {free}; /* the key: its address */

static int query(void *args) { /* a child of the task that serves the request */
    printf("request %s asks the database\n", (char *)weir_local_get(&request));
    return 0;
}

static int serve(void *args) {
    char *id = malloc(8);
    if (id == NULL)
        return -ENOMEM;
    snprintf(id, 8, "%d", *(int *)args);
    int rc = weir_local_set(&request, id); /* freed when the last task that has it has ended */
    if (rc < 0)
        free(id);
    return rc < 0 ? rc : weir_go0(NULL, query);
}

static int program(void *arg) {
    int rc = 0;
    for (int id = 1; id <= 2 && rc == 0; id++)
        rc = weir_spawn(NULL, WEIR_SITE(serve), serve, &id, sizeof id, NULL, NULL);
    return rc;
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}
