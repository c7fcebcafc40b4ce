// SPDX-License-Identifier: MIT
// peer_node.js http|ws: node's HTTP server, or npm's ws; prints its port.
// peer_node.js ws-client URL: connects and echoes, again and again until it is refused.
'use strict';
const what = process.argv[2];

function serveHttp() {
  const server = require('http').createServer((request, response) => {
    request.resume();
    request.on('end', () => response.end('hello'));
  });
  server.listen(0, '127.0.0.1', () => console.log(server.address().port));
}

function serveWs() {
  const { WebSocketServer } = require('ws');
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: true,
    maxPayload: 16 << 20 });
  server.on('listening', () => console.log(server.address().port));
  server.on('connection', (ws) => {
    ws.on('message', (data, binary) => ws.send(data, { binary }));
    ws.on('error', () => {});
  });
}

function connectWs(url) {
  const { WebSocket } = require('ws');
  const ws = new WebSocket(url, { perMessageDeflate: true, maxPayload: 16 << 20 });
  ws.on('message', (data, binary) => ws.send(data, { binary }));
  ws.on('error', (error) => { if (error.code === 'ECONNREFUSED') process.exit(0); });
  ws.on('close', () => setImmediate(connectWs, url));
}

if (what === 'http') serveHttp();
else if (what === 'ws') serveWs();
else connectWs(process.argv[3]);
