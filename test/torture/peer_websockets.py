# SPDX-License-Identifier: MIT
"""An echo server or client on Python's websockets: `server` prints its port; `client URL` connects
anew until it is refused."""
import asyncio
import logging
import sys

import websockets

logging.disable(logging.CRITICAL)


async def echo(ws, path=None):
    try:
        async for message in ws:
            await ws.send(message)
    except websockets.ConnectionClosed:
        pass


async def serve():
    async with websockets.serve(echo, "127.0.0.1", 0) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.Future()


async def connect(url):
    while True:
        try:
            async with websockets.connect(url, close_timeout=1) as ws:
                await echo(ws)
        except ConnectionRefusedError:
            return
        except Exception:  # whatever a bad server makes it raise
            pass


asyncio.run(serve() if sys.argv[1] == "server" else connect(sys.argv[2]))
