// The store of a single node: a SQLite file. A transaction that returned survives the loss of power
// (a write-ahead log, synchronous=FULL); processes that share a file wait for each other.
#pragma once

#include "cluster/durable_store.hpp"

#include <memory>
#include <string>

struct sqlite3;
struct sqlite3_stmt;

namespace shunt::net {
class component_log;
}

namespace shunt::cluster {

class embedded_store final : public durable_store {
public:
  /// Opens the file, or begins it, readable by its owner alone; its directory must be there. Keeps
  /// to the documents of `bucket`, so that one file serves several owners. A file that is broken is
  /// moved aside, to `<path>.corrupt-<unix time>`, which `log` is told, and a new one is begun.
  /// Throws store_error; with `not_ours` the file is as it was.
  embedded_store(std::string path, std::string bucket, net::component_log& log);
  ~embedded_store() override;

  void load(const std::function<void(document)>& each) override;
  void apply(const document_changes& changes) override;
  std::size_t remove_expired(std::int64_t now_ms) override;

private:
  struct closes {
    void operator()(sqlite3* database) const noexcept;
  };
  struct finalizes {
    void operator()(sqlite3_stmt* statement) const noexcept;
  };
  using statement = std::unique_ptr<sqlite3_stmt, finalizes>;
  class transaction;
  class query;

  void open();
  void connect();
  void close() noexcept;
  void inspect();
  void begin_schema();
  void set_durability();
  void prepare_all();
  std::string move_aside() const;

  statement prepare(const char* sql) const;
  void execute(const char* sql) const;
  std::int64_t number(const char* sql) const;
  std::string text(const char* sql) const;
  [[noreturn]] void fail(const char* doing) const;

  std::string path_;
  std::string bucket_;
  std::unique_ptr<sqlite3, closes> database_;
  statement put_, remove_, clear_, expire_, all_; // Before the database goes.
};

} // namespace shunt::cluster
