#include "cluster/embedded_store.hpp"

#include "net/component_log.hpp"

#include <sqlite3.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <string_view>
#include <thread>

namespace shunt::cluster {

namespace {

constexpr std::int64_t schema_version = 1;
constexpr std::int64_t application_id = 0x5368'756e; // "Shun", which `file` and others show.
constexpr int busy_milliseconds = 2'000; // For another process to finish its transaction.
constexpr auto open_patience = std::chrono::seconds{3}; // Where SQLite does not wait by itself.
constexpr auto open_pause = std::chrono::milliseconds{20};

store_errc code_of(int result) {
  const auto primary = result & 0xff;
  return primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB ? store_errc::corrupt
                                                               : store_errc::unavailable;
}

/// Another process has what is needed just now.
class locked final : public store_error {
public:
  explicit locked(const std::string& what) : store_error{store_errc::unavailable, what} {}
};

[[noreturn]] void refuse(const std::string& path, const char* doing) {
  const int reason = errno;
  throw store_error{
    store_errc::unavailable,
    std::string{path}.append(": ").append(doing).append(": ").append(std::strerror(reason))};
}

/// Files that SQLite keeps beside the database take their mode from it. Only a file that is new is
/// opened here: to close one that SQLite has open in this process would give up its locks.
void begin_file(const std::string& path) {
  const int made = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (made >= 0) {
    ::close(made);
    return;
  }
  struct stat found {};
  if (errno != EEXIST)
    refuse(path, "cannot be created");
  if (::stat(path.c_str(), &found) != 0)
    refuse(path, "cannot be looked at");
  if (!S_ISREG(found.st_mode))
    throw store_error{store_errc::not_ours, path + ": is no file"};
}

/// Of a file that is ours.
void make_private(const std::string& path) {
  for (const auto* suffix : {"", "-wal", "-shm"}) {
    const auto each = path + suffix;
    struct stat found {};
    if (::stat(each.c_str(), &found) == 0 && (found.st_mode & 0077) != 0
        && ::chmod(each.c_str(), 0600) != 0)
      refuse(each, "cannot be made private");
  }
}

} // namespace

void embedded_store::closes::operator()(sqlite3* database) const noexcept {
  sqlite3_close_v2(database);
}

void embedded_store::finalizes::operator()(sqlite3_stmt* statement) const noexcept {
  sqlite3_finalize(statement);
}

// -- Statements

/// One run of a prepared statement, which is ready for the next one afterwards.
class embedded_store::query {
public:
  query(const embedded_store& store, const statement& prepared)
    : store_{store}, statement_{prepared.get()} {}
  query(const query&) = delete;
  query& operator=(const query&) = delete;
  ~query() {
    sqlite3_reset(statement_);
    sqlite3_clear_bindings(statement_);
  }

  /// The next parameter. The text outlives the query.
  query& with(std::string_view text) {
    check(sqlite3_bind_text64(statement_, ++bound_, text.data(), text.size(), SQLITE_STATIC,
                              SQLITE_UTF8));
    return *this;
  }
  query& with(std::int64_t number) {
    check(sqlite3_bind_int64(statement_, ++bound_, number));
    return *this;
  }

  /// Whether there is a row (more).
  bool step(const char* doing) {
    const int result = sqlite3_step(statement_);
    if (result != SQLITE_ROW && result != SQLITE_DONE)
      store_.fail(doing);
    return result == SQLITE_ROW;
  }
  std::string text(int column) const {
    const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
    return {bytes == nullptr ? "" : bytes,
            static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
  }
  std::int64_t number(int column) const { return sqlite3_column_int64(statement_, column); }

private:
  void check(int result) const {
    if (result != SQLITE_OK)
      store_.fail("bind");
  }

  const embedded_store& store_;
  sqlite3_stmt* statement_;
  int bound_ = 0;
};

/// Undone unless it was committed.
class embedded_store::transaction {
public:
  explicit transaction(const embedded_store& store) : store_{store} {
    store_.execute("BEGIN IMMEDIATE");
  }
  transaction(const transaction&) = delete;
  transaction& operator=(const transaction&) = delete;
  ~transaction() {
    if (sqlite3_get_autocommit(store_.database_.get()) == 0)
      sqlite3_exec(store_.database_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
  }
  void commit() { store_.execute("COMMIT"); }

private:
  const embedded_store& store_;
};

embedded_store::statement embedded_store::prepare(const char* sql) const {
  sqlite3_stmt* made = nullptr;
  if (sqlite3_prepare_v3(database_.get(), sql, -1, SQLITE_PREPARE_PERSISTENT, &made, nullptr)
      != SQLITE_OK)
    fail("prepare");
  return statement{made};
}

void embedded_store::execute(const char* sql) const {
  if (sqlite3_exec(database_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK)
    fail(sql);
}

std::int64_t embedded_store::number(const char* sql) const {
  const auto prepared = prepare(sql);
  query one{*this, prepared};
  return one.step(sql) ? one.number(0) : 0;
}

std::string embedded_store::text(const char* sql) const {
  const auto prepared = prepare(sql);
  query one{*this, prepared};
  return one.step(sql) ? one.text(0) : std::string{};
}

void embedded_store::fail(const char* doing) const {
  const int code = database_ ? sqlite3_extended_errcode(database_.get()) : SQLITE_NOMEM;
  const char* words = database_ ? sqlite3_errmsg(database_.get()) : sqlite3_errstr(code);
  auto what = path_;
  what.append(": ").append(doing).append(": ").append(words);
  what.append(" (SQLite ").append(std::to_string(code)).append(")");
  if ((code & 0xff) == SQLITE_BUSY)
    throw locked{what};
  throw store_error{code_of(code), what};
}

// -- Opening

embedded_store::embedded_store(std::string path, std::string bucket, net::component_log& log)
  : path_{std::move(path)}, bucket_{std::move(bucket)} {
  try {
    open();
  } catch (const store_error& broken) {
    if (broken.code() != store_errc::corrupt)
      throw;
    close();
    const auto aside = move_aside();
    log.error(
      ".store", "store-corrupt",
      {{"file", path_},
       {"moved_to", aside},
       {"error", broken.what()},
       {"advice", "what was stored is lost to this router; a new file was begun. Keep the old "
                  "one if you want to rescue something, and check the disk"}});
    open();
  }
}

embedded_store::~embedded_store() = default;

void embedded_store::open() {
  begin_file(path_);
  const auto give_up = std::chrono::steady_clock::now() + open_patience;
  for (;;) {
    try {
      connect();
      inspect();
      make_private(path_);
      set_durability();
      prepare_all();
      return;
    } catch (const locked&) {
      close();
      if (std::chrono::steady_clock::now() >= give_up)
        throw;
    }
    std::this_thread::sleep_for(open_pause); // Another process begins the same file.
  }
}

void embedded_store::connect() {
  sqlite3* raw = nullptr;
  constexpr int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  const int result = sqlite3_open_v2(path_.c_str(), &raw, flags, nullptr);
  database_.reset(raw); // There is one even if it failed.
  if (result != SQLITE_OK)
    fail("open");
}

void embedded_store::close() noexcept {
  for (auto* each : {&put_, &remove_, &clear_, &expire_, &all_})
    each->reset();
  database_.reset();
}

/// Throws unless the file is ours, whole, and of this version; begins the schema in an empty one.
void embedded_store::inspect() {
  auto* database = database_.get();
  sqlite3_busy_timeout(database, busy_milliseconds);
  sqlite3_db_config(database, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(database, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  // Not even what a newer version left in the write-ahead log is to be moved.
  sqlite3_db_config(database, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  const bool empty = number("SELECT count(*) FROM sqlite_schema") == 0;
  const auto version = number("PRAGMA user_version");
  const auto owner = number("PRAGMA application_id");
  if (owner != application_id && !(empty && owner == 0 && version == 0))
    throw store_error{store_errc::not_ours, path_ + ": is a database of another program"};
  if (version > schema_version)
    throw store_error{store_errc::not_ours,
                      path_ + ": was written by a newer version of this program (schema "
                        + std::to_string(version) + ")"};
  sqlite3_db_config(database, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, nullptr);
  if (empty)
    begin_schema();
  else if (const auto found = text("PRAGMA quick_check(1)"); found != "ok")
    throw store_error{store_errc::corrupt, path_ + ": " + found};
}

void embedded_store::begin_schema() {
  execute("PRAGMA journal_mode=WAL");
  transaction all{*this};
  // Again, now that nobody else can be doing the same.
  if (number("SELECT count(*) FROM sqlite_schema") == 0) {
    execute("CREATE TABLE documents(bucket TEXT NOT NULL, key TEXT NOT NULL, text TEXT NOT NULL,"
            " expires_at_ms INTEGER NOT NULL, PRIMARY KEY(bucket, key)) WITHOUT ROWID");
    execute("CREATE INDEX documents_by_end ON documents(bucket, expires_at_ms)");
    execute(("PRAGMA application_id=" + std::to_string(application_id)).c_str());
    execute(("PRAGMA user_version=" + std::to_string(schema_version)).c_str());
  }
  all.commit();
}

void embedded_store::set_durability() {
  if (const auto mode = text("PRAGMA journal_mode=WAL"); mode != "wal")
    throw store_error{store_errc::unavailable,
                      path_ + ": cannot have a write-ahead log here, only: " + mode};
  execute("PRAGMA synchronous=FULL");
  execute("PRAGMA journal_size_limit=16777216"); // After a large transaction.
}

void embedded_store::prepare_all() {
  put_ = prepare("INSERT INTO documents(bucket, key, text, expires_at_ms) VALUES(?, ?, ?, ?)"
                 " ON CONFLICT(bucket, key) DO UPDATE SET text=excluded.text,"
                 " expires_at_ms=excluded.expires_at_ms");
  remove_ = prepare("DELETE FROM documents WHERE bucket=? AND key=?");
  clear_ = prepare("DELETE FROM documents WHERE bucket=?");
  expire_ = prepare("DELETE FROM documents WHERE bucket=? AND expires_at_ms<=?");
  all_ = prepare("SELECT key, text, expires_at_ms FROM documents WHERE bucket=?");
}

/// With what SQLite keeps beside it, so that it can be opened where it lies.
std::string embedded_store::move_aside() const {
  auto stamp = std::chrono::duration_cast<std::chrono::seconds>(
                 std::chrono::system_clock::now().time_since_epoch())
                 .count();
  const auto name = [&] { return path_ + ".corrupt-" + std::to_string(stamp); };
  while (::access(name().c_str(), F_OK) == 0)
    ++stamp;
  if (std::rename(path_.c_str(), name().c_str()) != 0)
    throw store_error{store_errc::unavailable,
                      path_ + ": is corrupt and cannot be moved aside: " + std::strerror(errno)};
  for (const auto* suffix : {"-wal", "-shm"})
    std::rename((path_ + suffix).c_str(), (name() + suffix).c_str()); // Perhaps there is none.
  return name();
}

// -- Use

void embedded_store::load(const std::function<void(document)>& each) {
  query rows{*this, all_};
  rows.with(bucket_);
  while (rows.step("read"))
    each({.key = rows.text(0), .text = rows.text(1), .expires_at_ms = rows.number(2)});
}

void embedded_store::apply(const document_changes& changes) {
  if (changes.empty())
    return;
  transaction all{*this};
  if (changes.replace_all)
    query{*this, clear_}.with(bucket_).step("clear");
  for (const auto& key : changes.removed)
    query{*this, remove_}.with(bucket_).with(key).step("remove");
  for (const auto& [key, text, expires_at_ms] : changes.put)
    query{*this, put_}.with(bucket_).with(key).with(text).with(expires_at_ms).step("write");
  all.commit();
}

std::size_t embedded_store::remove_expired(std::int64_t now_ms) {
  query{*this, expire_}.with(bucket_).with(now_ms).step("remove what has ended");
  return static_cast<std::size_t>(sqlite3_changes(database_.get()));
}

} // namespace shunt::cluster
