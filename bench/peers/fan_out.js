// SPDX-License-Identifier: MIT
// Broadcast by npm's ws: node fan_out.js WS-DIRECTORY COUNT ROUNDS. Prints its port; once COUNT clients
// (bench-fan-out PORT COUNT 0) are there, sends each of them 64 bytes in each round.
const { WebSocketServer } = require(process.argv[2]);
const count = Number(process.argv[3]), rounds = Number(process.argv[4]), warm = 3;
const message = Buffer.alloc(64);
const server = new WebSocketServer({ host: '127.0.0.1', port: 0, backlog: 4096 }, () =>
  console.log(server.address().port));
let before;

function round(r) {
  if (r === warm) before = process.cpuUsage();
  if (r === warm + rounds) {
    const used = process.cpuUsage(before), each = (used.user + used.system) / rounds / count;
    console.log(`npm ws ${count} connections: ${each.toFixed(3)} us of CPU for each`);
    process.exit(0);
  }
  for (const client of server.clients) client.send(message, { binary: true });
  setTimeout(round, 300, r + 1); // the clients read meanwhile
}

server.on('connection', () => {
  if (server.clients.size === count) setTimeout(round, 500, 0);
});
