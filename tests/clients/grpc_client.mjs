// @grpc/grpc-js as a client: the four kinds of calls, and the ways in which calls fail.
import { once } from 'node:events';
import { echo_service } from './echo_service.mjs';
import { digest, installed, pattern, run } from './scenario.mjs';

const grpc = installed('@grpc/grpc-js');

function client({ port, host, ca }) {
  const Client = grpc.makeGenericClientConstructor(echo_service, 'Echo');
  const credentials = ca ? grpc.credentials.createSsl(Buffer.from(ca)) : grpc.credentials.createInsecure();
  return new Client(`127.0.0.1:${port}`, credentials, {
    'grpc.ssl_target_name_override': host,
    'grpc.default_authority': host,
    'grpc.max_receive_message_length': -1,
    'grpc.enable_retries': 0,
  });
}

const wish = (text) => {
  const metadata = new grpc.Metadata();
  metadata.set('wish', text);
  return metadata;
};

/** How a call ended: a status, its words, and what came in the trailers. */
const outcome = ({ code, details, metadata }) => ({
  code: grpc.status[code],
  details,
  answered_by: metadata.get('answered-by')[0] ?? '',
  raw: metadata.get('raw-bin')[0]?.toString('hex') ?? '',
});

/** Of a streaming call, when it has ended. */
const status_of = (call) => new Promise((resolve) => call.on('status', (status) => resolve(outcome(status))));

/** A call with one answer: that, and how it ended. */
const single = (start) =>
  new Promise((resolve) => {
    let answer;
    const call = start((error, value) => (answer = value)); // Before the status.
    call.on('status', (status) => resolve({ answer, status: outcome(status) }));
  });

await run({
  async unary(options) {
    const echo = client(options);
    const facts = [];
    for (const bytes of [0, 1, 100_000, 5 << 20]) {
      const { answer, status } = await single((done) => echo.answer(pattern(bytes), done));
      facts.push({ same: digest(answer) === digest(pattern(bytes)), status });
    }
    const numbered = async (text) => {
      const { answer } = await single((done) => echo.answer(Buffer.from(text), done));
      return String(answer) === text;
    };
    const at_once = Array.from({ length: 100 }, (_, i) => numbered(`${i}`));
    return { facts, at_once: (await Promise.all(at_once)).filter(Boolean).length };
  },

  async client_streaming(options) {
    const message = pattern(100_000);
    const { answer, status } = await single((done) => {
      const call = client(options).collect(done);
      for (let i = 0; i < 50; ++i) call.write(message);
      call.end();
      return call;
    });
    const wanted = digest(Buffer.concat(Array(50).fill(message)));
    return { same: String(answer) === wanted, status };
  },

  async server_streaming(options) {
    const call = client(options).expand(Buffer.from(JSON.stringify({ count: 200, size: 50_000 })));
    const wanted = digest(pattern(50_000));
    const status = status_of(call);
    let good = 0;
    for await (const message of call) good += digest(message) === wanted;
    return { good, status: await status };
  },

  /** Each message is sent only when the one before has come back: nothing may be held back. */
  async talk(options) {
    const call = client(options).talk();
    const status = status_of(call);
    let good = 0;
    for (let i = 0; i < 100; ++i) {
      call.write(Buffer.from(`message ${i}`));
      const [answer] = await once(call, 'data');
      good += String(answer) === `message ${i}`;
    }
    call.end();
    return { good, status: await status };
  },

  async error(options) {
    return (await single((done) => client(options).answer(Buffer.from('x'), wish('error'), done))).status;
  },

  async deadline(options) {
    const echo = client(options);
    await single((done) => echo.answer(Buffer.from('x'), done)); // Connecting is not part of it.
    const deadline = Date.now() + options.patience_ms;
    return (await single((done) => echo.answer(Buffer.from('x'), wish('silence'), { deadline }, done))).status;
  },

  /** Cancels a conversation that is under way; another call of the same connection goes on. */
  async cancel(options) {
    const echo = client(options);
    const call = echo.talk();
    const other = echo.talk();
    call.on('error', () => {}); // The status says it.
    for (const each of [call, other]) {
      each.write(Buffer.from('hello'));
      await once(each, 'data');
    }
    const status = status_of(call);
    call.cancel();
    const cancelled = await status;
    other.write(Buffer.from('still here'));
    const [answer] = await once(other, 'data');
    return { cancelled, goes_on: String(answer) };
  },

  /** A simple call, whatever becomes of it. */
  async call(options) {
    return (await single((done) => client(options).answer(Buffer.from('x'), done))).status;
  },
});
