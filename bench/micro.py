#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""micro.py BUILD [--reps N] [--sleepers N] [--peers NAMES]: medians and spread of what our programs
of single operations print, and of the peers: go, tokio, libuv, asio, asyncio, gevent (or all). Each
round runs every program once, so that a slow hour slows all. What weir takes is also stated as a
multiple of its yield in the same round. A peer that cannot be built or run is named and left
out."""

import argparse
import os
import statistics
import subprocess

PEERS = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'peers')
# Debian's librust-tokio-dev keeps its crates here.
OURS = ('bench-micro', 'bench-sync', 'bench-micro-chan', 'bench-micro-future')
CRATES = '/usr/share/cargo/registry'


def target(build, name):
    subprocess.run(['ninja', '-C', build, f'bench/{name}'], check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.PIPE)
    return [os.path.join(build, 'bench', name)]


def go(build):
    out = os.path.join(build, 'bench/peer-go-micro')
    subprocess.run(['go', 'build', '-o', out, os.path.join(PEERS, 'micro_go.go')], check=True,
                   stderr=subprocess.PIPE)
    return [out]


def tokio(build):
    out = os.path.join(build, 'bench/tokio')
    replaced = ['--config', 'source.crates-io.replace-with="debian"',
                '--config', f'source.debian.directory="{CRATES}"']
    os.makedirs(out, exist_ok=True)
    subprocess.run(['cp', '-r', os.path.join(PEERS, 'tokio_micro'), out], check=True)
    subprocess.run(['cargo', *replaced, 'build', '--release', '--offline', '--target-dir', out],
                   cwd=os.path.join(out, 'tokio_micro'), check=True, stderr=subprocess.PIPE)
    return [os.path.join(out, 'release/micro-tokio')]


def script(name, module):
    # Debian's python: python3-gevent is not seen by another one.
    command = ['/usr/bin/python3', os.path.join(PEERS, name)]
    subprocess.run([command[0], '-c', f'import {module}'], check=True, stderr=subprocess.PIPE)
    return command


MAKERS = {
    'go': go,
    'tokio': tokio,
    'libuv': lambda build: target(build, 'peer-uv-micro'),
    'asio': lambda build: target(build, 'peer-asio-micro'),
    'asyncio': lambda build: script('micro_asyncio.py', 'asyncio'),
    'gevent': lambda build: script('micro_gevent.py', 'gevent'),
}


def programs(build, peers):
    found = {name: target(build, name) for name in OURS}
    for name in peers:
        try:
            found[name] = MAKERS[name](build)
        except (OSError, subprocess.CalledProcessError) as e:
            print(f'{name} is left out: {e}')
    return found


def parse():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument('build')
    p.add_argument('--reps', type=int, default=7)
    p.add_argument('--sleepers', type=int, default=1000000)
    p.add_argument('--peers', default='', help='names with commas, or all')
    o = p.parse_args()
    o.build = os.path.abspath(o.build)
    o.peers = list(MAKERS) if o.peers == 'all' else [n for n in o.peers.split(',') if n]
    for name in o.peers:
        if name not in MAKERS:
            p.error(f"no peer '{name}': {', '.join(MAKERS)}")
    return o


def measure(who, command, sleepers, samples):
    """One run; False if it failed. Several of our programs print a yield of their own."""
    run = subprocess.run([*command, str(sleepers)], stdout=subprocess.PIPE, text=True)
    if run.returncode != 0:
        print(f'{who} is left out: it ended with {run.returncode}')
        return False
    lines = [line.split() for line in run.stdout.splitlines() if not line.startswith('#')]
    values = {words[0].removesuffix('_ns'): float(words[1]) for words in lines
              if not words[0].endswith('_yields')}
    ours = who in OURS
    for what, value in values.items():
        key = (what, 'weir' if ours else who)
        samples.setdefault(key, []).append((value, value / values['yield'] if ours else None))
    return True


def row(what, who, pairs):
    values = [value for value, _ in pairs]
    yields = f'{statistics.median(y for _, y in pairs):.2f}' if who == 'weir' else ''
    return (f'| {what} | {who} | {statistics.median(values):g} | {yields} | '
            f'{min(values):g} .. {max(values):g} |')


def main():
    o = parse()
    realtime = ['chrt', '-r', '1'] if os.geteuid() == 0 else []
    samples = {}
    found = programs(o.build, o.peers)
    for _ in range(o.reps):
        found = {who: command for who, command in found.items()
                 if measure(who, realtime + command, o.sleepers, samples)}
    print('| what, ns | who | median | yields | min .. max |\n|---|---|---:|---:|---:|')
    for (what, who), pairs in sorted(samples.items()):
        print(row(what, who, pairs))


main()
