// SPDX-License-Identifier: MIT
// peer_node.js http|ws: node's HTTP server, or npm's ws; prints its port.
// peer_node.js ws-client URL: connects and echoes, again and again until it is refused.
// peer_node.js get URL: prints the body of the answer; fails if that is not whole, or no success.
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

function get(url) {
  const request = require('http').get(url, (response) => {
    const pieces = [];
    response.on('data', (piece) => pieces.push(piece));
    response.on('error', () => process.exit(1));
    response.on('end', () => {
      if (!response.complete || response.statusCode >= 300) process.exit(1);
      process.stdout.write(Buffer.concat(pieces), () => process.exit(0));
    });
  });
  request.on('error', () => process.exit(1));
  request.on('upgrade', () => process.exit(1));
}

if (what === 'http') serveHttp();
else if (what === 'get') get(process.argv[3]);
else if (what === 'ws') serveWs();
else connectWs(process.argv[3]);
