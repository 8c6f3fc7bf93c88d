// What a route service costs a request in cryptography: one signature on the way out, one check on
// the way back, with the contexts and buffers of a loop. And what a secret costs, once.
#include "routing/route_service_signature.hpp"

#include <benchmark/benchmark.h>

#include <chrono>

namespace {

using namespace shunt::routing;
using namespace std::chrono_literals;

constexpr std::string_view url =
  "https://shop.apps.example.com/catalogue/items?page=2&sort=price&filter=in-stock";
constexpr unix_ns now = 1'735'787'045'123'456'789;

signature_nonce nonce_of(std::uint64_t n) {
  signature_nonce nonce{};
  for (std::size_t i = 0; i < 8; ++i)
    nonce[i] = static_cast<unsigned char>(n >> (8 * i));
  return nonce;
}

void sign(benchmark::State& state) {
  signature_codec codec{signature_key{"secret"}};
  signature_texts texts;
  for (std::uint64_t n = 0; auto _ : state)
    benchmark::DoNotOptimize(
      codec.sign({url, now, "8f0b1a52-0c5e-4b58-6a0e"}, nonce_of(n++), texts));
}
BENCHMARK(sign);

void verify(benchmark::State& state, bool by_previous_key) {
  const signature_key current{"secret"}, other{"other"};
  signature_codec signer{by_previous_key ? other : current}, codec{current, &other};
  signature_texts texts;
  signer.sign({url, now, "8f0b1a52-0c5e-4b58-6a0e"}, nonce_of(1), texts);
  for (auto _ : state)
    if (codec.verify(texts.signature, texts.metadata, now, 60s).outcome != signature_outcome::valid)
      return state.SkipWithError("refused");
}
BENCHMARK_CAPTURE(verify, by_current_key, false);
BENCHMARK_CAPTURE(verify, by_previous_key, true);

void sign_and_verify(benchmark::State& state) {
  signature_codec codec{signature_key{"secret"}};
  signature_texts texts;
  for (std::uint64_t n = 0; auto _ : state) {
    codec.sign({url, now, "8f0b1a52-0c5e-4b58-6a0e"}, nonce_of(n++), texts);
    if (codec.verify(texts.signature, texts.metadata, now, 60s).outcome != signature_outcome::valid)
      return state.SkipWithError("refused");
  }
}
BENCHMARK(sign_and_verify);

void derive_key(benchmark::State& state) {
  for (auto _ : state)
    benchmark::DoNotOptimize(signature_key{"secret"}.bytes());
}
BENCHMARK(derive_key)->Unit(benchmark::kMillisecond);

} // namespace

BENCHMARK_MAIN();
