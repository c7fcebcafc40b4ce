/* SPDX-License-Identifier: MIT */
/* sim.h - the simulated world: one virtual clock, one queue of events, hosts, links, sockets.
 * A backend instance (sim.c) is a loop's view of it: a world may outlive its loops, and several
 * may share one. Only sim.c and io.c know ops. Each file calls only those to its right:
 *   sim.c -> order.c -> io.c, world.c -> dgram.c, unix.c -> tcp.c -> sock.c -> host.c -> event.c
 *   -> chance.c
 *   sim.c -> verb.c -> disk.c (files)
 *
 * Every decision is integer arithmetic on the seed and on what happened before; chance.h has the
 * only source of chance; no iteration follows addresses. The world's own memory is outside the
 * counted heap (base/alloc.h): a test that counts allocations counts the library's. */
#ifndef WEIR_SIM_SIM_H
#define WEIR_SIM_SIM_H

#include "base/list.h"
#include "base/time.h"
#include "sim/chance.h"
#include "sys/backend.h"

struct sim_world;
struct sim_sock;
struct sim_disk;
struct sim;

/* ---- memory and events (event.c) ------------------------------------------------------------- */

struct sim_event {
    weir_ns at_ns;
    uint32_t tie;    /* chosen: orders events of one at_ns */
    uint64_t order;  /* of arming: orders those of one tie */
    size_t position; /* in the heap, from 1; 0: not queued */
    bool idle;       /* can change nothing as the world stands: does not count against quiet */
    void (*fire)(struct sim_world *w, struct sim_event *e);
};

/* Queue e for at_ns, or move it. fire is called with e no longer queued. */
void weir__sim_event_arm(struct sim_world *w, struct sim_event *e, weir_ns at_ns);
/* The same, with the tie of another event: behind it, if that one has at_ns too. */
void weir__sim_event_arm_behind(struct sim_world *w, struct sim_event *e, weir_ns at_ns,
                                uint32_t tie);
void weir__sim_event_disarm(struct sim_world *w, struct sim_event *e);
void weir__sim_event_idle(struct sim_world *w, struct sim_event *e, bool idle);

/* Fire all that is due now. */
void weir__sim_world_fire(struct sim_world *w);

void *weir__sim_alloc(size_t size); /* zeroed; aborts without memory */
void *weir__sim_realloc(void *old, size_t size);

/* ---- the world (world.c) --------------------------------------------------------------------- */

struct sim_config { /* all set; see weir_sim_options for the meaning and the defaults */
    uint64_t seed;
    weir_ns latency_ns, local_latency_ns, resolve_ns, work_ns, limit_ns;
    size_t send_buffer, receive_buffer, segment_max, piece_size, piece_count;
    size_t descriptors_max, disk_size;
    weir_ns jitter_ns;
    uint32_t loss, duplicates; /* of 1000 */
    bool deferred;
    bool permutes; /* the choices up to SIM_ORDERS are asked */
};

struct sim_ip { /* IPv4 as ::ffff:a.b.c.d */
    uint8_t byte[16];
};

struct sim_name { /* of a unix socket, as it lies in sun_path; len 0: it has none */
    size_t len;
    char text[sizeof(((struct sockaddr_un *)0)->sun_path)];
};

struct sim_host {
    char name[WEIR__NAME_MAX + 1];
    bool cut;
    uint16_t next_port; /* where the search for an ephemeral port goes on */
    uint16_t *ports;    /* sockets per port; NULL until the first */
};

struct sim_link {
    int a, b;
    weir_ns latency_ns;
};

struct sim_world {
    struct sim_config config;
    weir_ns now_ns;
    uint64_t made; /* events so far */
    struct sim_event **heap;
    size_t heap_len, heap_cap, idle_len;
    struct sim_chance chance;
    struct sim_host *hosts;
    int host_count;
    struct sim_link *links;
    size_t link_count;
    struct sim_sock **socks; /* by slot; NULL: free */
    size_t sock_cap, sock_len, open;
    uint32_t generation;
    struct weir__list listeners, instances;
    void (*changed)(struct sim_sock *s); /* s may be readable or writable now; sim.c sets it */
    void (*leaves)(struct sim_sock *s);  /* s is about to be freed; likewise */
    void (*overrun)(void *arg); /* the limit of virtual time is reached */
    void *overrun_arg;
    bool overran;
    struct sim_program *programs;
    unsigned programs_started;
    uint64_t segments, lost, quiet;
    struct sim_disk *disk; /* NULL: no call on files was made yet */
    weir_ns wall_offset_ns; /* the wall clock, less now_ns */
    struct weir__list walls; /* timers by it */
    int walls_made;
};

/* When time begins: an hour after boot, so that "not set" and "now" never look alike. */
#define SIM_START_NS WEIR_SECONDS(3600)

enum { SIM_FD_BASE = 1 << 20 }; /* simulated descriptors start here: never a real one */
enum { SIM_WALL_BASE = 1 << 28 }; /* and those of timers by the wall clock here */

/* The wall clock of a new world: 2026-01-01 00:00:00 UTC. */
#define SIM_WALL_NS WEIR_SECONDS(1767225600)

void weir__sim_config_defaults(struct sim_config *c);

/* Whether the variable WEIR_SEED names a seed. It is the seed of the defaults. Aborts if it is no
 * number. */
bool weir__sim_seed_asked(uint64_t *ret_seed);

/* A world with host 0, named host_name. Never fails: without memory the test aborts. */
struct sim_world *weir__sim_world_new(const struct sim_config *c, const char *host_name);
/* The same, but its choices are those of the list, which is borrowed until the world is freed. */
struct sim_world *weir__sim_world_replay(const struct sim_config *c, const char *host_name,
                                         const struct sim_choices *replay);
void weir__sim_world_free(struct sim_world *w); /* no instance attached */
size_t weir__sim_lent(const struct sim_world *w);    /* pieces lent, of all instances */
size_t weir__sim_pending(const struct sim_world *w); /* ops held, of all instances */

/* The world that instances opened on this thread attach to; NULL: each makes its own. */
struct sim_world *weir__sim_world_here(void);
void weir__sim_world_enter(struct sim_world *w);

/* What plays the program of that name: set it, find it. NULL: none does. The name is copied. */
struct weir_sim_process;
typedef int sim_player(struct weir_sim_process *p);
void weir__sim_program_set(struct sim_world *w, const char *name, sim_player *played);
sim_player *weir__sim_program(const struct sim_world *w, const char *name);

/* ---- hosts and links (host.c) ------------------------------------------------------------ */

int weir__sim_host_find(const struct sim_world *w, const char *name); /* -1: none */
int weir__sim_host_add(struct sim_world *w, const char *name);        /* its number, old or new */
void weir__sim_link_set(struct sim_world *w, int a, int b, weir_ns latency_ns);

/* Whether segments between the two arrive; how long they take without jitter. A host -1 is
 * nowhere. */
bool weir__sim_path_whole(const struct sim_world *w, int from, int to);
weir_ns weir__sim_path_latency(const struct sim_world *w, int from, int to);
/* Chosen: is a segment lost that is sent now? When does it arrive? */
bool weir__sim_path_loses(struct sim_world *w, int from, int to);
weir_ns weir__sim_path_arrival(struct sim_world *w, int from, int to);

/* The addresses of a name or a numeric text; how many, 0: not known. */
int weir__sim_resolve(const struct sim_world *w, const char *name, uint16_t port,
                      struct weir__addr *ret);

bool weir__sim_ip_from(const struct weir__addr *a, struct sim_ip *ret_ip, uint16_t *ret_port);
void weir__sim_addr_make(int family, const struct sim_ip *ip, uint16_t port,
                         struct weir__addr *ret);
void weir__sim_unix_addr(const struct sim_name *n, struct weir__addr *ret);
bool weir__sim_ip_is_any(const struct sim_ip *ip);
bool weir__sim_ip_is_v4(const struct sim_ip *ip);
bool weir__sim_ip_is_loopback(const struct sim_ip *ip);
bool weir__sim_ip_equal(const struct sim_ip *a, const struct sim_ip *b);
void weir__sim_ip_of_host(int host, bool v4, struct sim_ip *ret);
/* The host that an address means, seen from another; -1: nowhere. */
int weir__sim_ip_host(const struct sim_world *w, int from, const struct sim_ip *ip);

/* ---- sockets (sock.c) and the protocol between them (tcp.c) -------------------------- */

struct sim_ring { /* bytes, grown up to what its user allows */
    uint8_t *base;
    size_t cap, head, len;
};

void weir__sim_ring_put(struct sim_ring *r, const void *from, size_t len);
void weir__sim_ring_peek(const struct sim_ring *r, size_t at, void *to, size_t len);
void weir__sim_ring_drop(struct sim_ring *r, size_t len);
void weir__sim_ring_clear(struct sim_ring *r);

struct sim_datagram;
struct sim_group;
struct sim_rights;

enum sim_state {
    SIM_FRESH,     /* perhaps bound */
    SIM_LISTEN,
    SIM_SYN_SENT,
    SIM_SYN_RCVD,  /* made by a listener, not yet in its accept queue */
    SIM_CONNECTED, /* until both directions have ended */
    SIM_DEAD,      /* reset, timed out or refused */
    SIM_TIME_WAIT  /* holds its port for a minute */
};

/* Sequence numbers count from 0, the SYN; bytes from 1; the FIN follows the last byte. */
struct sim_sock {
    struct sim_world *world;
    struct sim *owner;        /* the instance whose loop uses it, or did; NULL: closed */
    struct weir__file *file;  /* NULL: not attached (yet, or any more) */
    uint64_t id;              /* slot and generation: a name that is never used twice */
    size_t slot;
    enum sim_state state;
    int family, type, host, peer_host;
    struct sim_ip ip, peer_ip;
    uint16_t port, peer_port;
    bool bound, counted, open; /* counted: in its host's ports; open: it has a descriptor */
    bool v6only, reuse_addr, reuse_port, linger0, shut_rd;
    int error; /* as the kernel's sk_err: given once */
    uint64_t peer_id;

    struct sim_ring out; /* from snd_una on */
    size_t out_max;
    uint64_t snd_una, snd_nxt, snd_end, snd_limit; /* snd_end: after the last byte written */
    bool fin_wanted, closed_first;
    unsigned retries, unanswered; /* how often the pause has doubled; tries without an answer */
    struct sim_event retry;
    weir_ns heard_ns;   /* when the last segment arrives that is on its way to this socket, and */
    uint32_t heard_tie; /* its tie: a segment sent later does not arrive earlier */

    struct sim_ring in;
    size_t in_max;
    uint64_t rcv_nxt, advertised; /* advertised: the limit last told to the peer */
    bool fin_rcvd;
    int options[WEIR__OPTIONS]; /* as they were set */
    int keepalive_s;
    unsigned probes;
    struct sim_event alive; /* keepalive; the end of FIN_WAIT2 and of TIME_WAIT */

    struct weir__list listening; /* in the world's listeners */
    struct weir__list queue;     /* listener: head; child: its place */
    bool queued;
    unsigned backlog, queue_len, embryos;
    uint64_t parent_id;

    struct sim_name name, peer_name; /* of unix sockets */
    struct sim_rights *rights;       /* descriptors that come with bytes not yet read */
    unsigned copies;                 /* further descriptors of this socket, sent or received */

    struct sim_datagram *box, **box_end; /* datagrams received */
    size_t box_bytes, box_count;
    size_t flying, coming; /* bytes sent that did not arrive yet; datagrams on their way (unix) */
    struct sim_group *groups;
    bool no_loop;
};

struct sim_sock *weir__sim_sock_new(struct sim_world *w, struct sim *owner, int family, int type,
                                    int host);
struct sim_sock *weir__sim_sock_by_id(const struct sim_world *w, uint64_t id); /* NULL: gone */
struct sim_sock *weir__sim_sock_by_fd(const struct sim_world *w, int fd);
int weir__sim_sock_fd(const struct sim_sock *s);
/* Queue e, the arrival of a segment at the socket of that id, for at_ns, but not before the one
 * that was sent to it before. */
void weir__sim_sock_expect(struct sim_world *w, uint64_t id, struct sim_event *e, weir_ns at_ns);
/* A segment of s is lost by chance. What it said the peer can now learn only by a probe of
 * its own, so that probe keeps the world from being quiet. */
void weir__sim_sock_unheard(struct sim_sock *s);
/* s has changed, and the peer can learn of it by its next probe: that keeps the world from being
 * quiet, until it has been sent. */
void weir__sim_sock_stir_peer(struct sim_sock *s);
void weir__sim_sock_free(struct sim_sock *s);

/* The calls, with the errno of Linux; 0 or negative. After KEEPALIVE was set the caller calls
 * weir__sim_keepalive_set. */
int weir__sim_bind(struct sim_sock *s, const struct weir__addr *a);
int weir__sim_listen(struct sim_sock *s, int backlog);
int weir__sim_option(struct sim_sock *s, enum weir__option option, int value);
int weir__sim_option_get(const struct sim_sock *s, enum weir__option option, int *ret_value);
int weir__sim_name(const struct sim_sock *s, bool peer, struct weir__addr *ret);
int weir__sim_bind_ephemeral(struct sim_sock *s);
void weir__sim_host_port(struct sim_sock *s, bool take);
struct sim_sock *weir__sim_listener_for(struct sim_world *w, int host, const struct sim_ip *ip,
                                        uint16_t port);

/* How well s fits an address, 0: not at all. */
int weir__sim_fit(const struct sim_sock *s, const struct sim_ip *ip);
/* The address from which s sends to ip, if it is bound to no certain one. */
void weir__sim_source(struct sim_sock *s, const struct sim_ip *ip, struct sim_ip *ret);

int weir__sim_connect(struct sim_sock *s, const struct weir__addr *a); /* 0: under way */
int weir__sim_connected(struct sim_sock *s);                            /* -EAGAIN: not yet */
int weir__sim_accept(struct sim_sock *s, struct sim_sock **ret_child);  /* -EAGAIN: none */
int64_t weir__sim_recv(struct sim_sock *s, void *buf, size_t len);      /* -EAGAIN: nothing yet */
int64_t weir__sim_send(struct sim_sock *s, const void *buf, size_t len); /* -EAGAIN: no room */
bool weir__sim_readable(const struct sim_sock *s);
bool weir__sim_writable(const struct sim_sock *s);
int weir__sim_shutdown(struct sim_sock *s, int how);
void weir__sim_close(struct sim_sock *s); /* s may be gone on return */
void weir__sim_keepalive_set(struct sim_sock *s);

/* Datagrams (dgram.c). */
int weir__sim_dgram_connect(struct sim_sock *s, const struct weir__addr *a);
int weir__sim_dgram_group(struct sim_sock *s, const struct weir__addr *group, bool leave);
int64_t weir__sim_dgram_send(struct sim_sock *s, const struct msghdr *m); /* -EAGAIN: no room */
int64_t weir__sim_dgram_recv(struct sim_sock *s, struct msghdr *m, int flags); /* -EAGAIN */
bool weir__sim_dgram_writable(const struct sim_sock *s);
void weir__sim_dgram_drop(struct sim_sock *s); /* before s is freed */

/* Unix sockets (unix.c): names, and descriptors beside bytes. */
int weir__sim_unix_bind(struct sim_sock *s, const struct weir__addr *a);
int weir__sim_unix_connect(struct sim_sock *s, const struct weir__addr *a);
void weir__sim_unix_name(const struct weir__addr *a, struct sim_name *ret);
struct sim_sock *weir__sim_unix_find(const struct sim_world *w, int type,
                                     const struct sim_name *n);
int64_t weir__sim_unix_send(struct sim_sock *s, const struct msghdr *m);
int64_t weir__sim_unix_recv(struct sim_sock *s, struct msghdr *m);
/* How many of len bytes a plain read may take; what came with them is closed. */
size_t weir__sim_unix_read(struct sim_sock *s, size_t len);
/* One descriptor of s is closed: the last one closes s, which may be gone on return. */
void weir__sim_let_go(struct sim_sock *s);
void weir__sim_unix_drop(struct sim_sock *s); /* s was closed, or is freed */

/* Segments to and from the host are lost, or arrive again. */
void weir__sim_host_cut(struct sim_world *w, int host, bool cut);

/* The wall clock, by which files have their times; step it (calendar.c). */
static inline weir_ns weir__sim_wall_now(const struct sim_world *w) {
    return weir__deadline(w->wall_offset_ns, w->now_ns);
}
void weir__sim_wall_step(struct sim_world *w, weir_ns by_ns);

/* ---- instances (sim.c) ----------------------------------------------------------------------- */

int weir__sim_raise(struct sim_world *w, int signal); /* how many ops waited for it */

/* What weir__backend_open_sim points to. Attaches to weir__sim_world_here, else to a world of its
 * own with the defaults. Returns 0. */
int weir__sim_open(struct weir__backend **ret_backend, const char **ret_why);

#endif
