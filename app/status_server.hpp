// The status ports: health for load balancers, the route table for operators, metrics, the log level. A loop of its own, so
// that a busy or stuck proxy loop cannot hide behind it. Small, bounded, one request a connection.
#pragma once

#include "actors/loop_context.hpp"
#include "app/page.hpp"
#include "app/reports.hpp"
#include "app/start_facts.hpp"
#include "net/event_loop.hpp"
#include "net/http_head.hpp"
#include "net/task.hpp"
#include "net/wire.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace shunt::app {

class status_server {
public:
  /// `context` outlives the server. `tls` is null when `status.tls` is not set.
  status_server(router_context& context, std::shared_ptr<const net::front_tls> tls,
                page_source routes);
  ~status_server();

  /// Has `/cluster` served beside `/routes`. Before open().
  void serve_cluster(page_source cluster) { cluster_ = std::move(cluster); }

  /// Has metrics served, too. `tells` outlives the server, which alone uses it from here on. `tls`:
  /// null when `prometheus.cert_path` is not set. Before open().
  void serve_metrics(reports& tells, std::shared_ptr<const net::front_tls> tls);
  /// Binds the ports that the settings ask for. Throws std::runtime_error naming the port's key.
  void open();
  /// Has its loop make the document of `/varz` and tell it there, whenever it is called while the server is open; may
  /// outlive it. After serve_metrics().
  std::function<void(std::function<void(const std::string&)> tell)> varz_source() const;
  /// Whoever waits for a page gets none. Harmless when repeated.
  void close();
  /// New connections go by these. A port without certificates there keeps those that it has, since it goes on as
  /// it began. Any thread, while open.
  void follow(start_facts next);

private:
  enum class site : std::uint8_t { health, routes, everything, metrics, debug };
  struct port;
  struct visitors;
  struct listing;
  struct letter_box;

  struct place {
    site what;
    bool tls = false;
    std::shared_ptr<visitors> clients{}; ///< Each port's own, so that none is closed by what another is asked.
  };
  std::uint16_t listen(const std::string& address, std::uint16_t number, place where, const char* key);
  void listen_for_debugging(const std::string& address);
  void serve(int descriptor, place where);
  net::task<void> talk(net::wire_ptr client, place where);
  net::task<bool> shake_hands(net::wire_ptr client, const net::front_tls* tls);
  std::string answer(const net::request_head& head, site what);
  net::task<std::string> answer_debug(net::wire& client, const net::request_head& head);
  const page_source* page_at(std::string_view path, site what) const;
  net::task<bool> show(net::wire& client, const net::request_head& head, const page_source& source);
  net::task<std::optional<page::piece>> next_piece(std::shared_ptr<page> of);
  void answered(const std::shared_ptr<listing>& asked, std::optional<page::piece> piece);
  std::string answer_health() const;
  std::string answer_metrics(std::string_view path) const;
  std::string answer_varz(const net::request_head& head);
  std::string varz();
  void look();
  bool authorized(const net::request_head& head) const;
  const config::settings& settings() const { return rules_ ? rules_->settings : context_.settings; }

  router_context& context_;
  std::shared_ptr<const policy> rules_; ///< The loop's. Null: those with which the process started.
  std::shared_ptr<const net::front_tls> tls_; ///< The loop's, once open.
  std::shared_ptr<const net::front_tls> metrics_tls_;
  reports* reports_ = nullptr; ///< Null: no metrics are served.
  page_source routes_;
  page_source cluster_; ///< Null: this node is alone.
  net::buffer_budget budget_;
  net::event_loop events_;
  net::deadline next_look_{events_.deadlines(),
                           [](void* self) { static_cast<status_server*>(self)->look(); }, this};
  bool started_ = false;
  std::vector<std::unique_ptr<port>> ports_;
  std::set<std::shared_ptr<listing>> listings_; ///< The loop's: that are waited for.
  std::shared_ptr<letter_box> letter_box_;
};

} // namespace shunt::app
