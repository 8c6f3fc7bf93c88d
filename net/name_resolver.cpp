#include "net/name_resolver.hpp"

#include "net/event_loop.hpp"

#include <boost/asio/posix/basic_stream_descriptor.hpp>

#include <ares.h>

#include <sys/stat.h>

#include <algorithm>

namespace shunt::net {

using error_code = boost::system::error_code;

namespace {

error_code reason_of(int status) {
  switch (status) {
    case ARES_SUCCESS: return {};
    case ARES_ETIMEOUT: return asio::error::timed_out;
    case ARES_ENODATA:
    case ARES_ENOTFOUND:
    case ARES_EBADNAME: return asio::error::host_not_found;
    case ARES_ENOMEM: return asio::error::no_memory;
    default: return asio::error::host_not_found_try_again;
  }
}

std::vector<asio::ip::address> addresses_of(const ares_addrinfo& found) {
  std::vector<asio::ip::address> addresses;
  for (const auto* node = found.nodes; node != nullptr; node = node->ai_next) {
    asio::ip::tcp::endpoint peer;
    if (node->ai_addrlen > peer.capacity())
      continue;
    std::copy_n(reinterpret_cast<const char*>(node->ai_addr), node->ai_addrlen,
                reinterpret_cast<char*>(peer.data()));
    addresses.push_back(peer.address());
  }
  return addresses;
}

/// Changes with the file.
std::uint64_t mark_of(const char* file) {
  struct stat about {};
  if (::stat(file, &about) != 0)
    return 0;
  std::uint64_t mark = 1;
  for (const auto part : {about.st_mtim.tv_sec, about.st_mtim.tv_nsec, static_cast<long>(about.st_size),
                          static_cast<long>(about.st_ino)})
    mark = mark * 0x9e3779b97f4a7c15u + static_cast<std::uint64_t>(part);
  return mark;
}

/// A server has this long at first, and twice as long when it is asked again.
constexpr int server_patience_ms = 2000;
constexpr int server_tries = 2;
/// A question that was asked no longer ago is asked for others, too.
constexpr auto shared_within = std::chrono::seconds{1};
/// How often c-ares is asked whether to ask again.
constexpr auto retry_look_every = std::chrono::milliseconds{100};

} // namespace

/// A name that is being asked for, and who waits for it.
struct name_resolver::flight {
  name_resolver& owner;
  channel& via;
  const std::string host;
  const steady_time began;
  std::vector<lookup*> waiting;
  answer found;
};

/// c-ares' sockets and questions. It says which socket it waits for; the loop says when to go on.
struct name_resolver::channel {
  struct watched {
    explicit watched(event_loop& loop) : descriptor{loop.get_executor()} {}

    asio::posix::basic_stream_descriptor<executor> descriptor;
    bool reads = false, writes = false;       ///< What c-ares waits for.
    bool read_due = false, write_due = false; ///< What the loop will tell of.
  };

  event_loop& loop;
  ares_channel questions = nullptr;
  std::size_t flights = 0;
  deadline retry;
  std::unordered_map<int, std::shared_ptr<watched>> sockets;

  explicit channel(event_loop& home, const std::string& servers)
    : loop{home},
      retry{home.deadlines(), [](void* self) { static_cast<channel*>(self)->look(); }, this} {
    static const int initialised = ares_library_init(ARES_LIB_INIT_ALL);
    ares_options options{};
    options.timeout = server_patience_ms;
    options.tries = server_tries;
    options.sock_state_cb_data = this;
    options.sock_state_cb = [](void* self, ares_socket_t socket, int reads, int writes) {
      static_cast<channel*>(self)->watch(socket, reads != 0, writes != 0);
    };
    if (initialised != ARES_SUCCESS
        || ares_init_options(&questions, &options, ARES_OPT_SOCK_STATE_CB | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES)
             != ARES_SUCCESS) {
      questions = nullptr;
    } else if (!servers.empty() && ares_set_servers_ports_csv(questions, servers.c_str()) != ARES_SUCCESS) {
      ares_destroy(questions);
      questions = nullptr;
    }
  }
  channel(const channel&) = delete;
  channel& operator=(const channel&) = delete;
  ~channel() {
    if (questions != nullptr)
      ares_destroy(questions); // Every question still open is answered with ARES_EDESTRUCTION.
  }

  void ask(flight& asked) {
    ares_addrinfo_hints hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    ++flights;
    ares_getaddrinfo(questions, asked.host.c_str(), nullptr, &hints, &channel::answered, &asked);
    if (!retry.armed())
      retry.expires_after(retry_look_every);
  }

  /// Called by c-ares, sometimes at once, so whoever waits is resumed from the loop, later.
  static void answered(void* flight_asked, int status, int, ares_addrinfo* result) {
    if (status == ARES_EDESTRUCTION)
      return;
    auto& asked = *static_cast<flight*>(flight_asked);
    asked.found.code = reason_of(status);
    if (result != nullptr) {
      asked.found.addresses = addresses_of(*result);
      ares_freeaddrinfo(result);
    }
    if (!asked.found.code && asked.found.addresses.empty())
      asked.found.code = asio::error::host_not_found;
    asked.via.loop.post([&asked] { asked.owner.land(asked); });
  }

  void watch(int socket, bool reads, bool writes) {
    if (!reads && !writes) {
      if (const auto gone = sockets.find(socket); gone != sockets.end()) {
        gone->second->descriptor.release(); // c-ares closes it.
        sockets.erase(gone);
      }
      return;
    }
    auto& entry = sockets[socket];
    if (entry == nullptr) {
      entry = std::make_shared<watched>(loop);
      error_code failed;
      if (entry->descriptor.assign(socket, failed); failed) {
        sockets.erase(socket); // Nothing is heard there; the question times out.
        return;
      }
    }
    entry->reads = reads;
    entry->writes = writes;
    await(entry, true);
    await(entry, false);
  }

  void await(const std::shared_ptr<watched>& entry, bool reading) {
    using descriptor = asio::posix::descriptor_base;
    if (!(reading ? entry->reads : entry->writes)
        || std::exchange(reading ? entry->read_due : entry->write_due, true))
      return;
    entry->descriptor.async_wait(
      reading ? descriptor::wait_read : descriptor::wait_write, [this, entry, reading](error_code failed) {
        // Released: c-ares is done with it, and this channel may be gone.
        if (failed == asio::error::operation_aborted || !entry->descriptor.is_open())
          return;
        (reading ? entry->read_due : entry->write_due) = false;
        const int socket = entry->descriptor.native_handle();
        go_on(reading ? socket : ARES_SOCKET_BAD, reading ? ARES_SOCKET_BAD : socket);
        if (entry->descriptor.is_open())
          await(entry, reading);
      });
  }

  void go_on(int readable, int writable) { ares_process_fd(questions, readable, writable); }

  /// It knows itself whom to ask again; when, costs it a walk through all questions.
  void look() {
    go_on(ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    if (flights > 0)
      retry.expires_after(retry_look_every);
  }
};

name_resolver::name_resolver(event_loop& loop) : loop_{loop} {}

name_resolver::~name_resolver() {
  const auto leave = [](const flight& asked) {
    for (auto* one : asked.waiting)
      one->flight_ = nullptr;
  };
  for (const auto& [host, asked] : flights_)
    leave(*asked);
  for (const auto& asked : late_)
    leave(*asked);
}

void name_resolver::ask(std::string servers) {
  servers_ = std::move(servers);
  configured_ = 0; // The next name is asked of these.
  checked_ = {};
}

/// The channel for new names: a new one when /etc/resolv.conf has changed, as the C library does it.
name_resolver::channel* name_resolver::current() {
  constexpr auto check_every = std::chrono::seconds{1};
  const auto now = std::chrono::steady_clock::now();
  const bool none = channels_.empty() || channels_.back()->questions == nullptr;
  if (none || now - checked_ >= check_every) {
    checked_ = now;
    const auto found = mark_of("/etc/resolv.conf") | 1;
    if (std::exchange(configured_, found) != found || none) {
      std::erase_if(channels_, [](const auto& old) { return old->flights == 0; });
      channels_.push_back(std::make_unique<channel>(loop_, servers_));
    }
  }
  return channels_.back()->questions == nullptr ? nullptr : channels_.back().get();
}

name_resolver::flight* name_resolver::join(const std::string& host) {
  auto* const via = current();
  const auto now = std::chrono::steady_clock::now();
  if (const auto known = flights_.find(host); known != flights_.end()) {
    if (now - known->second->began < shared_within && &known->second->via == via)
      return known->second.get();
    late_.push_back(std::move(flights_.extract(known).mapped()));
  }
  if (via == nullptr || flights_.size() + late_.size() >= flights_max)
    return nullptr;
  auto& asked = flights_[host];
  asked.reset(new flight{*this, *via, host, now, {}, {}});
  via->ask(*asked);
  return asked.get();
}

void name_resolver::land(flight& done) {
  std::unique_ptr<flight> landed;
  if (const auto at = flights_.find(done.host); at != flights_.end() && at->second.get() == &done) {
    landed = std::move(flights_.extract(at).mapped());
  } else {
    const auto late = std::find_if(late_.begin(), late_.end(), [&](const auto& each) { return each.get() == &done; });
    landed = std::exchange(*late, std::move(late_.back()));
    late_.pop_back();
  }
  if (--landed->via.flights == 0 && &landed->via != channels_.back().get())
    std::erase_if(channels_, [&](const auto& old) { return old.get() == &landed->via; });
  while (!landed->waiting.empty()) { // Whoever is resumed may end another.
    auto* one = landed->waiting.back();
    landed->waiting.pop_back();
    one->flight_ = nullptr;
    one->resume(landed->found);
  }
}

name_resolver::lookup::lookup(name_resolver& names, const std::string& host,
                              std::chrono::nanoseconds timeout)
  : limit_{names.loop_.deadlines(), [](void* self) { static_cast<lookup*>(self)->expire(); }, this},
    flight_{names.join(host)} {
  if (flight_ == nullptr) {
    answer_.code = asio::error::no_buffer_space;
    return;
  }
  position_ = flight_->waiting.size();
  flight_->waiting.push_back(this);
  limit_.expires_after(timeout);
}

void name_resolver::lookup::leave() noexcept {
  auto* const left = std::exchange(flight_, nullptr);
  if (left == nullptr)
    return;
  auto* const last = left->waiting[position_] = left->waiting.back();
  last->position_ = position_;
  left->waiting.pop_back();
}

void name_resolver::lookup::expire() {
  leave();
  resume({asio::error::timed_out, {}});
}

void name_resolver::lookup::resume(answer found) {
  limit_.disarm();
  answer_ = std::move(found);
  if (awaiting_)
    std::exchange(awaiting_, nullptr).resume();
}

} // namespace shunt::net
