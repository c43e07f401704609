// Lists of what deletes have left, the places between their pages, and the trees and retries of the tasks in them.

#include "app/lists.h"

#include <gtest/gtest.h>

#include "core/query/filter.h"
#include "support/given.h"

namespace mayfly {
namespace {

/// Enough of a keyed sum for a list; the real one is os::hmac_sha256.
std::string sum(std::string_view secret, std::string_view text) {
  const auto half = std::to_string(std::hash<std::string>()(std::string(secret) + "\n" + std::string(text)));
  return half + std::string(32 - half.size(), '.');
}

ListWish two(const std::string& after = {}, const std::string& before = {}) {
  ListWish wish;
  wish.limit = 2;
  if (!after.empty()) wish.after = after;
  if (!before.empty()) wish.before = before;
  return wish;
}

struct Given {
  World world;
  std::vector<TaskId> tasks;
  Lists lists{world.store, query::Cursors(must(cursor_keys(world.store, world.chance)), sum)};

  explicit Given(int deletes) {
    for (int i = 0; i < deletes; ++i) {
      tasks.push_back(world.remove(world.a_running_sandbox(), {.archive = false}));
      world.run_workers();
    }
  }
  query::Read<query::Listing> listing(ListWish wish) {
    const auto& entity = query::entity(query::Listed::cleanup_task);
    wish.where = query::Condition::test(query::place_of(entity, "step"), query::Op::eq, {std::int64_t{0}});
    return lists.listing(world.admin(), query::Listed::cleanup_task, std::move(wish));
  }
  ListPage<Task> page(ListWish wish) {
    const auto read = listing(std::move(wish));
    EXPECT_TRUE(read) << read.error().message;
    return must(lists.cleanup_tasks(world.admin(), *read));
  }
};

TEST(Lists, ArePagesOfWholeThingsBetweenSignedPlaces) {
  Given given(5);

  const auto first = given.page(two());
  const auto second = given.page(two(first.end_cursor));
  const auto back = given.page(two({}, second.start_cursor));

  ASSERT_EQ(first.items.size(), 2u);
  EXPECT_EQ(first.items[0].id, given.tasks[4]);
  EXPECT_EQ(first.items[0].phase, Phase::completed);
  EXPECT_EQ(first.total, 5);
  EXPECT_TRUE(first.has_next);
  EXPECT_FALSE(first.has_previous);
  EXPECT_EQ(second.items[0].id, given.tasks[2]);
  EXPECT_TRUE(second.has_previous);
  EXPECT_EQ(back.items[0].id, given.tasks[4]);
  EXPECT_EQ(given.listing(two("x" + first.end_cursor)).error().code, "invalid_cursor");
}

TEST(Lists, KeepTheirKeyForAMonthAndBelieveTheLastTwo) {
  World world;
  const auto keys = [&] {
    std::string numbers;
    for (const auto& key : must(cursor_keys(world.store, world.chance))) numbers += std::to_string(key.number) + " ";
    return numbers;
  };
  const auto first = must(cursor_keys(world.store, world.chance));
  EXPECT_EQ(first.front().secret.size(), 64u);
  EXPECT_EQ(must(cursor_keys(world.store, world.chance)).front().secret, first.front().secret);
  EXPECT_EQ(keys(), "1 ");
  world.let_pass(31 * 24h);
  EXPECT_EQ(keys(), "2 1 ");
  EXPECT_EQ(must(cursor_keys(world.store, world.chance)).back().secret, first.front().secret);
  world.let_pass(31 * 24h);
  EXPECT_EQ(keys(), "3 2 ");
}

TEST(Lists, OfATreeAreRefusedWhenNobodyCouldReadThem) {
  Given given(1);
  auto child = given.world.row(given.tasks[0]);
  child.parent = child.id;
  must(given.world.store.write([&](Transaction& t) -> Status {
    for (int i = 0; i < 10'001; ++i) {
      const auto number = std::to_string(i);
      child.id = {"clt_ffffffff" + std::string(24 - number.size(), '0') + number};
      TRY(t.tasks().insert(child));
    }
    return {};
  }));
  const auto tree = [&](std::optional<std::size_t> depth, std::optional<std::size_t> limit) {
    return given.world->cleanups.tree(given.world.admin(), given.tasks[0], {depth, limit});
  };

  EXPECT_EQ(outcome(tree({}, {})), "invalid tree_too_large");
  EXPECT_EQ(outcome(tree(1, {})), "invalid tree_too_large") << "never cut without a word";
  EXPECT_EQ(must(tree(0, {})).size(), 1u);
  EXPECT_EQ(must(tree({}, 10)).size(), 10u);
  EXPECT_EQ(must(tree({}, 10)).front().id, given.tasks[0]);
}

TEST(Lists, OfTasksKnowWhoMayRetryThem) {
  Given given(1);
  auto& cleanups = given.world->cleanups;
  const auto& task = given.tasks[0];

  EXPECT_EQ(outcome(cleanups.retry(given.world.admin(), task, Cleanups::Retry::failed)), "conflict task_not_failed");
  EXPECT_EQ(outcome(cleanups.retry(given.world.caller(Role::member), task)), "denied role_too_low");
  EXPECT_EQ(outcome(cleanups.retry(given.world.caller(Role::member), {"clt_none"})),
            "not_found cleanup_task_not_found");

  given.world.driver.fail_next("kill", Code::internal);
  const auto failed = given.world.remove(given.world.a_running_sandbox(), {.archive = false});
  given.world.run_workers();
  ASSERT_EQ(given.world.row(failed).phase, Phase::failed);
  EXPECT_EQ(must(cleanups.retry(given.world.admin(), failed, Cleanups::Retry::failed)).phase, Phase::children);
  EXPECT_EQ(outcome(cleanups.retry(given.world.admin(), failed, Cleanups::Retry::failed)), "conflict task_not_failed");
  given.world.run_workers();
  EXPECT_EQ(given.world.row(failed).phase, Phase::completed);
}

}  // namespace
}  // namespace mayfly
