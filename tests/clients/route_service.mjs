// A route service made of node's own HTTP/2 server: it passes on to the router, over HTTP/1.1, what it is
// sent, with what proves that it went through here. An X-Die field has it reset the stream in the middle.
import http from 'node:http';
import http2 from 'node:http2';
import { run, tell } from './scenario.mjs';

const of_one_hop = new Set(['connection', 'keep-alive', 'transfer-encoding', 'upgrade', 'http2-settings', 'te']);

const passed_on = (headers) =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !name.startsWith(':') && !of_one_hop.has(name)));

function bring_back(from_router, answer, dies) {
  answer.writeHead(from_router.statusCode, passed_on(from_router.headers));
  from_router.on('end', () => answer.addTrailers(from_router.trailers));
  from_router.on('error', () => answer.stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR));
  if (dies) from_router.once('data', () => answer.stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR));
  from_router.pipe(answer);
}

await run({
  /** Tells its port, each session, and the version and URL of each request. */
  async serve({ certificate, key, router }) {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 256 });
    const server = http2.createSecureServer({ cert: certificate, key, allowHTTP1: true });
    let sessions = 0;
    server.on('session', () => tell({ session: ++sessions }));
    server.on('request', (asked, answer) => {
      const url = asked.headers['x-cf-forwarded-url'];
      const { host, pathname, search } = new URL(url);
      tell({ url, version: asked.httpVersion });
      const headers = { ...passed_on(asked.headers), host };
      const to_router = http.request({ port: router, agent, method: asked.method, path: pathname + search, headers });
      to_router.on('response', (answered) => bring_back(answered, answer, 'x-die' in asked.headers));
      to_router.on('error', () => answer.stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR));
      asked.on('end', () => to_router.addTrailers(asked.trailers)); // Before pipe() ends it.
      asked.pipe(to_router);
    });
    server.listen(0, '127.0.0.1', () => tell({ port: server.address().port }));
  },
});
