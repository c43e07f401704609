// Conditions of lists: the SQL means what core/query/evaluate says, for any of them.

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "store/both_stores.h"
#include "store/listed_tasks.h"

namespace mayfly {
namespace {

using query::Condition;
using query::Datum;
using query::Listed;
using query::Op;

template <class T>
T any_of(std::vector<T> list) {
  return *rc::gen::elementOf(list);
}

Datum any_operand(Listed what, const query::Field& field) {
  switch (field.type) {
    case query::Type::id:
      return any_of<std::string>({id_text("clt_", 4), id_text("clt_", 11), id_text("evt_", 2), id_text("evt_", 3),
                                  id_text("wsp_", 1), id_text("sbx_", 2), ""});
    case query::Type::word:
      if (field.ranked) return any_of<std::int64_t>({0, 1, 2, 3});
      return any_of<std::string>({"delete_sandbox", "delete_volume", "completed", "active"});
    case query::Type::integer: return any_of<std::int64_t>({0, 1, 2});
    case query::Type::time: return microseconds(at(any_of<int>({100, 102, 104, 106, 200, 201, 202})));
    case query::Type::flag: return any_of<std::int64_t>({0, 1});
    default:
      return any_of<std::string>({what == Listed::event ? "sandbox.deleted" : "Disk", "disk", "FULL", "%", "[yet]",
                                  "a_b*c", "100%", "", "eu"});
  }
}

std::string any_pattern() {
  return any_of<std::string>({"%", "disk%", "Disk%", "%100\\%", "%[yet]%", "%a\\_b*c", "%a_b_c", "_isk%", "no", "%*%",
                              "%?%", "\\"});
}

Condition any_test(Listed what) {
  const auto& entity = query::entity(what);
  const auto place = *rc::gen::inRange<std::size_t>(0, entity.fields.size());
  const auto& field = entity.fields[place];
  const auto operand = [&] { return any_operand(what, field); };
  if (field.type == query::Type::flag)
    return Condition::test(place, any_of<Op>({Op::eq, Op::ne, Op::distinct}), {operand()});
  if (field.type == query::Type::map) {
    const auto key = any_of<std::string>({"region", "a\"b", "a", "nothing"});
    if (*rc::gen::arbitrary<bool>()) return Condition::test(place, Op::has_key, {key});
    auto test = Condition::test(place, any_of<Op>({Op::eq, Op::ne, Op::distinct, Op::contains}),
                                {any_of<std::string>({"eu", "us", "x", "1"})});
    test.member = key;
    return test;
  }
  const auto op = any_of<Op>({Op::eq, Op::ne, Op::distinct, Op::in, Op::not_in, Op::gt, Op::gte, Op::lt, Op::lte,
                              Op::between, Op::is_null, Op::not_null, Op::like, Op::not_like, Op::contains,
                              Op::starts_with, Op::ends_with});
  if (op == Op::is_null || op == Op::not_null) return Condition::test(place, op);
  if (op == Op::between) return Condition::test(place, op, {operand(), operand()});
  if (op == Op::in || op == Op::not_in) {
    std::vector<Datum> list;
    for (int i = *rc::gen::inRange(0, 3); i > 0; --i) list.push_back(operand());
    return Condition::test(place, op, std::move(list));
  }
  const bool matching = op == Op::like || op == Op::not_like || op == Op::contains || op == Op::starts_with ||
                        op == Op::ends_with;
  if (!matching) return Condition::test(place, op, {operand()});
  if (field.type != query::Type::text) return Condition::test(place, Op::eq, {operand()});
  const bool wild = op == Op::like || op == Op::not_like;
  auto test = Condition::test(place, op, {wild ? any_pattern() : std::get<std::string>(operand())});
  test.insensitive = *rc::gen::arbitrary<bool>();
  return test;
}

Condition any_condition(Listed what, int depth) {
  const auto& relations = query::entity(what).relations;
  const int kind = depth == 0 ? 0 : *rc::gen::inRange(0, 6);
  const auto deeper = [&] { return any_condition(what, depth - 1); };
  if (kind == 1) return Condition::all({deeper(), deeper()});
  if (kind == 2) return Condition::any({deeper(), deeper()});
  if (kind == 3) return Condition::negation(deeper());
  if (kind == 4 && !relations.empty()) {
    const auto& relation = relations[*rc::gen::inRange<std::size_t>(0, relations.size())];
    return Condition::related(relation,
                              any_of<query::Quantifier>({query::Quantifier::some, query::Quantifier::every,
                                                         query::Quantifier::none}),
                              any_condition(relation.target, depth - 1));
  }
  return any_test(what);
}

struct Filled {
  ManualClock clock;
  TemporaryFolder folder;
  MemoryStore memory{clock};
  std::unique_ptr<SqliteStore> sqlite = must(SqliteStore::open({.path = folder.file("store.db")}, clock));
  Filled() {
    for (Store* store : {static_cast<Store*>(&memory), static_cast<Store*>(sqlite.get())}) write(*store, insert_listed);
  }
};

RC_GTEST_PROP(ListConditions, MeanTheSameInSql, ()) {
  static Filled stores;
  query::Listing listing;
  listing.what = *rc::gen::element(Listed::cleanup_task, Listed::cleanup_task, Listed::event);
  listing.scope = workspace_id(*rc::gen::inRange(1, 3));
  listing.where = any_condition(listing.what, 3);
  listing.order = query::newest_first();
  const auto read = [&](Store& store) {
    return store.read([&](Transaction& t) { return t.lists().slice(listing); });
  };
  const auto expected = read(stores.memory);
  const auto found = read(*stores.sqlite);
  RC_ASSERT(expected.has_value());
  if (!found) RC_FAIL(found.error().message + " for " + query::to_text(listing.where, query::entity(listing.what)));
  std::string left, right;
  for (const auto& row : expected->rows) left += row.id + " ";
  for (const auto& row : found->rows) right += row.id + " ";
  RC_LOG() << query::to_text(listing.where, query::entity(listing.what)) << "\n";
  RC_ASSERT(left == right);
  RC_ASSERT(expected->total == found->total);
}

class ListConditionsOfBoth : public BothStores {};
FOR_BOTH_STORES(ListConditionsOfBoth);

TEST_P(ListConditionsOfBoth, CountersFollowEveryChange) {
  const auto& tasks = query::entity(Listed::cleanup_task);
  const auto counted = [&](std::optional<TaskStatus> status) {
    query::Listing listing;
    listing.scope = workspace_id(1);
    listing.order = query::newest_first();
    listing.where = Condition::test(query::place_of(tasks, "step"), Op::eq, {std::int64_t{0}});
    if (status)
      listing.where = Condition::all({listing.where, Condition::test(query::place_of(tasks, "status"), Op::eq,
                                                                     {static_cast<std::int64_t>(*status)})});
    EXPECT_TRUE(query::tally_of(listing).has_value());
    return read([&](Transaction& t) { return t.lists().slice(listing); }).total.value_or(-1);
  };
  auto task = given_task(1);
  write(store(), [&](Transaction& t) { return t.tasks().insert(task); });
  write(store(), [&](Transaction& t) { return t.tasks().insert(given_task(2)); });
  write(store(), [&](Transaction& t) { return t.tasks().insert(given_task(3, Verb::stop_sandbox)); });
  EXPECT_EQ(counted({}), 2);
  EXPECT_EQ(counted(TaskStatus::pending), 2);

  for (const auto phase : {Phase::children, Phase::children, Phase::failed, Phase::children, Phase::completed}) {
    task.phase = phase;
    task.work.next_attempt_at.reset();
    write(store(), [&](Transaction& t) { return t.tasks().update(task); });
    EXPECT_EQ(counted(status_of(phase)), 1);
    EXPECT_EQ(counted({}), 2);
  }
  EXPECT_EQ(counted(TaskStatus::failed), 0);
  EXPECT_EQ(counted(TaskStatus::pending), 1);
}

TEST_P(ListConditionsOfBoth, ATotalThatWasNotAskedForIsNone) {
  query::Listing listing;
  listing.scope = workspace_id(1);
  listing.order = query::newest_first();
  listing.total = query::Total::none;
  EXPECT_EQ(read([&](Transaction& t) { return t.lists().slice(listing); }).total, std::nullopt);
}

}  // namespace
}  // namespace mayfly
