// The pure parts of lists that are not read from text: places behind rows, and cursors.

#include <set>

#include <gmock/gmock.h>

#include "core/query/cursor.h"
#include "core/query/listing.h"
#include "core/query/segments.h"

namespace mayfly::query {
namespace {

const Entity& tasks() { return entity(Listed::cleanup_task); }

std::string text(const std::vector<Segment>& segments) {
  constexpr std::array kinds = {"=", "null", "not null", "after"};
  std::string all;
  for (const auto& segment : segments) {
    for (const auto& bound : segment)
      all += std::to_string(bound.key) + " " + kinds[static_cast<std::size_t>(bound.kind)] + ", ";
    all += "; ";
  }
  return all;
}

TEST(Segments, AreRangesThatFollowEachOther) {
  const auto completed = place_of(tasks(), "completedAt");
  const Order nulls_last = {{completed, false, false}, {0, false, false}};
  const Order nulls_first = {{completed, true, true}, {0, true, true}};
  const std::vector<Datum> there = {std::int64_t{5}, "clt_1"};
  const std::vector<Datum> null = {Datum(), "clt_1"};

  EXPECT_EQ(text(segments_after(nulls_last, tasks(), there)), "0 =, 1 after, ; 0 after, ; 0 null, ; ");
  EXPECT_EQ(text(segments_after(nulls_last, tasks(), null)), "0 null, 1 after, ; ");
  EXPECT_EQ(text(segments_after(nulls_first, tasks(), there)), "0 =, 1 after, ; 0 after, ; ");
  EXPECT_EQ(text(segments_after(nulls_first, tasks(), null)), "0 null, 1 after, ; 0 not null, ; ");
  EXPECT_EQ(text(segments(nulls_last, tasks())), "0 not null, ; 0 null, ; ");
  EXPECT_EQ(text(segments(nulls_first, tasks())), "0 null, ; 0 not null, ; ");
  EXPECT_EQ(text(segments(newest_first(), tasks())), "; ");
}

/// Enough of a keyed sum for a test of what surrounds it; the real one signs in tests/e2e/list_test.cc.
std::string sum(std::string_view secret, std::string_view text) {
  std::string bytes;
  for (std::uint64_t round = 0; round < 4; ++round) {
    std::uint64_t hash = 14695981039346656037ull + round;
    for (const auto part : {secret, text})
      for (const char c : part) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ull;
    for (int i = 0; i < 8; ++i) bytes += static_cast<char>(hash >> (8 * i) & 255);
  }
  return bytes;
}

class CursorTest : public ::testing::Test {
 protected:
  std::string why(std::string_view cursor, const Binding& to) const {
    const auto read = cursors.read(cursor, to, "after");
    return read ? "fine" : read.error().found;
  }
  const Cursors cursors{{{2, "new"}, {1, "old"}}, sum};
  const Binding binding{"cleanup task", "id desc", "(all)", "usr_1 wsp_1"};
  const std::vector<Datum> values = {std::int64_t{-5}, Datum(), "clt_1", std::string(300, 'x')};
};

TEST_F(CursorTest, GiveBackWhatTheyHold) {
  const auto read = cursors.read(cursors.make(binding, values), binding, "after");
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, values);
}

TEST_F(CursorTest, AreGoodForOneListAlone) {
  const auto cursor = cursors.make(binding, values);
  auto other = binding;
  other.list = "event";
  EXPECT_EQ(why(cursor, other), "other_list");
  other = binding;
  other.order = "id asc";
  EXPECT_EQ(why(cursor, other), "other_order");
  other = binding;
  other.filter = "(any)";
  EXPECT_EQ(why(cursor, other), "other_filter");
  other = binding;
  other.caller = "usr_2 wsp_1";
  EXPECT_EQ(why(cursor, other), "other_caller");
}

TEST_F(CursorTest, AreBelievedUnderTheLastTwoKeys) {
  EXPECT_EQ(why(Cursors({{1, "old"}}, sum).make(binding, values), binding), "fine");
  EXPECT_EQ(why(Cursors({{3, "gone"}}, sum).make(binding, values), binding), "retired_key");
  EXPECT_EQ(why(Cursors({{1, "forged"}}, sum).make(binding, values), binding), "altered");
}

TEST_F(CursorTest, AreRefusedWhenAnyCharacterIsAnother) {
  const auto cursor = cursors.make(binding, values);
  const std::set<std::string> refusals = {"malformed", "altered", "retired_key"};
  for (std::size_t at = 0; at < cursor.size(); ++at)
    for (const char c : {'A', 'b', '9', '_', '=', '\0'}) {
      auto changed = cursor;
      if (changed[at] == c) continue;
      changed[at] = c;
      EXPECT_TRUE(refusals.contains(why(changed, binding))) << at << c;
    }
  for (std::size_t size = 0; size < cursor.size(); ++size)
    EXPECT_TRUE(refusals.contains(why(cursor.substr(0, size), binding))) << size;
  EXPECT_TRUE(refusals.contains(why(cursor + "A", binding)));
  EXPECT_EQ(why(std::string(1025, 'A'), binding), "malformed");
}

TEST(Tallies, AreWhatCountersKnow) {
  const auto test = [](std::string_view field, Op op, std::vector<Datum> operands) {
    return Condition::test(place_of(tasks(), field), op, std::move(operands));
  };
  const auto without_steps = test("step", Op::eq, {std::int64_t{0}});
  const auto known = [](Condition where) {
    Listing listing;
    listing.where = std::move(where);
    return tally_of(listing).has_value();
  };
  EXPECT_TRUE(known(without_steps));
  EXPECT_TRUE(known(Condition::all({without_steps, test("status", Op::in, {std::int64_t{0}, std::int64_t{3}}),
                                    test("resourceType", Op::eq, {"delete_volume"})})));
  EXPECT_FALSE(known(Condition::all()));
  EXPECT_FALSE(known(Condition::all({without_steps, test("status", Op::ne, {std::int64_t{0}})})));
  EXPECT_FALSE(known(Condition::all({without_steps, test("attempts", Op::eq, {std::int64_t{0}})})));
  EXPECT_FALSE(known(Condition::any({without_steps})));
  EXPECT_FALSE(known(Condition::all({without_steps, test("status", Op::eq, {std::int64_t{0}}),
                                     test("status", Op::eq, {std::int64_t{1}})})));
}

}  // namespace
}  // namespace mayfly::query
