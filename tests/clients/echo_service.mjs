// The gRPC service that grpc_server.mjs and grpc_client.mjs speak: a method of each kind. Messages
// are bytes, so there is no schema.
const bytes = (value) => value;

const method = (name, requestStream, responseStream) => ({
  path: `/shunt.test.Echo/${name}`,
  requestStream,
  responseStream,
  requestSerialize: bytes,
  requestDeserialize: bytes,
  responseSerialize: bytes,
  responseDeserialize: bytes,
});

export const echo_service = {
  answer: method('Answer', false, false), // The same bytes; see the server for what metadata asks for.
  collect: method('Collect', true, false), // The digest of all that came.
  expand: method('Expand', false, true), // `{count, size}`: as many messages.
  talk: method('Talk', true, true), // Each message as it comes.
};
