// How two nodes greet each other: the hello of whoever connects, the welcome or the refusal of the other.
#include "cluster/peer_transport.core.hpp"

#include "net/tls_engine.hpp"

#include <openssl/rand.h>

namespace shunt::cluster {

namespace {

/// What nobody can guess: it says that two connections come from the same node.
std::uint64_t draw_token() {
  std::uint64_t token = 0;
  RAND_bytes(reinterpret_cast<unsigned char*>(&token), sizeof token);
  return token;
}

constexpr auto unanswered = "the connection ended before it was answered";

} // namespace

wire_options transport_core::options_of_wire() const {
  return {options_.tls, options_.greeting_limit, options_.silence_limit, 0};
}

refusal_frame transport_core::refusal(refusal_code code, std::string reason) const {
  return {code, std::move(reason), options_.self.node};
}

/// What speaks against whoever says that it is `node`; empty: nothing.
std::string transport_core::objection(net::wire& wire, const std::string& node) const {
  if (wire.tls() == nullptr || is_named(wire.tls()->session(), node))
    return {};
  return "the certificate does not name the node " + node;
}

void transport_core::tell_of(const link_owner& greeted) {
  greeted->greeted = true;
  listener_->on_greeting(
    {greeted->handle, greeted->dialled, greeted->version, greeted->node, greeted->address});
}

// -- Whoever connects to us.

void transport_core::take(int descriptor) {
  net::tcp_socket socket{loop_.get_executor()};
  socket.assign(net::tcp::v6(), descriptor);
  const net::wire_ptr wire{new net::wire{loop_, std::move(socket)}};
  if (stopping_) {
    wire->close();
    return;
  }
  if (strangers_.size() >= options_.strangers_max) // A node says at once who it is, so the first is least likely one.
    strangers_.front()->displace();
  auto address = remote_address(*wire);
  run(greet(wire, std::move(address)), [wire] { wire->close(); });
}

net::task<void> transport_core::greet(net::wire_ptr wire, std::string address) {
  stranger here{*this, *wire};
  const auto until = std::chrono::steady_clock::now() + options_.greeting_limit;
  auto error = co_await prepare_wire(wire, options_of_wire());
  wire_result<peer_frame> heard;
  if (error.empty()) {
    wire->receive_until(until);
    heard = co_await next_greeting(wire);
    wire->receive_within(std::chrono::nanoseconds{0});
    error = std::move(heard.error);
  }
  const auto* hello = heard.value ? std::get_if<hello_frame>(&*heard.value) : nullptr;
  if (error.empty() && hello == nullptr)
    error = "it did not begin with a hello";
  if (error.empty())
    error = objection(*wire, hello->node.node);
  here.known();
  if (!error.empty()) {
    metrics_.strangers.add();
    if (!stopping_ && !here.displaced()) // Of those there may be thousands: they are only counted.
      listener_->on_stranger(address, error);
    if (hello != nullptr)
      co_await turn_away(wire, refusal_code::unfit, error);
    wire->close();
    co_return;
  }
  if (hello->lane == link_lane::slices)
    co_await greet_slices(wire, std::move(address), *hello);
  else
    co_await greet_main(wire, std::move(address), *hello);
}

net::task<void> transport_core::turn_away(net::wire_ptr wire, refusal_code code, std::string reason) {
  const auto frame = encode(refusal(code, std::move(reason)));
  co_await wire->send(frame);
  wire->close();
}

net::task<void> transport_core::greet_main(net::wire_ptr wire, std::string address, hello_frame hello) {
  const auto version = common_version(hello, options_.version_lowest, options_.version_highest);
  if (!version) {
    auto reason = "no common frame version: " + hello.node.node + " speaks "
                  + std::to_string(hello.lowest) + " to " + std::to_string(hello.highest) + ", "
                  + options_.self.node + " speaks " + std::to_string(options_.version_lowest) + " to "
                  + std::to_string(options_.version_highest);
    listener_->on_stranger(address, reason);
    co_await turn_away(wire, refusal_code::version, std::move(reason));
    co_return;
  }
  const auto made = make_link(++numbers_, std::move(address));
  made->wires[0] = wire;
  made->node = std::move(hello.node);
  made->version = *version;
  made->token = draw_token();
  tell_of(made);
  co_await made->answered;
  if (made->closed)
    co_return;
  if (made->refusal) {
    const auto frame = encode(*made->refusal);
    co_await wire->send(frame);
    close_link(made->handle->number(), made->refusal->reason);
    co_return;
  }
  const auto frame = encode(welcome_frame{made->version, made->token, options_.self});
  const auto failed = co_await wire->send(frame);
  if (failed)
    close_link(made->handle->number(), unanswered);
  else if (!made->closed && !made->open)
    watch_first(made);
}

/// Until the second connection is there nobody reads from the first. But the other side may refuse, or end.
void transport_core::watch_first(const link_owner& waiting) {
  waiting->wires[0]->watch(
    [](void* self) {
      auto& first = *static_cast<link*>(self);
      first.owner.look_at_first(first);
    },
    waiting.get());
  waiting->wires[0]->listen();
}

void transport_core::look_at_first(link& waiting) {
  auto& wire = *waiting.wires[0];
  const auto bytes = wire.bytes();
  const auto length = frame_length(bytes);
  if (length && *length <= greeting_bytes_max && bytes.size() >= frame_length_bytes + *length) {
    const auto heard = decode(bytes.substr(frame_length_bytes, *length));
    const auto* refused = heard.frame ? std::get_if<refusal_frame>(&*heard.frame) : nullptr;
    if (refused != nullptr) {
      close_link(waiting.handle->number(), refused->node + " refused: " + refused->reason);
      return;
    }
  }
  if (wire.ended())
    close_link(waiting.handle->number(), unanswered);
  else if (bytes.size() < greeting_bytes_max) // Frames that came early stay where they are.
    wire.listen();
}

/// The link that waits for this second connection; null: none does.
transport_core::link_owner transport_core::expected(const hello_frame& hello) const {
  for (const auto& [number, each] : links_)
    if (!each->dialled && each->accepted && !each->wires[1] && each->token == hello.token
        && each->node.node == hello.node.node && each->node.incarnation == hello.node.incarnation)
      return each;
  return nullptr;
}

net::task<void> transport_core::greet_slices(net::wire_ptr wire, std::string address, hello_frame hello) {
  const auto found = expected(hello);
  if (!found) {
    constexpr auto reason = "no link waits for this connection";
    listener_->on_stranger(address, reason);
    co_await turn_away(wire, refusal_code::busy, reason);
    co_return;
  }
  found->wires[1] = wire;
  const auto frame = encode(welcome_frame{found->version, 0, options_.self});
  const auto failed = co_await wire->send(frame);
  if (failed)
    close_link(found->handle->number(), unanswered);
  else if (!found->closed)
    open(found);
}

// -- Those that we connect to.

net::task<void> transport_core::connect(link_owner to) {
  const auto number = to->handle->number();
  const auto target = split_address(to->address);
  if (!target) {
    close_link(number, "expected host:port, found '" + to->address + "'");
    co_return;
  }
  auto error = co_await connect_main(to, *target);
  if (error.empty() && !to->closed)
    error = co_await connect_slices(to);
  if (!error.empty())
    close_link(number, std::move(error));
  else if (!to->closed)
    open(to);
}

/// Says hello on a new connection and hears the answer.
net::task<wire_result<welcome_frame>> transport_core::ask(link_owner to, net::wire_ptr wire,
                                                          link_lane lane) {
  wire_result<welcome_frame> result;
  const auto frame = encode(
    hello_frame{options_.version_lowest, options_.version_highest, lane, to->token, options_.self});
  const auto failed = co_await wire->send(frame);
  if (failed) {
    result.error = net::go_words(failed);
    co_return result;
  }
  auto heard = co_await next_greeting(wire);
  result.error = std::move(heard.error);
  if (!heard.value)
    co_return result;
  if (auto* welcome = std::get_if<welcome_frame>(&*heard.value)) {
    result.error = objection(*wire, welcome->node.node);
    result.value = std::move(*welcome);
  } else if (auto* refused = std::get_if<refusal_frame>(&*heard.value)) {
    result.error = objection(*wire, refused->node);
    if (!result.error.empty())
      co_return result; // A stranger's word: it says nothing of that node, nor of this one.
    result.error = refused->node + " refused: " + refused->reason;
    to->refusal = std::move(*refused);
  } else {
    result.error = "it answered a hello with something else";
  }
  co_return result;
}

net::task<std::string> transport_core::connect_main(link_owner to, host_and_port target) {
  auto options = options_of_wire();
  options.turn = to->turn;
  auto connected = co_await connect_wire(loop_, target.host, target.port, std::move(options));
  if (!connected.value)
    co_return connected.error;
  const auto wire = *connected.value;
  if (to->closed) {
    wire->close();
    co_return std::string{};
  }
  to->wires[0] = wire;
  auto answer = co_await ask(to, wire, link_lane::main);
  if (!answer.error.empty() || to->closed)
    co_return answer.error;
  to->version = answer.value->version;
  to->token = answer.value->token;
  to->node = std::move(answer.value->node);
  if (to->version < options_.version_lowest || to->version > options_.version_highest)
    co_return "it answered with frame version " + std::to_string(to->version);
  tell_of(to);
  co_await to->answered;
  if (to->closed || !to->refusal)
    co_return std::string{};
  const auto frame = encode(*to->refusal);
  co_await wire->send(frame);
  co_return to->refusal->reason;
}

/// To the very node that answered: a name may stand for several.
net::task<std::string> transport_core::connect_slices(link_owner to) {
  net::error_code failed;
  const auto remote = to->wires[0]->socket().remote_endpoint(failed);
  if (failed)
    co_return net::go_words(failed);
  auto connected =
    co_await connect_wire(loop_, remote.address().to_string(), remote.port(), options_of_wire());
  if (!connected.value)
    co_return connected.error;
  const auto wire = *connected.value;
  if (to->closed) {
    wire->close();
    co_return std::string{};
  }
  to->wires[1] = wire;
  auto answer = co_await ask(to, wire, link_lane::slices);
  if (answer.error.empty() && answer.value->node != to->node)
    answer.error = "another node answered for the second connection";
  co_return answer.error;
}

} // namespace shunt::cluster
