// A backend made of `ws`. What it does on a connection is decided by the path of the request.
import http from 'node:http';
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
  /** Over TLS if there is a certificate. Tells its port, and how each connection ended. */
  async serve({ certificate, key }) {
    const server = certificate ? https.createServer({ cert: certificate, key }) : http.createServer();
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
