/* SPDX-License-Identifier: MIT */
/* weir.h - all public headers at once, for programs. weir/testing.h is apart: it belongs to
 * libweir-test. So is weir/backend.h: it is unstable. Inside the library nobody includes this. */
#ifndef WEIR_WEIR_H
#define WEIR_WEIR_H

#include <weir/base.h>
#include <weir/broadcast.h>
#include <weir/callback.h>
#include <weir/chan.h>
#include <weir/datagram.h>
#include <weir/deferred.h>
#include <weir/detach.h>
#include <weir/dir.h>
#include <weir/drive.h>
#include <weir/error.h>
#include <weir/file.h>
#include <weir/flow.h>
#include <weir/frame.h>
#include <weir/future.h>
#include <weir/generator.h>
#include <weir/group.h>
#include <weir/http.h>
#include <weir/http_client.h>
#include <weir/http_server.h>
#include <weir/http_cors.h>
#include <weir/http_events.h>
#include <weir/http_file.h>
#include <weir/http_form.h>
#include <weir/http_log.h>
#include <weir/http_values.h>
#include <weir/inotify.h>
#include <weir/limit.h>
#include <weir/local.h>
#include <weir/log.h>
#include <weir/loop.h>
#include <weir/mesh.h>
#include <weir/net.h>
#include <weir/offload.h>
#include <weir/option.h>
#include <weir/process.h>
#include <weir/queue.h>
#include <weir/select.h>
#include <weir/serial.h>
#include <weir/shared.h>
#include <weir/stream.h>
#include <weir/sync.h>
#include <weir/task.h>
#include <weir/thread.h>
#include <weir/tls.h>
#include <weir/transport.h>
#include <weir/tty.h>
#include <weir/unix.h>
#include <weir/wall.h>
#include <weir/worker.h>
#include <weir/ws.h>
#include <weir/ws_client.h>
#include <weir/ws_deflate.h>
#include <weir/ws_topic.h>

#endif
