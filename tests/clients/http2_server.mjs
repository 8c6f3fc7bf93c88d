// A backend made of node's own HTTP/2 server. It tells its port, each connection, and of each session that it began
// and that it closed.
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';
import { run, tell } from './scenario.mjs';

/** A POST gets its body back, anything else its path. */
function answer(stream, headers) {
  const path = headers[':path'];
  stream.on('error', () => {}); // The router went away; what that means is for the test to say.
  if (headers[':method'] === 'POST') {
    stream.respond({ ':status': 200 });
    stream.pipe(stream);
    return;
  }
  const nothing = headers[':method'] === 'HEAD';
  stream.respond({ ':status': 200, 'content-length': path.length }, { endStream: nothing });
  if (!nothing) stream.end(path);
}

await run({
  /** Over TLS if there is a certificate, else h2c. Connections wait until the server at `until`, if any, answers. */
  async serve({ certificate, key, until }) {
    const server = certificate ? http2.createSecureServer({ cert: certificate, key }) : http2.createServer();
    server.on('stream', answer);
    let sessions = 0;
    server.on('session', (session) => {
      const number = ++sessions;
      tell({ session: number });
      session.on('close', () => tell({ closed: number }));
    });
    let dialled = 0;
    const front = net.createServer(async (socket) => {
      socket.on('error', () => {});
      tell({ dialled: ++dialled });
      if (until) (await once(http.get({ host: '127.0.0.1', port: until, agent: false }), 'response'))[0].resume();
      server.emit('connection', socket);
    });
    front.listen(0, '127.0.0.1', () => tell({ port: front.address().port }));
  },
});
