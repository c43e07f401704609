// Pages of lists, exhaustively: whatever two keys a list is sorted by, wherever their nulls are, and whichever row a
// page begins or ends at, it holds the rows that it must.

#include <algorithm>

#include "store/both_stores.h"
#include "store/listed_tasks.h"

namespace mayfly {
namespace {

using query::Listing;
using query::Order;

class ListPages : public BothStores {
 protected:
  void SetUp() override { write(store(), insert_listed); }
};
FOR_BOTH_STORES(ListPages);

/// A key of a row as a number and whether it is there, straight from the task.
struct Key {
  bool null = false;
  std::string text;
  std::int64_t number = 0;
};

Key key_of(const Task& task, std::string_view field) {
  if (field == "id") return {false, task.id.text, 0};
  if (field == "resourceType") return {false, std::string(name(task.verb)), 0};
  if (field == "status") return {false, "", static_cast<std::int64_t>(status_of(task.phase))};
  if (field == "attempts") return {false, "", task.work.attempts};
  if (field == "createdAt") return {false, "", microseconds(task.created_at)};
  return {!task.completed_at, "", task.completed_at ? microseconds(*task.completed_at) : 0};
}

bool before(const Task& a, const Task& b, const Order& order) {
  for (const auto& key : order) {
    const auto field = query::entity(query::Listed::cleanup_task).fields[key.field].name;
    const auto x = key_of(a, field), y = key_of(b, field);
    if (x.null && y.null) continue;
    if (x.null || y.null) return x.null == key.nulls_first;
    if (x.text != y.text) return (x.text < y.text) != key.descending;
    if (x.number != y.number) return (x.number < y.number) != key.descending;
  }
  return false;
}

/// All orders of two different fields, with every direction and every place of nulls.
std::vector<Order> orders_of_two() {
  const auto& fields = query::entity(query::Listed::cleanup_task).fields;
  std::vector<Order> all;
  for (std::size_t first = 0; first < fields.size(); ++first)
    for (std::size_t second = 0; second < fields.size(); ++second)
      for (int way = 0; fields[first].sortable && fields[second].sortable && first != second && way < 16; ++way)
        all.push_back({{first, (way & 1) != 0, (way & 2) != 0}, {second, (way & 4) != 0, (way & 8) != 0}});
  return all;
}

TEST_P(ListPages, AreRightForEveryOrderBoundaryAndWay) {
  const auto& tasks = query::entity(query::Listed::cleanup_task);
  constexpr std::size_t limit = 5;
  std::size_t checked = 0, wrong = 0;
  must(store().read([&](Transaction& t) -> Status {
    for (const auto& wish : orders_of_two()) {
      auto full = wish;
      full.push_back({0, wish.back().descending, false});
      auto rows = listed_tasks();
      rows.resize(24);
      std::ranges::sort(rows, [&](const Task& a, const Task& b) { return before(a, b, full); });
      Listing listing;
      listing.scope = workspace_id(1);
      listing.order = query::shortest(wish, tasks);
      listing.limit = limit;
      listing.total = query::Total::none;
      for (std::size_t at = 0; at < rows.size(); ++at) {
        for (const bool backwards : {false, true}) {
          listing.from = query::keys_of(listing.order, query::facts_of(rows[at]));
          listing.backwards = backwards;
          const auto slice = TRY(t.lists().slice(listing));
          const auto begin = backwards ? at - std::min(at, limit) : at + 1;
          const auto end = backwards ? at : std::min(rows.size(), at + 1 + limit);
          bool right = slice.rows.size() == end - begin && slice.has_previous == (begin > 0) &&
                       slice.has_next == (end < rows.size());
          for (std::size_t i = 0; right && i < slice.rows.size(); ++i)
            right = slice.rows[i].id == rows[begin + i].id.text;
          ++checked;
          if (!right && ++wrong == 1)
            ADD_FAILURE() << "first wrong: " << query::to_text(wish, tasks) << " at " << at << ", " << backwards;
        }
      }
    }
    return {};
  }));
  EXPECT_EQ(checked, 30u * 16 * 24 * 2);
  EXPECT_EQ(wrong, 0u);
}

TEST_P(ListPages, FollowEachOtherThroughTheWholeList) {
  const auto& tasks = query::entity(query::Listed::cleanup_task);
  for (const auto& wish : orders_of_two()) {
    Listing listing;
    listing.scope = workspace_id(1);
    listing.order = query::shortest(wish, tasks);
    listing.limit = 7;
    std::vector<std::string> forward, backward;
    query::Row last, first;
    for (bool more = true; more;) {
      const auto slice = read([&](Transaction& t) { return t.lists().slice(listing); });
      EXPECT_EQ(slice.has_previous, !forward.empty());
      EXPECT_EQ(slice.total, 24);
      for (const auto& row : slice.rows) forward.push_back(row.id);
      more = slice.has_next;
      listing.from = slice.rows.back().keys;
      last = slice.rows.back();
    }
    listing.from = last.keys;
    listing.backwards = true;
    backward.push_back(last.id);
    for (bool more = true; more;) {
      const auto slice = read([&](Transaction& t) { return t.lists().slice(listing); });
      for (auto row = slice.rows.rbegin(); row != slice.rows.rend(); ++row) backward.push_back(row->id);
      more = slice.has_previous;
      listing.from = slice.rows.front().keys;
    }
    std::ranges::reverse(backward);
    ASSERT_EQ(forward.size(), 24u) << query::to_text(wish, tasks);
    ASSERT_EQ(forward, backward) << query::to_text(wish, tasks);
  }
}

TEST_P(ListPages, BehindRowsThatWereDeletedMeanwhileGoOnFromThePlace) {
  Listing listing;
  listing.scope = workspace_id(1);
  listing.order = query::newest_first();
  listing.from = std::vector<query::Datum>{id_text("clt_", 0)};   // below the first
  const auto beyond = read([&](Transaction& t) { return t.lists().slice(listing); });
  EXPECT_TRUE(beyond.rows.empty());
  EXPECT_TRUE(beyond.has_previous);
  EXPECT_FALSE(beyond.has_next);

  listing.backwards = true;
  listing.from = std::vector<query::Datum>{id_text("clt_", 999)};   // above the last
  const auto above = read([&](Transaction& t) { return t.lists().slice(listing); });
  EXPECT_TRUE(above.rows.empty());
  EXPECT_FALSE(above.has_previous);
  EXPECT_TRUE(above.has_next);
}

}  // namespace
}  // namespace mayfly
