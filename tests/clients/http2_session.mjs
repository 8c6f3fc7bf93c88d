// Connections of node's own HTTP/2 client to the router.
import { once } from 'node:events';
import http2 from 'node:http2';

/** Over TLS with ALPN if there is a `ca`, else in plain with prior knowledge. */
export async function connected({ port, ca, host }, settings = {}) {
  const session = ca
    ? http2.connect(`https://127.0.0.1:${port}`, { ca, servername: host, settings })
    : http2.connect(`http://127.0.0.1:${port}`, { settings });
  await Promise.all([once(session, 'connect'), once(session, 'remoteSettings')]);
  return session;
}
