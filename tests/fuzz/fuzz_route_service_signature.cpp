// What a route service, or whoever claims to be one, brings back. Bytes up to a NUL are metadata,
// those behind it a signature: nobody can make one that passes. The same bytes as what was signed
// must come back as they were; and as a plaintext (all that needs the key), they break nothing.
#include "routing/base64.hpp"
#include "routing/route_service_signature.hpp"

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

using namespace shunt::routing;
using namespace std::chrono_literals;

namespace {

void require(bool holds) {
  if (!holds)
    std::abort();
}

class ignored final : public json_members {
public:
  void member(std::string_view, json_type, std::string_view) override {}
};

void read_as_json(std::string_view bytes) {
  ignored members;
  json_scratch scratch;
  json_type type{};
  std::string error;
  require(read_json(bytes, type, members, scratch, error) == error.empty());
}

/// What is base64 has one text only, line ends aside.
void read_as_base64(std::string_view bytes) {
  std::string decoded, again, text;
  if (decode_base64(decoded, bytes, base64_alphabet::url))
    return;
  for (const char c : bytes)
    if (c != '\r' && c != '\n')
      text += c;
  append_base64(again, decoded, base64_alphabet::url);
  require(again == text);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const signature_key key{"not in the corpus"}, previous{"neither is this"};
  static signature_codec codec{key, &previous};
  static signature_codec signer{previous};
  const std::string_view bytes{reinterpret_cast<const char*>(data), size};
  const auto middle = std::min(bytes.find('\0'), size);
  const auto metadata = bytes.substr(0, middle);
  const auto signature = bytes.substr(std::min(middle + 1, size));
  const auto verdict = codec.verify(signature, metadata, 0, 60s);
  require(verdict.outcome == signature_outcome::invalid && !verdict.reason.empty());
  read_as_json(bytes);
  read_as_base64(bytes);
  if (const auto time = parse_rfc3339(bytes)) {
    std::string text;
    append_rfc3339(text, *time);
    require(parse_rfc3339(text) == time);
  }
  // Signed, it comes back; but for what is no UTF-8, which once replaced stays as it is.
  signature_texts texts;
  const signature_nonce nonce{};
  require(signer.sign({bytes, 0, metadata}, nonce, texts));
  auto opened = codec.verify(texts.signature, texts.metadata, 0, 60s);
  require(opened.outcome == signature_outcome::valid && opened.by_previous_key);
  const std::string url{opened.request.forwarded_url};
  require(signer.sign({url, 0}, nonce, texts));
  opened = codec.verify(texts.signature, texts.metadata, 0, 60s);
  require(opened.request.forwarded_url == url);
  return 0;
}
