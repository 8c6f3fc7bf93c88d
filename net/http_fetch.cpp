// libcurl's multi interface: transfers share a thread and idle connections. Its own time-outs are
// whole seconds and averages, so that all but the one for connecting are kept here.
#include "net/http_fetch.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <array>
#include <new>
#include <stdexcept>
#include <utility>

namespace shunt::net {

namespace {

using std::chrono::milliseconds;
using clock = http_transfers::clock;

constexpr std::size_t said_bytes_max = 256;
constexpr std::size_t head_bytes_max = 256 * 1024;

struct curl_release {
  void operator()(CURL* easy) const noexcept { curl_easy_cleanup(easy); }
  void operator()(curl_slist* list) const noexcept { curl_slist_free_all(list); }
};

void initialise() {
  static const auto result = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (result != CURLE_OK)
    throw std::runtime_error{std::string{"libcurl: "} + curl_easy_strerror(result)};
}

std::string text_of(milliseconds time) {
  return std::to_string(time.count()) + " ms";
}

} // namespace

// -- One transfer

struct http_transfer::state {
  std::unique_ptr<curl_slist, curl_release> headers;
  http_transfers::state* owner = nullptr;
  http_reader* reader = nullptr;
  std::optional<http_outcome> outcome;
  std::string said;
  std::string refused_for; ///< Why one of the functions below ended the transfer.
  std::array<char, CURL_ERROR_SIZE> error{};
  milliseconds head_patience{0}, whole_patience{0}, silence_patience{0};
  clock::time_point began = clock::now();
  clock::time_point latest = began; ///< Byte.
  std::uint64_t body_bytes_max = 0;
  std::uint64_t body_bytes = 0;
  std::size_t head_bytes = 0;
  int status = 0;                                             ///< Of the final head; 0 before it.
  std::unique_ptr<CURL, curl_release> easy{curl_easy_init()}; ///< Last: it uses all of the above.

  std::size_t take_header(std::string_view line) {
    latest = clock::now();
    head_bytes += line.size();
    if (head_bytes > head_bytes_max)
      return refuse("the head of the answer is too large");
    if (line != "\r\n" && line != "\n")
      return line.size();
    long code = 0;
    curl_easy_getinfo(easy.get(), CURLINFO_RESPONSE_CODE, &code);
    if (code >= 200 && status == 0) { // Neither an interim answer, nor trailers.
      status = static_cast<int>(code);
      reader->on_head(status);
    }
    return line.size();
  }

  std::size_t take_body(std::string_view bytes) {
    latest = clock::now();
    body_bytes += bytes.size();
    if (body_bytes_max != 0 && body_bytes > body_bytes_max)
      return refuse("the answer is larger than " + std::to_string(body_bytes_max) + " bytes");
    if (status != 200)
      said.append(bytes.substr(0, said_bytes_max - std::min(said.size(), said_bytes_max)));
    else if (!hand_on(bytes))
      return refuse("the answer makes no sense");
    return bytes.size();
  }

  bool hand_on(std::string_view bytes);

  /// Nobody listened for so long: that is no fault of the server's.
  void excuse(clock::duration time) {
    began += time;
    latest += time;
  }

  std::size_t refuse(std::string why) {
    refused_for = std::move(why);
    return CURL_WRITEFUNC_ERROR;
  }

  void end(CURLcode result) {
    http_outcome ended{.status = status, .said = std::move(said), .error = {}, .silent = false};
    if (result != CURLE_OK)
      ended.error = !refused_for.empty()    ? refused_for
                    : error.front() != '\0' ? error.data()
                                            : curl_easy_strerror(result);
    outcome = std::move(ended);
  }

  /// When a bound is next exceeded; the end of time if there is none.
  clock::time_point due() const {
    auto first = clock::time_point::max();
    if (status == 0 && head_patience.count() > 0)
      first = std::min(first, began + head_patience);
    if (whole_patience.count() > 0)
      first = std::min(first, began + whole_patience);
    if (silence_patience.count() > 0)
      first = std::min(first, latest + silence_patience);
    return first;
  }

  void expire(clock::time_point now) {
    const bool silent = silence_patience.count() > 0 && now >= latest + silence_patience;
    const bool whole = whole_patience.count() > 0 && now >= began + whole_patience;
    const auto why = whole    ? "no complete answer within " + text_of(whole_patience)
                     : silent ? "silent for " + text_of(silence_patience)
                              : "no answer within " + text_of(head_patience);
    outcome = http_outcome{.status = status, .said = {}, .error = why, .silent = silent && !whole};
  }
};

namespace {

template <auto Member>
std::size_t forward(char* data, std::size_t size, std::size_t count, void* self) noexcept {
  auto& to = *static_cast<http_transfer::state*>(self);
  try {
    return (to.*Member)({data, size * count});
  } catch (const std::bad_alloc&) { // Nothing may be thrown through libcurl.
    return CURL_WRITEFUNC_ERROR;
  }
}

template <class Value>
void set(CURL* easy, CURLoption option, Value value) {
  const auto result = curl_easy_setopt(easy, option, value);
  if (result == CURLE_OUT_OF_MEMORY)
    throw std::bad_alloc{};
  if (result != CURLE_OK)
    throw std::runtime_error{std::string{"libcurl: "} + curl_easy_strerror(result)};
}

void set_text(CURL* easy, CURLoption option, const std::string& text) {
  if (!text.empty())
    set(easy, option, text.c_str());
}

void set_blob(CURL* easy, CURLoption option, const std::string& bytes) {
  curl_blob blob{const_cast<char*>(bytes.data()), bytes.size(), CURL_BLOB_COPY};
  if (!bytes.empty())
    set(easy, option, &blob);
}

void set_tls(CURL* easy, const http_tls& tls) {
  set(easy, CURLOPT_SSLVERSION, long{CURL_SSLVERSION_TLSv1_2} | CURL_SSLVERSION_MAX_TLSv1_3);
  set_text(easy, CURLOPT_SSL_CIPHER_LIST, tls.tls12_suites);
  if (!tls.ca_certs.empty() || !tls.ca_file.empty()) // Else the system's directory would count too.
    set(easy, CURLOPT_CAPATH, static_cast<char*>(nullptr));
  set_blob(easy, CURLOPT_CAINFO_BLOB, tls.ca_certs);
  set_text(easy, CURLOPT_CAINFO, tls.ca_file);
  set_blob(easy, CURLOPT_SSLCERT_BLOB, tls.cert_chain);
  set_blob(easy, CURLOPT_SSLKEY_BLOB, tls.private_key);
  set(easy, CURLOPT_SSL_VERIFYPEER, tls.verify ? 1L : 0L);
  set(easy, CURLOPT_SSL_VERIFYHOST, tls.verify ? 2L : 0L);
}

void set_connection(CURL* easy, const http_request& request) {
  set(easy, CURLOPT_NOSIGNAL, 1L);
  set(easy, CURLOPT_QUICK_EXIT, 1L); // Cancelling does not wait for the resolver.
  set(easy, CURLOPT_PROXY, "");
  set(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  set(easy, CURLOPT_HTTP_VERSION, long{CURL_HTTP_VERSION_1_1});
  set(easy, CURLOPT_TCP_KEEPALIVE, 1L); // Tells a dead server from one that has nothing to say.
  set(easy, CURLOPT_TCP_KEEPIDLE, 30L);
  set(easy, CURLOPT_TCP_KEEPINTVL, 10L);
  set(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(request.connect_patience.count()));
}

void set_request(http_transfer::state& t, const http_request& request) {
  CURL* easy = t.easy.get();
  set(easy, CURLOPT_URL, request.url.c_str());
  for (const auto& header : request.headers) {
    auto* longer = curl_slist_append(t.headers.get(), header.c_str());
    if (longer == nullptr)
      throw std::bad_alloc{};
    t.headers.release();
    t.headers.reset(longer);
  }
  if (t.headers)
    set(easy, CURLOPT_HTTPHEADER, t.headers.get());
  if (request.form)
    set(easy, CURLOPT_COPYPOSTFIELDS, request.form->c_str());
  if (request.user.empty())
    return;
  set(easy, CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BASIC));
  set(easy, CURLOPT_USERNAME, request.user.c_str());
  set(easy, CURLOPT_PASSWORD, request.password.c_str());
}

void set_functions(http_transfer::state& t) {
  CURL* easy = t.easy.get();
  set(easy, CURLOPT_ERRORBUFFER, t.error.data());
  set(easy, CURLOPT_HEADERFUNCTION, forward<&http_transfer::state::take_header>);
  set(easy, CURLOPT_HEADERDATA, static_cast<void*>(&t));
  set(easy, CURLOPT_WRITEFUNCTION, forward<&http_transfer::state::take_body>);
  set(easy, CURLOPT_WRITEDATA, static_cast<void*>(&t));
  set(easy, CURLOPT_PRIVATE, static_cast<void*>(&t));
}

} // namespace

std::string http_outcome::problem() const {
  if (!error.empty())
    return error;
  auto text = "status code: " + std::to_string(status);
  return said.empty() ? text : text + ", body: " + said;
}

// -- All of them

struct http_transfers::state {
  CURLM* multi = curl_multi_init();
  std::vector<http_transfer::state*> going; ///< A few.

  ~state() {
    if (multi != nullptr)
      curl_multi_cleanup(multi);
  }

  void drop(http_transfer::state& t) noexcept {
    if (std::erase(going, &t) > 0)
      curl_multi_remove_handle(multi, t.easy.get());
  }

  void collect() {
    int left = 0;
    while (const auto* message = curl_multi_info_read(multi, &left)) {
      if (message->msg != CURLMSG_DONE)
        continue;
      const auto result = message->data.result; // The message goes with the handle.
      void* pointer = nullptr;
      curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &pointer);
      auto& ended = *static_cast<http_transfer::state*>(pointer);
      drop(ended);
      ended.end(result);
    }
  }

  void expire(clock::time_point now) {
    for (std::size_t i = going.size(); i-- > 0;)
      if (auto& t = *going[i]; t.due() <= now) {
        drop(t);
        t.expire(now);
      }
  }
};

/// A reader may wait until others are through with what it has handed on.
bool http_transfer::state::hand_on(std::string_view bytes) {
  const auto from = clock::now();
  const bool makes_sense = reader->on_bytes(bytes);
  const auto took = clock::now() - from;
  for (auto* each : owner->going)
    each->excuse(took);
  return makes_sense;
}

http_transfer::http_transfer(std::unique_ptr<state> made) : state_(std::move(made)) {
}

http_transfer::~http_transfer() {
  state_->owner->drop(*state_);
}

const std::optional<http_outcome>& http_transfer::outcome() const noexcept {
  return state_->outcome;
}

http_transfers::http_transfers() {
  initialise();
  state_ = std::make_unique<state>();
  if (state_->multi == nullptr)
    throw std::bad_alloc{};
}

http_transfers::~http_transfers() = default;

std::unique_ptr<http_transfer> http_transfers::begin(const http_request& request,
                                                     const http_tls& tls, http_reader& reader) {
  auto made = std::make_unique<http_transfer::state>();
  if (!made->easy)
    throw std::bad_alloc{};
  made->owner = state_.get();
  made->reader = &reader;
  made->head_patience = request.head_patience;
  made->whole_patience = request.whole_patience;
  made->silence_patience = request.silence_patience;
  made->body_bytes_max = request.body_bytes_max;
  set_connection(made->easy.get(), request);
  set_tls(made->easy.get(), tls);
  set_request(*made, request);
  set_functions(*made);
  auto& t = *made;
  auto transfer = std::make_unique<http_transfer>(std::move(made));
  state_->going.push_back(&t);
  if (const auto result = curl_multi_add_handle(state_->multi, t.easy.get()); result != CURLM_OK) {
    state_->going.pop_back();
    throw std::runtime_error{std::string{"libcurl: "} + curl_multi_strerror(result)};
  }
  return transfer;
}

void http_transfers::run(clock::time_point until) {
  for (const auto* each : state_->going)
    until = std::min(until, each->due());
  constexpr auto longest = milliseconds{60'000};
  const auto wait =
    std::clamp(std::chrono::ceil<milliseconds>(until - clock::now()), milliseconds{0}, longest);
  curl_multi_poll(state_->multi, nullptr, 0, static_cast<int>(wait.count()), nullptr);
  int running = 0;
  curl_multi_perform(state_->multi, &running);
  state_->collect();
  state_->expire(clock::now());
}

void http_transfers::wake() noexcept {
  curl_multi_wakeup(state_->multi);
}

} // namespace shunt::net
