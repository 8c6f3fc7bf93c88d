// Which bucket a duration falls into, and what a reader sees while another thread writes.
#include "net/latency_histogram.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <limits>
#include <thread>

namespace shunt::net {
namespace {

using namespace std::chrono_literals;
using counts = std::vector<std::uint64_t>;

TEST(HistogramBounds, BelongToTheBucketThatTheyEnd) {
  const histogram_bounds bounds{{1, 2, 4}, 1ms};
  EXPECT_EQ(bounds.bucket_of(0), 0u);
  EXPECT_EQ(bounds.bucket_of(1'000'000), 0u) << "le means: less or equal";
  EXPECT_EQ(bounds.bucket_of(1'000'001), 1u);
  EXPECT_EQ(bounds.bucket_of(2'000'000), 1u);
  EXPECT_EQ(bounds.bucket_of(2'000'001), 2u);
  EXPECT_EQ(bounds.bucket_of(4'000'000), 2u);
  EXPECT_EQ(bounds.bucket_of(4'000'001), 3u);
  EXPECT_EQ(bounds.bucket_of(std::numeric_limits<std::int64_t>::max()), 3u);
}

TEST(HistogramBounds, AreFoundInListsOfAnyLength) {
  for (std::size_t size = 0; size <= 40; ++size) {
    std::vector<double> labels;
    for (std::size_t i = 0; i < size; ++i)
      labels.push_back(static_cast<double>(10 * (i + 1)));
    const histogram_bounds bounds{labels, 1ns};
    for (std::int64_t value = 0; value <= static_cast<std::int64_t>(10 * size + 11); ++value) {
      std::size_t below = 0;
      while (below < size && labels[below] < static_cast<double>(value))
        ++below;
      ASSERT_EQ(bounds.bucket_of(value), below) << value << " among " << size;
    }
  }
}

TEST(HistogramBounds, MeanWhatAPersonWrote) {
  for (int tenths = 1; tenths <= 1000; ++tenths) {
    const histogram_bounds bounds{{tenths / 10.0}, 1s};
    const auto exact = std::int64_t{tenths} * 100'000'000;
    EXPECT_EQ(bounds.bucket_of(exact), 0u) << tenths;
    EXPECT_EQ(bounds.bucket_of(exact + 1), 1u) << tenths;
  }
}

TEST(HistogramBounds, MayLieBetweenNanosecondsOrBeyondThem) {
  EXPECT_EQ((histogram_bounds{{1.5}, 1ns}.bucket_of(1)), 0u);
  EXPECT_EQ((histogram_bounds{{1.5}, 1ns}.bucket_of(2)), 1u);
  EXPECT_EQ((histogram_bounds{{1e300}, 1s}.bucket_of(9'000'000'000'000'000'000)), 0u);
  EXPECT_EQ((histogram_bounds{{-1e300, -1, 0}, 1s}.bucket_of(0)), 2u);
}

TEST(LatencyHistogram, CountsAndSumsWhatItWasTold) {
  const histogram_bounds bounds{{1, 2}, 1ms};
  latency_histogram histogram{bounds};
  for (const auto each : {500us, 1000us, 1500us, 2000us, 7000us})
    histogram.record(each);
  const auto values = histogram.read();
  EXPECT_EQ(values.counts, (counts{2, 2, 1}));
  EXPECT_EQ(values.count(), 5u);
  EXPECT_DOUBLE_EQ(values.sum, 12.0);
}

TEST(LatencyHistogram, TakesADurationThatCannotBeForNone) {
  const histogram_bounds bounds{{0, 1}, 1ms};
  latency_histogram histogram{bounds};
  histogram.record(-5ms);
  EXPECT_EQ(histogram.read().counts, (counts{1, 0, 0}));
  EXPECT_EQ(histogram.read().sum, 0);
}

TEST(LatencyHistogram, HasOneBucketWithoutBounds) {
  const histogram_bounds bounds{{}, 1s};
  latency_histogram histogram{bounds};
  histogram.record(3s);
  EXPECT_EQ(histogram.read().counts, counts{1});
  EXPECT_EQ(histogram.read().sum, 3);
}

TEST(LatencyHistogram, SumsTunnelsThatTogetherLastLongerThanAnIntegerHolds) {
  const histogram_bounds bounds{{1}, 1s};
  latency_histogram histogram{bounds};
  for (int i = 0; i < 10'000; ++i)
    histogram.record(24h * 365);
  EXPECT_NEAR(histogram.read().sum, 10'000.0 * 365 * 86'400, 1e3);
}

TEST(LatencyHistogram, IsReadWhileItIsWritten) {
  constexpr std::uint64_t records = 200'000;
  const histogram_bounds bounds{{1, 2, 3, 4, 5, 6, 7, 8, 9}, 1ns};
  latency_histogram histogram{bounds};
  std::atomic<bool> done{false};
  std::thread writer{[&] {
    for (std::uint64_t i = 0; i < records; ++i)
      histogram.record(std::chrono::nanoseconds{i % 10 + 1});
    done = true;
  }};
  std::uint64_t before = 0;
  while (!done) {
    const auto values = histogram.read();
    EXPECT_GE(values.count(), before) << "nothing is uncounted";
    before = values.count();
    double counted = 0;
    for (std::size_t i = 0; i < values.counts.size(); ++i)
      counted += static_cast<double>(values.counts[i] * (i + 1));
    EXPECT_GE(values.sum, counted) << "whoever is counted is in the sum";
  }
  writer.join();
  EXPECT_EQ(histogram.read().counts, counts(10, records / 10));
  EXPECT_EQ(histogram.read().sum, 5.5 * records);
}

TEST(HistogramValues, AddUp) {
  histogram_values sum;
  sum += {{1, 2}, 0.5};
  sum += {{3, 4}, 1};
  EXPECT_EQ(sum, (histogram_values{{4, 6}, 1.5}));
}

TEST(FineHistogram, TellsAnyDurationWithinSevenPercent) {
  for (std::int64_t ns = 0; ns < (std::int64_t{1} << 40); ns += ns / 97 + 1) {
    const auto bucket = fine_histogram::bucket_of(ns);
    ASSERT_LT(bucket, fine_histogram::bucket_count);
    const auto told = fine_histogram::value_of(bucket).count();
    ASSERT_NEAR(static_cast<double>(told), static_cast<double>(ns),
                static_cast<double>(ns) * 0.07 + 0.5);
  }
}

TEST(FineHistogram, KeepsTheOrderOfDurations) {
  std::size_t before = 0;
  for (std::int64_t ns = 0; ns < 100'000; ++ns) {
    const auto bucket = fine_histogram::bucket_of(ns);
    ASSERT_TRUE(bucket == before || bucket == before + 1) << ns;
    before = bucket;
  }
}

TEST(FineHistogram, CountsTheLongestAndTheImpossible) {
  fine_histogram histogram;
  histogram.record(24h * 365);
  histogram.record(-1ns);
  fine_histogram::counts counted{};
  histogram.add_to(counted);
  EXPECT_EQ(counted[0], 1u);
  EXPECT_EQ(counted[fine_histogram::bucket_of((std::int64_t{1} << 40) - 1)], 1u);
}

} // namespace
} // namespace shunt::net
