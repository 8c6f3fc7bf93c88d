// `ws` as a client, over TLS if there is a `ca`.
import { once } from 'node:events';
import { digest, installed, pattern, run } from './scenario.mjs';

const { WebSocket } = installed('ws');

function connecting({ port, host, ca }, path, more = {}) {
  const url = `${ca ? 'wss' : 'ws'}://127.0.0.1:${port}${path}`;
  return new WebSocket(url, ['chat.v1', 'chat.v2'], {
    ca,
    servername: host,
    headers: { Host: host },
    maxPayload: 64 << 20,
    perMessageDeflate: false,
    ...more,
  });
}

async function open(options, path, more) {
  const socket = connecting(options, path, more);
  await once(socket, 'open');
  return socket;
}

async function echoed(socket, data) {
  socket.send(data);
  const [answer, binary] = await once(socket, 'message');
  return binary === (typeof data !== 'string') && digest(answer) === digest(data);
}

/** How a connection ended. */
async function ended(socket) {
  const [code, reason] = await once(socket, 'close');
  return { code, reason: reason.toString() };
}

await run({
  /** Messages of every kind and size, and pings both ways. */
  async messages(options) {
    const socket = await open(options, '/echo');
    const same = [];
    for (const bytes of [0, 1, 125, 126, 65535, 65536]) same.push(await echoed(socket, pattern(bytes)));
    for (const text of ['', 'hello', 'Grüße, 世界 🌍']) same.push(await echoed(socket, text));
    socket.ping('from the client');
    const [pong] = await once(socket, 'pong');
    const other = await open(options, '/ping');
    const [told] = await once(other, 'message'); // It answers pings by itself.
    return { protocol: socket.protocol, same, pong: pong.toString(), told: told.toString() };
  },

  async compressed(options) {
    const socket = await open(options, '/echo', { perMessageDeflate: { threshold: 0 } });
    const text = 'again and '.repeat(10_000);
    return { extensions: socket.extensions, same: [await echoed(socket, text), await echoed(socket, 'x')] };
  },

  /** One large message each way at once, and one in many fragments. */
  async large({ bytes, ...options }) {
    const sending = await open(options, '/echo');
    const asking = await open(options, '/large');
    const body = pattern(bytes);
    asking.send(String(bytes));
    const [sent, [received]] = await Promise.all([echoed(sending, body), once(asking, 'message')]);
    for (let i = 0; i < 1000; ++i) sending.send(body.subarray(i * 1000, (i + 1) * 1000), { fin: i === 999 });
    const [joined] = await once(sending, 'message');
    const wanted = digest(body.subarray(0, 1_000_000));
    return { sent, received: digest(received) === digest(body), joined: digest(joined) === wanted };
  },

  /** Many connections, each with a conversation of its own. */
  async many({ count, ...options }) {
    const talk = async (i) => {
      const socket = await open(options, '/echo');
      for (let n = 0; n < 20; ++n) if (!(await echoed(socket, `${i}: ${n}`))) return false;
      socket.close(1000);
      return (await ended(socket)).code === 1000;
    };
    const all = await Promise.all(Array.from({ length: count }, (_, i) => talk(i)));
    return { good: all.filter(Boolean).length };
  },

  async closing(options) {
    const one = await open(options, '/echo');
    one.close(4001, 'enough');
    const by_client = await ended(one);
    const other = await open(options, '/close');
    other.send(JSON.stringify({ code: 4002, reason: 'closing time' }));
    const by_backend = await ended(other);
    const third = await open(options, '/vanish');
    third.send('go');
    return { by_client, by_backend, vanished: await ended(third) };
  },

  /** Ends its half without a word of WebSocket; what the backend said before still arrives. */
  async half_close(options) {
    const socket = await open(options, '/victim');
    const echo = echoed(socket, pattern(100_000));
    const same = await echo;
    const how = ended(socket);
    socket._socket.end();
    return { same, ...(await how) };
  },

  async refused(options) {
    const status = async (host, path) => {
      const [, answer] = await once(connecting({ ...options, host }, path), 'unexpected-response');
      return { status: answer.statusCode, error: answer.headers['x-cf-routererror'] ?? '' };
    };
    return {
      forbidden: await status(options.host, '/forbidden'),
      nobody: await status(options.unknown_host, '/echo'),
    };
  },
});
