/* SPDX-License-Identifier: MIT */
/* advice.c - a table of advice. weir_error_text says what each code means. */
#include "cli/advice.h"

#include <errno.h>
#include <stddef.h>
#include <weir/base.h>

struct advice {
    int code;
    const char *text;
};

static const struct advice own[] = {
    {WEIR_ENOLOOP, "A call that may suspend was made in a thread without a loop, in a posted "
                   "function or in a callback. Call it in a task: inside weir_run, or by "
                   "weir_block_on from a plain thread."},
    {WEIR_ESTOPPED, "weir_stop or weir_scope_stop was called. The error's record says where."},
    {WEIR_ECLOSED, "Another task closed the object while this one waited on it, or it had been "
                   "closed before."},
    {WEIR_ETORN, "A write was cancelled or failed after some of its bytes had been sent, so the "
                 "peer has a part of a message. Close the stream. To cancel writes without "
                 "harm, send messages (WebSocket), or shield the write."},
    {WEIR_EFORKED, "The program forked while a loop existed, and this is the child. The child can "
                   "only close the loop's objects; it can run a loop of its own."},
    {WEIR_ETOOBIG, "A message, line or frame is longer than its limit. Raise the limit (max), or "
                   "refuse the peer. Close a stream after a frame that is too long: where the "
                   "next one begins is not known."},
    {WEIR_EEOF, "The stream ended before all that was asked for had come. weir_peek with a min of "
                "1 shows what came."},
    {WEIR_EBACKEND, "Containers often forbid io_uring: `weir doctor` says what runs here. Without "
                    "WEIR_BACKEND the best one is chosen."},
    {WEIR_ENOTLS, "tls://, https:// and wss:// need the library weir-tls: "
                  "`pkg-config --libs weir-tls`."},
    {WEIR_ECERT, "The error's text names the certificate and what is wrong with it. `openssl "
                 "s_client -connect HOST:PORT -showcerts` shows what a server sends."},
    {WEIR_ETLS, "Both sides speak TLS, but no version, cipher, name or protocol in common; or the "
                "peer refused. The peer's log may say more."},
    {WEIR_ENOZLIB, "Compression (permessage-deflate, gzip) is in the library weir-zlib: link the "
                   "program with `pkg-config --libs weir-zlib`, or leave the option off."},
    {WEIR_ENONAME, "The name service answered that no such host exists. Check the spelling, "
                   "/etc/hosts and /etc/resolv.conf."},
    {WEIR_ERESOLVE, "The name service did not answer. Try again later; weir_retry does."},
    {WEIR_EURL, "Write a scheme: tcp://HOST:PORT, unix:/PATH, ws://HOST:PORT/CHANNEL. An IPv6 "
                "address stands in brackets."},
    {WEIR_EPROTO, "The peer sent bytes that the protocol forbids. It may speak another protocol, "
                  "or a proxy may stand in between. The error's text says which rule was "
                  "broken."},
    {WEIR_EUTF8, "A text message has bytes that are not UTF-8. Send it as binary."},
    {WEIR_EHTTP, "The server answered with another status than the one needed: "
                 "weir_error(rc)->status has it."},
    {WEIR_EWSCLOSED, "The peer closed the WebSocket, or this side did. weir_ws_close_code returns "
                     "the code and the reason."},
    {WEIR_EKEEPALIVE, "The peer is gone, hangs, or cannot be reached. Dial again. If the peer may "
                      "be busy for longer, raise ping_ns and pong_ns."},
    {WEIR_EBUSYPEER, "The peer reads more slowly than this program sends. Send less, drop old "
                     "messages, or close the connection."},
    {WEIR_ENACK, "The worker's loop refused the message. The error's text has its reason."},
    {WEIR_ENONODE, "The name is not in the grid. Add it by WEIR_GRID or --node NAME=HOST:PORT, or "
                   "start the fleet that has it."},
    {WEIR_ENOLISTEN, "The node is a source: it sends and does not listen."},
    {WEIR_EUNREACH, "No program accepts connections at the node's address. Check that the node "
                    "runs. weir_error(rc)->reason has the last error."},
    {WEIR_EWORKER, "Give struct weir_worker both functions, setup and loop."},
    {WEIR_EPARAM, "--help of the worker lists its parameters; fleet.yaml has them under `with:`."},
    {WEIR_EUNPLUGGED, "The device was removed, or a pseudo-terminal lost its other side. Close the "
                      "stream, and open the port again: weir_serial_ports lists those that are "
                      "there."},
    {WEIR_ECONFIG, "The message names the line and the column. weir-fleet(5) lists all keys."},
    {WEIR_ESIMREFUSED, "The simulated world has no such object, as a real descriptor or a signal "
                       "of the machine. Run this part on a real backend."},
};

static const struct advice systems[] = {
    {-EPERM, "This user is not allowed to do it; or the descriptor cannot be waited for (a "
             "regular file is always ready)."},
    {-ENOENT, "Check the path, and the working directory that it is relative to. A command is "
              "not in PATH, or its interpreter (#!) does not exist."},
    {-EIO, "The device, or the other side of a terminal, is gone; or a disk fails: see dmesg."},
    {-EBADF, "The descriptor was closed, perhaps by another part of the program, or is open for "
             "the other direction only."},
    {-ECHILD, "The child was killed by a signal, or its exit status was taken by another wait "
              "(waitpid(-1), or an ignored SIGCHLD)."},
    {-EAGAIN, "A call that does not wait has found nothing to do; or a limit is reached: too many "
              "look-ups, processes (ulimit -u), or locked bytes."},
    {-ENOMEM, "No memory: the machine, the control group or a limit (ulimit -v) is exhausted."},
    {-EACCES, "The permissions of the file, or of a directory above it, forbid it. A port below "
              "1024 needs the capability CAP_NET_BIND_SERVICE."},
    {-EBUSY, "Another task uses the object in the same way: a stream has one reader and one "
             "writer at a time. Use a mutex, or give the object to one task."},
    {-EEXIST, "A file of this name exists already. A unix socket's path stays after a run: "
              "unlink it before weir_listen."},
    {-EINVAL, "An argument is not possible: the error's text says which."},
    {-EMFILE, "The process has no descriptor left. Close those that are not used, or raise the "
              "limit (ulimit -n), which `weir doctor` shows."},
    {-ENFILE, "The machine has no descriptor left: see the sysctl fs.file-max."},
    {-ENOSPC, "The disk or the user's quota is full. For inotify: raise the sysctl "
              "fs.inotify.max_user_watches."},
    {-EPIPE, "The peer does not read any more, or this side was shut down before. Bytes that the "
             "peer sent before can still be read."},
    {-EDEADLK, "Tasks wait for each other in a circle; the error's text names them. Take locks in "
               "one order, and do not await a task that waits for this one."},
    {-ETIME, "The budget of a scope was used up: weir_error(rc)->budget says how much it was, and "
             "->site where the scope is."},
    {-EPROTONOSUPPORT, "The kernel has no such protocol: a module is missing, or IPv6 is off."},
    {-EOPNOTSUPP, "This kind of object cannot do it: the call's manual page says which can."},
    {-EADDRINUSE, "Another socket listens there: `ss -ltnp` shows which. Or choose port 0, and "
                  "ask weir_listener_port."},
    {-EADDRNOTAVAIL, "The address belongs to no interface of this machine; or all local ports "
                     "are in use."},
    {-ENETUNREACH, "No route to that network: often IPv6 without a connection."},
    {-ECONNABORTED, "The connection broke before it was accepted, or the network reported it "
                    "dead."},
    {-ECONNRESET, "The peer reset the connection: it crashed, or closed it with bytes unread. To "
                  "avoid that, call weir_shutdown and read to end of stream before weir_close."},
    {-ENOTCONN, "The socket is not connected (any more)."},
    {-ETIMEDOUT, "The machine does not answer: it is off, unreachable, or a firewall drops the "
                 "packets. A scope can give up sooner."},
    {-ECONNREFUSED, "The machine answers, but no program listens on that port. Check that the "
                    "server runs, and on this address."},
    {-EHOSTUNREACH, "The machine cannot be reached: it is off, or a router or firewall refuses."},
    {-ECANCELED, "The task was cancelled: weir_error(rc) says by whom, where and why. Clean up "
                 "and return the code."},
    {-EOVERFLOW, "A receiver was too slow and has missed items; or a number does not fit."},
};

static const char *look_up(const struct advice *table, size_t count, int code) {
    for (size_t i = 0; i < count; i++)
        if (table[i].code == code)
            return table[i].text;
    return NULL;
}

const char *advice_of(int code) {
    const char *text = look_up(own, sizeof own / sizeof *own, code);
    return text ? text : look_up(systems, sizeof systems / sizeof *systems, code);
}
