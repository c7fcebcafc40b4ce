// SPDX-License-Identifier: MIT
// The peer npm's ws: node ws_echo.js WS-DIRECTORY PORT [deflate | takeover | CERT KEY]. Echoes each
// message; prints its port. deflate: level 6, memory level 8, no context takeover; takeover: with.
const [ws, port, kind, key] = process.argv.slice(2);
const { WebSocketServer } = require(ws);
const fs = require('fs');
const settings = { threshold: 0, zlibDeflateOptions: { level: 6, memLevel: 8 },
  concurrencyLimit: 10 };
if (kind === 'deflate') settings.serverNoContextTakeover = settings.clientNoContextTakeover = true;
const http = kind !== undefined && key !== undefined
  ? require('https').createServer({ cert: fs.readFileSync(kind), key: fs.readFileSync(key) })
  : require('http').createServer();
const server = new WebSocketServer({ server: http,
  perMessageDeflate: kind === 'deflate' || kind === 'takeover' ? settings : false });

server.on('connection', (socket) => {
  socket.on('message', (data, binary) => socket.send(data, { binary }));
  socket.on('error', () => {});
});
http.listen({ host: '127.0.0.1', port: Number(port), backlog: 4096 }, () =>
  console.log(http.address().port));
