// A backend made of `ws`. What it does on a connection is decided by the path of the request.
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import { installed, pattern, run, tell } from './scenario.mjs';

const { WebSocketServer } = installed('ws');

const echo = (socket) => socket.on('message', (data, binary) => socket.send(data, { binary }));

const conversations = {
  '/echo': echo,
  '/victim': echo,
  '/ping': (socket) => {
    socket.ping('from the backend');
    socket.on('pong', (data) => socket.send(`pong: ${data}`));
  },
  '/close': (socket) =>
    socket.on('message', (data) => {
      const { code, reason } = JSON.parse(data);
      socket.close(code, reason);
    }),
  '/large': (socket) => socket.on('message', (data) => socket.send(pattern(Number(data)))),
  '/vanish': (socket) => socket.on('message', () => socket.terminate()),
};

await run({
  /**
   * Over TLS if there is a certificate, and then in HTTP/2 as well if `h2`, for all that is no WebSocket: that is
   * answered with the version it came in. Tells its port, and how each connection ended.
   */
  async serve({ certificate, key, h2 }) {
    const own = { cert: certificate, key };
    const answer = (request, response) => response.end(request.httpVersion);
    const server = h2
      ? http2.createSecureServer({ ...own, allowHTTP1: true }, answer)
      : certificate
        ? https.createServer(own, answer)
        : http.createServer(answer);
    const sockets = new WebSocketServer({
      server,
      maxPayload: 64 << 20,
      verifyClient: ({ req }) => req.url in conversations, // Or 401.
      handleProtocols: (offered) => offered.has('chat.v2') && 'chat.v2',
      perMessageDeflate: { threshold: 0 },
    });
    sockets.on('connection', (socket, request) => {
      socket.on('close', (code, reason) => tell({ closed: request.url, code, reason: reason.toString() }));
      conversations[request.url](socket);
    });
    server.listen(0, '127.0.0.1', () => tell({ port: server.address().port }));
  },
});
