#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""micro_gevent.py - the figures of bench-micro for gevent: one per line, name and nanoseconds."""

import time

import gevent
from gevent.event import AsyncResult
from gevent.lock import BoundedSemaphore
from gevent.queue import Channel

ROUNDS = 50000


def report(name, start, n):
    print(f'{name} {(time.perf_counter_ns() - start) / n:.1f}', flush=True)


def yielder():
    for _ in range(ROUNDS):
        gevent.sleep(0)


start = time.perf_counter_ns()
gevent.joinall([gevent.spawn(yielder), gevent.spawn(yielder)])
report('yield_ns', start, 2 * ROUNDS)

start = time.perf_counter_ns()
for _ in range(ROUNDS):
    gevent.spawn(lambda: 1).get()
report('spawn_await_ns', start, ROUNDS)

there, back = Channel(), Channel()


def echo():
    for _ in range(ROUNDS):
        back.put(there.get())


task = gevent.spawn(echo)
start = time.perf_counter_ns()
for i in range(ROUNDS):
    there.put(i)
    back.get()
report('chan_message_ns', start, 2 * ROUNDS)
task.get()

asks = Channel()


def answers():
    for _ in range(ROUNDS):
        asks.get().set(1)


task = gevent.spawn(answers)
start = time.perf_counter_ns()
for _ in range(ROUNDS):
    result = AsyncResult()
    asks.put(result)
    result.get()
report('future_set_await_ns', start, ROUNDS)
task.get()

lock = BoundedSemaphore(1)
start = time.perf_counter_ns()
for _ in range(ROUNDS):
    lock.acquire()
    lock.release()
report('lock_unlock_ns', start, ROUNDS)


def contender():
    for _ in range(ROUNDS):
        lock.acquire()
        gevent.sleep(0)
        lock.release()


start = time.perf_counter_ns()
gevent.joinall([gevent.spawn(contender), gevent.spawn(contender)])
report('lock_hand_over_ns', start, 2 * ROUNDS)
