/* SPDX-License-Identifier: MIT */
/* passed_test.c - descriptors of simulated sockets that are sent over unix sockets: who closes the
 * last one closes the socket. */
#include "sim/world_rig.h"

union control {
    struct cmsghdr head;
    char bytes[CMSG_SPACE(sizeof(int))];
};

static void unix_pair(struct rig_pair *p) {
    struct weir__addr a = {.len = offsetof(struct sockaddr_un, sun_path) + sizeof "/door"};
    a.un.sun_family = AF_UNIX;
    memcpy(a.un.sun_path, "/door", sizeof "/door");
    rig_pair_at(p, a);
}

/* The message "x", and one descriptor beside it: sent, or received. */
static int64_t message(int kind, struct weir__file *f, union control *control) {
    char byte = 'x';
    struct iovec v = {&byte, 1};
    struct mmsghdr m = {.msg_hdr = {.msg_iov = &v,
                                    .msg_iovlen = 1,
                                    .msg_control = control,
                                    .msg_controllen = CMSG_LEN(sizeof(int))}};
    struct rig_op o = rig_op(kind, f);
    o.op.u.message.messages = &m;
    o.op.u.message.count = 1;
    return rig_run(&o);
}

static void send_fd(struct weir__file *over, int fd) {
    union control c = {.head = {.cmsg_len = CMSG_LEN(sizeof fd),
                                .cmsg_level = SOL_SOCKET,
                                .cmsg_type = SCM_RIGHTS}};
    memcpy(CMSG_DATA(&c.head), &fd, sizeof fd);
    assert_int_equal(message(WEIR__TRY_SENDMSG, over, &c), 1);
}

static int receive_fd(struct weir__file *over) {
    union control c = {0};
    int fd = -1;
    assert_int_equal(message(WEIR__RECVMSG, over, &c), 1);
    memcpy(&fd, CMSG_DATA(&c.head), sizeof fd);
    return fd;
}

WEIR_TEST(a_number_that_was_passed_is_closed_while_another_is_attached) {
    struct rig_pair door, p;
    struct weir__file client, taken, own = {.fd = -1};
    struct rig_op o;
    char byte;
    world_open(NULL);
    unix_pair(&door);
    rig_pair_open(&p);
    assert_int_equal(rig_connect(&client, &p.addr), 0);
    rig_accept_begin(&o, &p.listener);
    own.fd = (int)rig_wait(&o);
    send_fd(&door.here, own.fd);
    assert_int_equal(rig_attach(&taken, receive_fd(&door.there)), 0);
    rig_close_file(&own);
    assert_int_equal(rig_send(&taken, "y", 1), 1);
    assert_int_equal(rig_recv(&client, &byte, 1), 1);
    rig_close_file(&taken);
    assert_int_equal(rig_recv(&client, &byte, 1), 0);
    rig_close_file(&client);
    rig_pair_close(&p);
    rig_pair_close(&door);
    world_close();
}

/* Nothing is left that could receive it. */
WEIR_TEST(a_socket_that_was_sent_over_itself_is_freed_with_its_world) {
    struct rig_pair door;
    struct weir__file own = {.fd = -1};
    struct rig_op o;
    world_open(NULL);
    unix_pair(&door);
    rig_close_file(&door.there);
    rig_close_file(&door.here);
    assert_int_equal(rig_connect(&door.here, &door.addr), 0);
    rig_accept_begin(&o, &door.listener);
    own.fd = (int)rig_wait(&o);
    send_fd(&door.here, own.fd);
    rig_close_file(&own);
    rig_pass(WEIR_SECONDS(1));
    rig_close_file(&door.here);
    rig_close_file(&door.listener);
    assert_int_equal(world->open, 1); /* its last descriptor lies among its own bytes */
    rig_close();
    weir__sim_world_free(world);
    world = NULL;
}
