// Node's own HTTP/2 client: one connection to the router, and what becomes of its streams.
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import { connected } from './http2_session.mjs';
import { digest, pattern, run, tell } from './scenario.mjs';

/** A stream, and `answer`: the promise of all that came back on it, and of the code it ended with. */
function ask(session, options, path, { method = 'GET', body, endless, trailers, fields } = {}) {
  const stream = session.request(
    { ':method': method, ':path': path, ':authority': options.host, ...fields },
    { endStream: body === undefined && endless === undefined, waitForTrailers: trailers !== undefined },
  );
  const answer = { path, status: 0, headers: {}, trailers: {}, body: '', failed: false };
  const pieces = [];
  stream.on('response', (headers) => Object.assign(answer, { status: headers[':status'], headers }));
  stream.on('trailers', (received) => (answer.trailers = { ...received }));
  stream.on('wantTrailers', () => stream.sendTrailers(trailers));
  stream.on('data', (piece) => pieces.push(piece));
  stream.on('error', () => (answer.failed = true));
  if (body !== undefined) stream.end(body);
  if (endless !== undefined) stream.write(endless);
  stream.answer = new Promise((resolve) => stream.on('close', resolve)).then(() => {
    const bytes = Buffer.concat(pieces);
    const text = bytes.length < 1000 ? bytes.toString() : '';
    return { ...answer, bytes, body: text, code: stream.rstCode };
  });
  return stream;
}

const facts = ({ bytes, ...rest }) => rest;

await run({
  /** `count` requests at once. */
  async requests(options) {
    const session = await connected(options);
    const all = [];
    for (let i = 0; i < options.count; ++i) all.push(ask(session, options, `/${i}`).answer);
    const head = await ask(session, options, '/head', { method: 'HEAD' }).answer;
    return { alpn: session.alpnProtocol, answers: (await Promise.all(all)).map(facts), head: facts(head) };
  },

  /** Connections that idle after a request, until the server at `until` answers, and are used once more. */
  async idle(options) {
    const sessions = [];
    for (let i = 0; i < options.count; ++i) sessions.push(await connected(options));
    const ask_all = (path) =>
      Promise.all(sessions.map((session, i) => ask(session, options, `/${path}/${i}`, { fields: { 'x-same': path } }).answer));
    const first = await ask_all('first');
    tell({ idle: true });
    await new Promise((resolve) => http.get(`http://127.0.0.1:${options.until}/`, (answer) => answer.resume().on('end', resolve)));
    const second = await ask_all('second');
    return { first: first.map((a) => a.body), second: second.map((a) => a.body) };
  },

  async trailers(options) {
    const session = await connected(options);
    const sent = { body: 'counted', trailers: { 'x-checksum': '17', 'x-empty': '' }, method: 'POST' };
    return facts(await ask(session, options, '/', sent).answer);
  },

  /** Much in both directions, through windows that are much smaller; the reader pauses again and again. */
  async large(options) {
    const session = await connected(options, { initialWindowSize: 16 * 1024 });
    const body = pattern(options.bytes);
    const all = [1, 2, 3].map((i) => {
      const stream = ask(session, options, `/${i}`, { method: 'POST', body });
      stream.on('data', () => {
        stream.pause();
        setImmediate(() => stream.resume());
      });
      return stream.answer;
    });
    const answers = await Promise.all(all);
    return { same: answers.map((a) => digest(a.bytes) === digest(body)), codes: answers.map((a) => a.code) };
  },

  /** A stream that nobody reads holds up no other, and loses nothing. */
  async unread(options) {
    const session = await connected(options);
    const stalled = ask(session, options, '/large');
    stalled.pause();
    await once(stalled, 'response');
    const others = [];
    for (let i = 0; i < 20; ++i) others.push(facts(await ask(session, options, '/small').answer));
    stalled.resume();
    const { bytes, code } = await stalled.answer;
    return { others, code, received: bytes.length };
  },

  /** Resets one of several streams that wait; the others are answered when the test lets them. */
  async reset(options) {
    const session = await connected(options);
    const others = [1, 2, 3, 4].map((i) => ask(session, options, `/held/${i}`).answer);
    const victim = ask(session, options, '/victim');
    await once(victim, 'data');
    victim.close(http2.constants.NGHTTP2_CANCEL);
    await victim.answer;
    return { answers: (await Promise.all(others)).map(facts), closed: session.closed };
  },

  /** Streams whose time is over, on a connection that goes on. */
  async timeouts(options) {
    const session = await connected(options);
    const silent = ask(session, options, '/silent');
    const half = ask(session, options, '/half');
    const [a, b] = await Promise.all([silent.answer, half.answer]);
    const after = await ask(session, options, '/quick').answer;
    return { silent: facts(a), half: facts(b), after: facts(after), closed: session.closed };
  },

  /** A request whose body stops in the middle, beside one that is whole. */
  async stuck(options) {
    const session = await connected(options);
    const stuck = ask(session, options, '/stuck', {
      method: 'POST',
      fields: { 'content-length': 100 },
      endless: 'the first half',
    });
    const other = await ask(session, options, '/other', { method: 'POST', body: 'all' }).answer;
    return { stuck: facts(await stuck.answer), other: facts(other), closed: session.closed };
  },

  /** A stream that is cut off in the middle by a field `options.cut_by`, and what becomes of the next. */
  async cut(options) {
    const session = await connected(options);
    const cut = await ask(session, options, '/cut', { fields: { [options.cut_by]: 'yes' } }).answer;
    const after = await ask(session, options, '/after').answer;
    return { cut: facts(cut), after: facts(after), closed: session.closed };
  },

  /** Waits for the router's goodbye; the stream that is open then is finished. */
  async goodbye(options) {
    const session = await connected(options);
    const goodbye = once(session, 'goaway');
    const held = ask(session, options, '/held');
    tell({ asked: true });
    const [code] = await goodbye;
    tell({ goodbye: code });
    const answer = await held.answer;
    await (session.destroyed || once(session, 'close'));
    return { answer: facts(answer) };
  },
});
