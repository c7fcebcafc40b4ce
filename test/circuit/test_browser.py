# SPDX-License-Identifier: MIT
"""A page in a real browser as a node: examples/browser in Chromium, which is driven over its
DevTools protocol. Skipped where Chromium is not installed."""
import asyncio
import functools
import http.server
import json
import os
import shutil
import tempfile
import threading
import unittest
import urllib.request

import websockets

from circuit import LIMIT, CircuitTest, Node

PAGES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../examples/browser")
SHOW = os.path.join(os.environ["WEIR_EXAMPLES"], "browser/show")
CHROMIUM = shutil.which("chromium")


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


class Page:
    """One tab. Each question is a JavaScript expression, asked until its value is wanted."""

    def __init__(self, devtools):
        self.devtools, self.number = devtools, 0

    async def value(self, expression):
        self.number += 1
        await self.devtools.send(json.dumps({"id": self.number, "method": "Runtime.evaluate",
                                             "params": {"expression": expression}}))
        while (answer := json.loads(await self.devtools.recv())).get("id") != self.number:
            pass
        return answer["result"]["result"].get("value")

    async def until(self, expression, wanted):
        async def ask():
            while not wanted(await self.value(expression)):
                await asyncio.sleep(0.05)
        try:
            await asyncio.wait_for(ask(), LIMIT)
        except asyncio.TimeoutError:
            raise AssertionError("%s stayed %r" % (expression, await self.value(expression)))

    def text(self, name):
        return f"document.getElementById('{name}').textContent"


@unittest.skipUnless(CHROMIUM, "Chromium is not installed")
class Browser(CircuitTest):
    def setUp(self):
        super().setUp()
        handler = functools.partial(Quiet, directory=PAGES)
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        self.origin = "http://localhost:%d" % self.server.server_port

    def chromium(self, url):
        """Returns the URL of the page's DevTools."""
        folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self.addCleanup(folder.cleanup)
        browser = Node(self, CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu",
                       "--disable-dev-shm-usage", "--no-first-run",
                       "--disable-background-networking", "--remote-debugging-port=0",
                       "--user-data-dir=" + folder.name, url)
        port = browser.error(r"DevTools listening on ws://[^:]+:(\d+)/").group(1)
        return "http://127.0.0.1:%s/json" % port

    async def page(self, list_url, story):
        def tabs():
            with urllib.request.urlopen(list_url, timeout=LIMIT) as answer:
                return [t for t in json.load(answer) if t["type"] == "page"]
        while not (found := await asyncio.to_thread(tabs)):
            await asyncio.sleep(0.05)
        async with websockets.connect(found[0]["webSocketDebuggerUrl"], max_size=None) as devtools:
            await story(Page(devtools))

    def run_page(self, show, pin, story):
        url = f"{self.origin}/page.html?show={show.port}&pin={pin.port}"
        asyncio.run(self.page(self.chromium(url), story))

    def nodes(self, *flags):
        show = Node(self, SHOW, "-p", "0", *flags)
        return show, self.iopin(show.port, *flags)

    def test_a_page_shows_the_circuit_live_and_ticks(self):
        show, pin = self.nodes("--origin", self.origin)

        async def story(page):
            await page.until("document.getElementById('tick').disabled", lambda v: v is False)
            self.assertEqual(await page.value(page.text("count")), "0")
            await page.value("document.getElementById('tick').click()")
            await page.until(page.text("ack"), lambda v: v == "acknowledged")
            await page.until(page.text("count"), lambda v: v == "3")  # the pin's sequence
            signals = await page.value(page.text("signals"))
            self.assertRegex(signals, "^[01]{3}$")
            self.assertEqual(await page.value("document.getElementById('lamp').className"),
                             "on" if signals[-1] == "1" else "")
            _, code = await asyncio.to_thread(self.ends, "clock", "-p", str(pin.port), "-t", "2",
                                              "-d", "0")
            self.assertEqual(code, 0)
            await page.until(page.text("count"), lambda v: v == "9")
        self.run_page(show, pin, story)
        show.line(r"^\[ Show \] signal [01] received", 9)
        pin.line(r"new tick triggered on /browser: 0")

    def test_a_page_of_another_origin_is_refused(self):
        show, pin = self.nodes("--origin", "http://localhost:1")

        async def story(page):
            await page.until(page.text("state"), lambda v: "is gone (1006)" in (v or ""))
            self.assertTrue(await page.value("document.getElementById('tick').disabled"))
        self.run_page(show, pin, story)
        show.error("this origin is not allowed")


if __name__ == "__main__":
    unittest.main()
