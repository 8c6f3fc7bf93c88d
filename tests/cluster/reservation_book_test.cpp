// What the book keeps and refuses, and what it says the store does not know yet.
#include "cluster/reservation_book.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace shunt::cluster {
namespace {

using namespace std::literals;
using outcome = reservation_book::outcome;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

constexpr clock_times now{routing::time_point{1000h}, 1'700'000'000'000};

routing::reservation reserved(std::string host, std::string app = {},
                              std::chrono::seconds ttl = 60s) {
  routing::reservation made{.host = std::move(host), .path = "p", .app = std::move(app)};
  made.until = now.steady + ttl;
  return made;
}

std::vector<std::string> keys_of(const std::vector<document>& documents) {
  std::vector<std::string> keys;
  for (const auto& each : documents)
    keys.push_back(each.key);
  return keys;
}

class ReservationBook : public testing::Test {
protected:
  reservation_book book{{.reservations_max = 3, .bytes_max = 10'000}};
};

TEST_F(ReservationBook, TellsNewsFromRenewals) {
  EXPECT_EQ(book.put(reserved("a")), outcome::added);
  EXPECT_EQ(book.put(reserved("a", "", 90s)), outcome::renewed);
  EXPECT_EQ(book.find("a/p")->until, now.steady + 90s);
  EXPECT_EQ(book.put(reserved("a", "guid")), outcome::changed);
  auto with_options = reserved("a", "guid");
  with_options.options =
    std::make_shared<routing::route_options>(routing::route_options{.fallback = true});
  EXPECT_EQ(book.put(routing::reservation{with_options}), outcome::changed);
  with_options.options = std::make_shared<routing::route_options>(*with_options.options);
  EXPECT_EQ(book.put(std::move(with_options)), outcome::renewed) << "it says the same";
  EXPECT_EQ(book.size(), 1u);
}

TEST_F(ReservationBook, RefusesMoreThanItMayHold) {
  for (const auto* host : {"a", "b", "c"})
    EXPECT_EQ(book.put(reserved(host)), outcome::added);
  auto fourth = reserved("d");
  EXPECT_EQ(book.put(std::move(fourth)), outcome::full);
  EXPECT_EQ(fourth.host, "d") << "it was not taken";
  EXPECT_EQ(book.put(reserved("a", "x")), outcome::changed) << "it has its place already";
  EXPECT_TRUE(book.remove("b", "p"));
  EXPECT_EQ(book.put(reserved("d")), outcome::added);
}

TEST_F(ReservationBook, RefusesMoreBytesThanItMayHold) {
  EXPECT_EQ(book.put(reserved("a", std::string(9'000, 'x'))), outcome::added);
  EXPECT_EQ(book.put(reserved("b", std::string(1'000, 'x'))), outcome::full);
  EXPECT_EQ(book.put(reserved("a", std::string(11'000, 'x'))), outcome::full);
  EXPECT_EQ(book.find("a/p")->app.size(), 9'000u);
  EXPECT_EQ(book.put(reserved("a")), outcome::changed);
  EXPECT_EQ(book.put(reserved("b", std::string(8'000, 'x'))), outcome::added);
  book.remove("a", "p");
  book.remove("b", "p");
  EXPECT_EQ(book.bytes(), 0u);
}

TEST_F(ReservationBook, ForgetsThoseWhoseTimeIsOver) {
  book.put(reserved("a", "", 10s));
  book.put(reserved("b", "", 11s));
  std::vector<std::string> over;
  book.forget_expired(now.steady + 10s, [&](const auto& each) { over.push_back(each.host); });
  EXPECT_THAT(over, UnorderedElementsAre("a"));
  EXPECT_EQ(book.size(), 1u);
  book.forget_expired(now.steady + 11s, [](const auto&) {});
  EXPECT_EQ(book.bytes(), 0u);
}

TEST_F(ReservationBook, KnowsWhatTheStoreDoesNot) {
  EXPECT_TRUE(book.all_written());
  book.put(reserved("a"));
  book.put(reserved("b"));
  book.remove("b", "p");
  EXPECT_FALSE(book.remove("never", "p"));
  EXPECT_FALSE(book.all_written());
  const auto changes = book.changes(now);
  EXPECT_FALSE(changes.replace_all);
  EXPECT_THAT(keys_of(changes.put), UnorderedElementsAre("a/p"));
  EXPECT_EQ(changes.put[0].expires_at_ms, now.wall_ms + 60'000);
  EXPECT_THAT(changes.removed, UnorderedElementsAre("b/p", "never/p"));
  book.written();
  EXPECT_TRUE(book.all_written());
  EXPECT_TRUE(book.changes(now).empty());
}

TEST_F(ReservationBook, WritesEverythingWhereTheStoreLostIt) {
  book.put(reserved("a"));
  book.written();
  book.put(reserved("b"));
  book.rewrite();
  book.put(reserved("c"));
  const auto changes = book.changes(now);
  EXPECT_TRUE(changes.replace_all);
  EXPECT_THAT(keys_of(changes.put), UnorderedElementsAre("a/p", "b/p", "c/p"));
  book.written();
  EXPECT_TRUE(book.all_written());
}

TEST_F(ReservationBook, DoesNotGrowWithWhatAStoreOutOfOrderMisses) {
  book.put(reserved("a"));
  for (int i = 0; i < 2'000; ++i)
    book.remove("gone-" + std::to_string(i), "p");
  EXPECT_LE(book.unwritten(), 3u) << "rather everything that there is";
  EXPECT_TRUE(book.changes(now).replace_all);
}

TEST_F(ReservationBook, TakesFromTheStoreWhatItDoesNotKnowBetter) {
  book.put(reserved("a", "newer"));
  book.remove("b", "p");
  EXPECT_FALSE(book.put_stored(reserved("a", "older")));
  EXPECT_FALSE(book.put_stored(reserved("b")));
  EXPECT_TRUE(book.put_stored(reserved("c")));
  EXPECT_EQ(book.find("a/p")->app, "newer");
  EXPECT_EQ(book.unwritten(), 2u);
  EXPECT_TRUE(book.put_stored(reserved("d")));
  EXPECT_FALSE(book.put_stored(reserved("e"))) << "there is no room";
}

// -- Documents

class ReservationDocument : public testing::Test {
protected:
  net::reservation_reader reader;
};

TEST_F(ReservationDocument, BringsBackWhatWasStoredWithTheTimeThatIsLeft) {
  auto made = reserved("a.com", "guid", 3600s);
  made.route_service_url = "https://rs.example.com";
  const auto stored = to_document(made, now);
  const clock_times later{routing::time_point{5h}, now.wall_ms + 600'000}; // After a restart.
  const auto again = from_document(stored, later, reader);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->until, later.steady + 3000s);
  made.until = again->until;
  EXPECT_EQ(*again, made);
}

TEST_F(ReservationDocument, IsNothingWhenItsTimeIsOver) {
  const auto stored = to_document(reserved("a.com", "", 10s), now);
  EXPECT_FALSE(from_document(stored, {now.steady, now.wall_ms + 10'000}, reader));
  EXPECT_TRUE(from_document(stored, {now.steady, now.wall_ms + 9'999}, reader));
}

TEST_F(ReservationDocument, DoesNotLastForEverWhenTheClockWasTurnedBack) {
  auto stored = to_document(reserved("a.com"), now);
  stored.expires_at_ms = std::numeric_limits<std::int64_t>::max();
  const auto again = from_document(stored, {now.steady, 0}, reader);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->until, now.steady + net::reserve_ttl_max);
}

TEST_F(ReservationDocument, IsNothingIfSomebodyElseWroteIt) {
  auto stored = to_document(reserved("a.com"), now);
  stored.key = "b.com/p";
  EXPECT_FALSE(from_document(stored, now, reader));
  for (const auto* text : {"", "{", R"({"uris":["a.com/p","b.com/p"]})", R"({"uris":[]})"}) {
    stored = {.key = "a.com/p", .text = text, .expires_at_ms = now.wall_ms + 1};
    EXPECT_FALSE(from_document(stored, now, reader)) << text;
  }
}

} // namespace
} // namespace shunt::cluster
