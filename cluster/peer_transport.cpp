#include "cluster/peer_transport.core.hpp"

#include "net/name_resolver.hpp"

#include <charconv>
#include <limits>

namespace shunt::cluster {

namespace {

constexpr std::chrono::seconds farewell{2}; ///< For coroutines to notice that all is over.

} // namespace

// -- What others see.

peer_transport::peer_transport(transport_options options, std::shared_ptr<transport_listener> listener,
                               std::shared_ptr<cluster_metrics> metrics)
  : core_{std::make_unique<transport_core>(std::move(options), std::move(listener), std::move(metrics))} {}

peer_transport::~peer_transport() = default;

void peer_transport::stop() {
  core_->stop();
}
std::uint64_t peer_transport::dial(std::string address, std::size_t turn) {
  return core_->dial(std::move(address), turn);
}
void peer_transport::accept(const link_ptr& link, std::shared_ptr<link_listener> listener) {
  core_->accept(link, std::move(listener));
}
void peer_transport::refuse(const link_ptr& link, refusal_code code, std::string reason) {
  core_->refuse(link, code, std::move(reason));
}
bool peer_transport::send(const link_ptr& link, send_queue queue, std::string frame) {
  return core_->send(link, queue, std::move(frame));
}
void peer_transport::close(const link_ptr& link, std::string reason) {
  core_->close(link, std::move(reason));
}
void peer_transport::use_tls(std::shared_ptr<const peer_tls> tls) {
  core_->use_tls(std::move(tls));
}

std::optional<host_and_port> split_address(std::string_view address) {
  const auto colon = address.rfind(':');
  if (colon == address.npos || colon == 0)
    return std::nullopt;
  auto host = address.substr(0, colon);
  const auto digits = address.substr(colon + 1);
  if (host.starts_with('[') && host.ends_with(']'))
    host = host.substr(1, host.size() - 2);
  else if (host.find(':') != host.npos)
    return std::nullopt;
  host_and_port split{std::string{host}, 0};
  const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), split.port);
  if (failed != std::errc{} || end != digits.data() + digits.size() || split.port == 0 || host.empty())
    return std::nullopt;
  return split;
}

// -- The beginning and the end.

transport_core::transport_core(transport_options options, std::shared_ptr<transport_listener> listener,
                               std::shared_ptr<cluster_metrics> metrics)
  : options_{std::move(options)}, listener_{std::move(listener)}, shared_metrics_{std::move(metrics)},
    metrics_{*shared_metrics_}, budget_{std::numeric_limits<std::size_t>::max()}, loop_{0, budget_} {
  if (options_.listening_socket >= 0)
    acceptor_ = std::make_unique<net::listener>(
      loop_, options_.listening_socket, [this](int descriptor) { take(descriptor); },
      [](net::error_code) {}); // Out of descriptors: it tries again by itself.
  if (!options_.name_servers.empty())
    loop_.names().ask(options_.name_servers);
  loop_.start();
  if (acceptor_)
    loop_.post([this] { acceptor_->open(); });
}

void transport_core::stop() {
  if (std::exchange(stopped_, true))
    return;
  loop_.run([this] {
    stopping_ = true;
    close_all();
    note_end();
  });
  all_ended_.get_future().wait_for(farewell);
  loop_.stop();
  listener_.reset();
}

/// Once stopped, nothing begins any more.
void transport_core::note_end() {
  if (stopping_ && running_ == 0 && !std::exchange(over_, true))
    all_ended_.set_value();
}

void transport_core::close_all() {
  if (acceptor_)
    acceptor_->close();
  while (!links_.empty())
    close_link(links_.begin()->first, "this node ends its links");
  for (auto* each : strangers_)
    each->close();
}

// -- From any thread.

std::uint64_t transport_core::dial(std::string address, std::size_t turn) {
  const auto number = ++numbers_;
  loop_.post([this, number, turn, address = std::move(address)]() mutable {
    if (stopping_)
      return;
    const auto made = make_link(number, std::move(address));
    made->dialled = true;
    made->turn = turn;
    run(connect(made), [this, number] { close_link(number, "out of memory"); });
  });
  return number;
}

void transport_core::accept(const link_ptr& handle, std::shared_ptr<link_listener> listener) {
  loop_.post([this, handle, listener = std::move(listener)]() mutable {
    const auto found = find(handle);
    if (!found) {
      listener->on_closed("the connection ended before it was answered");
      return;
    }
    found->listener = std::move(listener);
    found->accepted = true;
    found->answered.is_open = true;
    if (found->answered.waiting)
      std::exchange(found->answered.waiting, nullptr).resume();
  });
}

void transport_core::refuse(const link_ptr& handle, refusal_code code, std::string reason) {
  loop_.post([this, handle, code, reason = std::move(reason)]() mutable {
    const auto found = find(handle);
    if (!found)
      return;
    found->refusal = refusal(code, std::move(reason));
    found->answered.is_open = true;
    if (found->answered.waiting)
      std::exchange(found->answered.waiting, nullptr).resume();
  });
}

bool transport_core::send(const link_ptr& handle, send_queue queue, std::string frame) {
  const auto lane = lane_of(queue);
  const auto bytes = frame.size();
  auto& queued = handle->queued_[static_cast<std::size_t>(lane)];
  if (queued.fetch_add(bytes) + bytes > options_.queue_bytes_max) {
    queued.fetch_sub(bytes);
    if (!handle->overflown_.exchange(true)) {
      metrics_.overflows.add();
      close(handle, "more than " + std::to_string(options_.queue_bytes_max)
                      + " bytes wait to be sent: the other node takes too little");
    }
    return false;
  }
  metrics_.queued_bytes.add(bytes);
  loop_.post([this, handle, queue, frame = std::move(frame)]() mutable {
    enqueue(handle, queue, std::move(frame));
  });
  return true;
}

void transport_core::close(const link_ptr& handle, std::string reason) {
  loop_.post([this, number = handle->number(), reason = std::move(reason)]() mutable {
    close_link(number, std::move(reason));
  });
}

void transport_core::use_tls(std::shared_ptr<const peer_tls> tls) {
  loop_.post([this, tls = std::move(tls)]() mutable { options_.tls = std::move(tls); });
}

// -- Links.

transport_core::link_owner transport_core::find(const link_ptr& handle) const {
  const auto found = links_.find(handle->number());
  return found == links_.end() ? nullptr : found->second;
}

transport_core::link_owner transport_core::make_link(std::uint64_t number, std::string address) {
  const auto made = std::make_shared<link>(*this, std::make_shared<link_handle>(number), std::move(address));
  made->limit.expires_after(options_.greeting_limit);
  links_.emplace(number, made);
  return made;
}

void transport_core::close_link(std::uint64_t number, std::string reason) {
  const auto found = links_.find(number);
  if (found == links_.end())
    return;
  const auto closed = found->second;
  links_.erase(found);
  closed->closed = true;
  closed->limit.disarm();
  if (std::exchange(closed->open, false))
    metrics_.links_open.subtract(1);
  for (const auto queue : {send_queue::heartbeats, send_queue::changes, send_queue::slices})
    for (const auto& frame : std::exchange(closed->queues[static_cast<std::size_t>(queue)], {}))
      forget_queued(*closed->handle, lane_of(queue), frame.size());
  for (auto& wire : closed->wires)
    if (wire)
      wire->close();
  closed->answered.is_open = true;
  if (closed->answered.waiting) // Not from here: it may be what calls.
    loop_.post([waiting = std::exchange(closed->answered.waiting, nullptr)] { waiting.resume(); });
  if (closed->listener)
    std::exchange(closed->listener, nullptr)->on_closed(std::move(reason));
  else if (closed->dialled && !closed->greeted)
    listener_->on_dial_failed({number, closed->address,
                               closed->refusal ? std::optional{closed->refusal->code} : std::nullopt,
                               closed->refusal ? closed->refusal->node : std::string{}, std::move(reason)});
}

} // namespace shunt::cluster
