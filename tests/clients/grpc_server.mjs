// A gRPC backend made of @grpc/grpc-js. Tells its port, and which calls were cancelled.
import { createHash } from 'node:crypto';
import { echo_service } from './echo_service.mjs';
import { installed, pattern, run, tell } from './scenario.mjs';

const grpc = installed('@grpc/grpc-js');

const handlers = {
  answer(call, done) {
    call.on('cancelled', () => tell({ cancelled: 'answer' }));
    const [wish] = call.metadata.get('wish');
    if (wish === 'silence') return;
    const trailers = new grpc.Metadata();
    trailers.set('answered-by', 'grpc-js');
    trailers.set('raw-bin', Buffer.from([0, 1, 255]));
    if (wish === 'error')
      done({ code: grpc.status.FAILED_PRECONDITION, details: 'not now, 100% “sure”', metadata: trailers });
    else done(null, call.request, trailers);
  },
  collect(call, done) {
    const hash = createHash('sha256');
    call.on('data', (message) => hash.update(message));
    call.on('end', () => done(null, Buffer.from(hash.digest('hex'))));
  },
  expand(call) {
    const { count, size } = JSON.parse(call.request);
    const message = pattern(size);
    let sent = 0;
    const more = () => {
      while (sent++ < count) if (!call.write(message)) return call.once('drain', more);
      call.end();
    };
    more();
  },
  talk(call) {
    call.on('cancelled', () => tell({ cancelled: 'talk' }));
    call.on('error', () => {}); // The cancellation says it.
    call.on('data', (message) => call.write(message));
    call.on('end', () => call.end());
  },
};

await run({
  /** Over TLS if there is a certificate, else h2c. */
  async serve({ certificate, key }) {
    const server = new grpc.Server({ 'grpc.max_receive_message_length': -1 });
    server.addService(echo_service, handlers);
    const credentials = certificate
      ? grpc.ServerCredentials.createSsl(null, [
          { cert_chain: Buffer.from(certificate), private_key: Buffer.from(key) },
        ])
      : grpc.ServerCredentials.createInsecure();
    server.bindAsync('127.0.0.1:0', credentials, (error, port) => {
      if (error) throw error;
      tell({ port });
    });
  },
});
