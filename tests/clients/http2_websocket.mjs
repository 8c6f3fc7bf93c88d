// A WebSocket within an HTTP/2 stream (RFC 8441): node's HTTP/2 client carries what the framing code
// of `ws` writes and reads.
import { once } from 'node:events';
import http2 from 'node:http2';
import { connected } from './http2_session.mjs';
import { digest, installed, pattern, run } from './scenario.mjs';

const { Receiver, Sender } = installed('ws');

/** Opens a WebSocket at `path`; `status` says whether it is one. */
async function open(session, { host, ca }, path) {
  const stream = session.request({
    ':method': 'CONNECT',
    ':protocol': 'websocket',
    ':scheme': ca ? 'https' : 'http',
    ':path': path,
    ':authority': host,
    'sec-websocket-version': '13',
    'sec-websocket-protocol': 'chat.v1, chat.v2',
  });
  const [headers] = await once(stream, 'response');
  const receiver = new Receiver({ isServer: false, maxPayload: 64 << 20 });
  if (headers[':status'] === 200) stream.pipe(receiver);
  else stream.resume();
  const sender = new Sender(stream, {});
  return {
    stream,
    receiver,
    status: headers[':status'],
    protocol: headers['sec-websocket-protocol'],
    send: (data) => sender.send(data, { binary: true, fin: true, mask: true, compress: false }),
    ping: (data) => sender.ping(Buffer.from(data), true),
    close: (code, reason) => sender.close(code, reason, true),
    next: async (event) => once(receiver, event),
  };
}

async function echoed(socket, bytes) {
  socket.send(bytes);
  const [answer] = await socket.next('message');
  return digest(answer) === digest(bytes);
}

await run({
  async echo(options) {
    const session = await connected(options);
    const offered = session.remoteSettings.enableConnectProtocol;
    const one = await open(session, options, '/echo');
    const other = await open(session, options, '/echo');
    const same = [];
    for (const bytes of [0, 1, 125, 126, 65535, 65536, 8 << 20])
      same.push(await echoed(one, pattern(bytes)), await echoed(other, pattern(bytes)));
    one.ping('are you there');
    const [pong] = await one.next('pong');
    one.close(4001, 'enough');
    const [code, reason] = await one.next('conclude');
    one.stream.end();
    await once(one.stream, 'close');
    same.push(await echoed(other, pattern(1000)));
    return {
      offered,
      status: one.status,
      protocol: one.protocol,
      same,
      pong: pong.toString(),
      close: [code, reason.toString(), one.stream.rstCode],
    };
  },

  async closed_by_backend(options) {
    const socket = await open(await connected(options), options, '/close');
    socket.send(JSON.stringify({ code: 4002, reason: 'closing time' }));
    const [code, reason] = await socket.next('conclude');
    socket.close(code, '');
    socket.stream.end();
    await once(socket.stream, 'close');
    return { code, reason: reason.toString(), reset: socket.stream.rstCode };
  },

  /** The client resets the stream of one WebSocket; the backend is told, another goes on. */
  async reset(options) {
    const session = await connected(options);
    const victim = await open(session, options, '/victim');
    const other = await open(session, options, '/echo');
    victim.stream.close(http2.constants.NGHTTP2_CANCEL);
    await once(victim.stream, 'close');
    return { goes_on: await echoed(other, pattern(1000)) };
  },

  /** Another stream of the connection times out meanwhile. */
  async beside_timeout(options) {
    const session = await connected(options);
    const socket = await open(session, options, '/echo');
    const slow = session.request({ ':path': '/silent', ':authority': options.slow_host });
    const [headers] = await once(slow, 'response');
    slow.resume();
    return { slow: headers[':status'], goes_on: await echoed(socket, pattern(1000)) };
  },

  async refused(options) {
    const session = await connected(options);
    const forbidden = await open(session, options, '/forbidden');
    const nobody = await open(session, { ...options, host: options.unknown_host }, '/');
    return { forbidden: forbidden.status, nobody: nobody.status };
  },
});
