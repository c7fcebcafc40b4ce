# SPDX-License-Identifier: MIT
"""An HTTP and WebSocket echo server, or a WebSocket client, on aiohttp: `server` prints its port;
`client URL` connects anew until it is refused. `get URL` prints the body of an answer."""
import asyncio
import logging
import sys

import aiohttp
from aiohttp import web

logging.disable(logging.CRITICAL)


async def echo(ws):
    async for message in ws:
        if message.type == aiohttp.WSMsgType.TEXT:
            await ws.send_str(message.data)
        elif message.type == aiohttp.WSMsgType.BINARY:
            await ws.send_bytes(message.data)


async def websocket(request):
    ws = web.WebSocketResponse(max_msg_size=16 << 20)
    await ws.prepare(request)
    await echo(ws)
    return ws


async def plain(request):
    await request.read()
    return web.Response(text="hello")


async def serve():
    app = web.Application(client_max_size=16 << 20)
    app.router.add_get("/ws", websocket)
    app.router.add_route("*", "/{path:.*}", plain)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Future()


async def connect(url):
    async with aiohttp.ClientSession() as session:
        while True:
            try:
                async with session.ws_connect(url, compress=15, max_msg_size=16 << 20) as ws:
                    await echo(ws)
            except aiohttp.ClientConnectorError:
                return
            except Exception:  # whatever a bad server makes it raise
                pass


async def get(url):
    async with aiohttp.ClientSession(raise_for_status=True) as session:
        async with session.get(url) as response:
            sys.stdout.buffer.write(await response.read())


def main():
    if sys.argv[1] == "server":
        asyncio.run(serve())
    elif sys.argv[1] == "client":
        asyncio.run(connect(sys.argv[2]))
    else:
        try:
            asyncio.run(get(sys.argv[2]))
        except Exception:
            sys.exit(1)


main()
