// What SQLite does for lists: every order that is offered and every short filter has an index that leads to its rows in
// their order, however many others there are.

#include "store/given.h"
#include "core/query/evaluate.h"
#include "store/sql/forest_tables.h"
#include "store/sql/list_table.h"
#include "store/sql/migration.h"
#include "store/sql/task_table.h"
#include "store/sqlite/database.h"

namespace mayfly {
namespace {

using query::Condition;
using query::Op;

/// Explains every query before it runs it.
class Explaining : public sql::Database {
 public:
  explicit Explaining(SqliteDatabase& database) : database_(database) {}
  std::vector<std::string> plans;   // a statement and what is done for it

  Result<std::int64_t> exec(std::string_view sql, sql::Parameters parameters) override {
    return database_.exec(sql, parameters);
  }
  Status query(std::string_view sql, sql::Parameters parameters,
               const std::function<void(sql::Row&)>& each) override {
    std::string plan = std::string(sql) + "\n";
    TRY(database_.query("EXPLAIN QUERY PLAN " + std::string(sql), parameters, [&](sql::Row& row) {
      for (int i = 0; i < 3; ++i) row.integer();
      plan += "  " + row.text() + "\n";
    }));
    plans.push_back(plan);
    return database_.query(sql, parameters, each);
  }
  Status script(const std::string& sql) override { return database_.script(sql); }
  std::string_view clustered() const override { return database_.clustered(); }
  std::string folded(std::string_view text) const override { return database_.folded(text); }
  std::string member_of(std::string_view map, std::string_view key) const override {
    return database_.member_of(map, key);
  }
  std::string matches(std::string_view text, std::string_view pattern) const override {
    return database_.matches(text, pattern);
  }
  std::string pattern_of(std::string_view like) const override { return database_.pattern_of(like); }
  void set_patience(std::optional<Duration> patience) override { database_.set_patience(patience); }

 private:
  SqliteDatabase& database_;
};

class ListPlans : public ::testing::Test {
 protected:
  void SetUp() override { must(sql::migrate(*database_, sql::migrations(), at(1))); }

  static std::size_t place(std::string_view field) {
    return query::place_of(query::entity(query::Listed::cleanup_task), field);
  }
  static Condition without_steps() { return Condition::test(place("step"), Op::eq, {std::int64_t{0}}); }

  /// First page, and a page behind a row, forwards and backwards: no table is walked, and nothing is sorted.
  void expect_searches(Condition where, const query::Order& wish, std::string_view index = "") {
    query::Listing listing;
    listing.scope = workspace_id(1);
    listing.where = std::move(where);
    listing.order = query::shortest(wish, query::entity(listing.what));
    Explaining explaining(*database_);
    sql::SqlListTable lists(explaining);
    auto task = given_task(5, Verb::delete_sandbox, Phase::completed);
    for (const bool ended : {false, true}) {
      if (ended) task.completed_at = at(9);
      must(lists.slice(listing));
      listing.from = query::keys_of(listing.order, query::facts_of(task));
      must(lists.slice(listing));
      listing.backwards = true;
      must(lists.slice(listing));
      listing.backwards = false;
      listing.from.reset();
    }
    EXPECT_GE(explaining.plans.size(), 6u);
    for (const auto& plan : explaining.plans) {
      EXPECT_EQ(plan.find("  SCAN cleanup_task"), plan.npos) << plan;
      EXPECT_EQ(plan.find("  SCAN t0"), plan.npos) << plan;
      EXPECT_EQ(plan.find("TEMP B-TREE"), plan.npos) << plan;
      const bool counts = plan.find("COUNT(") != plan.npos || plan.find("SUM(") != plan.npos;
      const bool one_row = plan.find("PRIMARY KEY (id=?)") != plan.npos;
      EXPECT_TRUE(counts || one_row || plan.find(index) != plan.npos) << plan;
    }
  }

  TemporaryFolder folder_;
  std::unique_ptr<SqliteDatabase> database_ = must(SqliteDatabase::open({.path = folder_.file("store.db")}));
};

TEST_F(ListPlans, EveryOrderIsThatOfAnIndex) {
  const auto& tasks = query::entity(query::Listed::cleanup_task);
  for (std::size_t field = 0; field < tasks.fields.size(); ++field)
    for (int way = 0; tasks.fields[field].sortable && way < 4; ++way)
      expect_searches(without_steps(), {{field, (way & 1) != 0, (way & 2) != 0}});
}

TEST_F(ListPlans, EveryShortFilterHasAnIndex) {
  const auto equals = [&](std::string_view field, query::Datum value) {
    return Condition::all({without_steps(), Condition::test(place(field), Op::eq, {std::move(value)})});
  };
  expect_searches(equals("status", std::int64_t{3}), query::newest_first(), "cleanup_task_list_by_status");
  expect_searches(equals("resourceType", "delete_sandbox"), query::newest_first(), "cleanup_task_list_by_verb");
  expect_searches(equals("sourceEventId", "evt_1"), query::newest_first(), "cleanup_task_by_source");
  expect_searches(Condition::test(place("parentId"), Op::eq, {"clt_1"}), query::newest_first(),
                  "cleanup_task_by_parent");
  expect_searches(Condition::test(place("rootId"), Op::eq, {"clt_1"}), query::newest_first(), "cleanup_task_tree");
  expect_searches(Condition::test(place("resourceId"), Op::eq, {"sbx_1"}), query::newest_first(),
                  "cleanup_task_by_resource");
  expect_searches(Condition::test(place("id"), Op::in, {"clt_1", "clt_2"}), query::newest_first());
  expect_searches(Condition::all(), query::newest_first(), "cleanup_task_by_workspace");
}

/// Of every other entity: in its own order, and by what is short for a filter on an indexed field.
TEST_F(ListPlans, ListsOfTheForestAreLedByAnIndex) {
  struct Row {
    query::Listed what;
    std::string_view field;      // empty: none
    std::string_view index;
  };
  for (const auto& row : {Row{query::Listed::app, "", "resource_live_by_workspace"},
                          Row{query::Listed::database, "", "resource_live_by_workspace"},
                          Row{query::Listed::element, "appId", "resource_elements"},
                          Row{query::Listed::event, "", "event_by_workspace"},
                          Row{query::Listed::event, "parentId", "event_by_parent"},
                          Row{query::Listed::event, "subjectId", "event_by_subject"},
                          Row{query::Listed::hold, "", "hold_list"},
                          Row{query::Listed::trash_item, "", "trash_list_by_id"}}) {
    const auto& entity = query::entity(row.what);
    query::Listing listing;
    listing.what = row.what;
    listing.scope = workspace_id(1);
    if (!row.field.empty())
      listing.where = Condition::test(query::place_of(entity, row.field), Op::eq, {"something"});
    listing.order = query::newest_first();
    Explaining explaining(*database_);
    must(sql::SqlListTable(explaining).slice(listing));
    for (const auto& plan : explaining.plans) {
      EXPECT_NE(plan.find(row.index), plan.npos) << plan;
      EXPECT_EQ(plan.find("SCAN t0"), plan.npos) << plan;
      EXPECT_EQ(plan.find("TEMP B-TREE"), plan.npos) << plan;
    }
  }
}

TEST_F(ListPlans, ADeleteLooksForHoldsWithoutWalkingThem) {
  Explaining explaining(*database_);
  must(sql::SqlHoldTable(explaining).keeping(workspace_id(1), at(1), 5));
  ASSERT_EQ(explaining.plans.size(), 1u);
  EXPECT_EQ(explaining.plans[0].find("SCAN hold"), std::string::npos) << explaining.plans[0];
}

TEST_F(ListPlans, ATotalOfACommonListLooksAtNoTask) {
  query::Listing listing;
  listing.scope = workspace_id(1);
  listing.where = Condition::all({without_steps(), Condition::test(place("status"), Op::in, {std::int64_t{0}})});
  listing.order = query::newest_first();
  Explaining explaining(*database_);
  must(sql::SqlListTable(explaining).slice(listing));
  EXPECT_NE(explaining.plans.back().find("SEARCH cleanup_task_count"), std::string::npos) << explaining.plans.back();
}

TEST_F(ListPlans, AQuestionThatTakesTooLongEnds) {
  must(database_->script("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)"
                         " INSERT INTO event (id, type, subject, workspace, actor, request_id, data, happened_at)"
                         " SELECT 'evt_' || printf('%032d', i), 't', 's', '" + workspace_id(1).text +
                         "', 'a', '', '{}', i FROM n"));
  database_->set_patience(Duration(1));
  const auto cut = database_->any("SELECT 1 FROM event WHERE type = 'nothing'", {});
  EXPECT_EQ(outcome(cut), "timed_out query_timeout");
  database_->set_patience(std::nullopt);
  EXPECT_TRUE(must(database_->any("SELECT 1 FROM event WHERE type = 't'", {})));
}

}  // namespace
}  // namespace mayfly
