// What is remembered of requests under an Idempotency-Key.

#include "store/both_stores.h"

namespace mayfly {
namespace {

class IdempotencyTableTest : public BothStores {
 protected:
  void given(const std::string& scope, Time at) {
    write(store(), [&](Transaction& t) { return t.idempotency().put({{scope, "body"}, {}, at}); });
  }
  std::optional<Remembered> find(const std::string& scope) {
    return read([&](Transaction& t) { return t.idempotency().find(scope); });
  }
  std::string older_than(Time before, std::size_t limit) {
    std::string text;
    for (const auto& scope : read([&](Transaction& t) { return t.idempotency().older_than(before, limit); }))
      text += scope + " ";
    return text;
  }
};
FOR_BOTH_STORES(IdempotencyTableTest);

TEST_P(IdempotencyTableTest, KeepsEveryMember) {
  Remembered row{{"scope", "body"}, {}, at(5)};
  row.outcome = {.status = 202,
                 .resource = sandbox_id(1),
                 .task = task_id(2),
                 .generation = 3,
                 .token = "token",
                 .process = 4,
                 .expires_at = at(6),
                 .limit_at = at(7),
                 .clamped = true};
  write(store(), [&](Transaction& t) { return t.idempotency().put(row); });

  const auto found = find("scope");

  ASSERT_TRUE(found);
  EXPECT_EQ(found->once.scope, "scope");
  EXPECT_EQ(found->once.body, "body");
  EXPECT_EQ(found->at, at(5));
  EXPECT_EQ(found->outcome.status, 202);
  EXPECT_EQ(found->outcome.resource, sandbox_id(1));
  EXPECT_EQ(found->outcome.task, task_id(2));
  EXPECT_EQ(found->outcome.generation, 3);
  EXPECT_EQ(found->outcome.token, "token");
  EXPECT_EQ(found->outcome.process, 4);
  EXPECT_EQ(found->outcome.expires_at, at(6));
  EXPECT_EQ(found->outcome.limit_at, at(7));
  EXPECT_TRUE(found->outcome.clamped);
}

TEST_P(IdempotencyTableTest, ReplacesByScopeAndForgets) {
  given("scope", at(1));
  Remembered again{{"scope", "other body"}, {}, at(2)};
  again.outcome.process = 9;
  write(store(), [&](Transaction& t) { return t.idempotency().put(again); });

  EXPECT_EQ(find("scope")->once.body, "other body");
  EXPECT_EQ(find("scope")->at, at(2));
  EXPECT_EQ(find("scope")->outcome.process, 9);
  EXPECT_EQ(find("scope")->outcome.expires_at, std::nullopt);

  write(store(), [](Transaction& t) { return t.idempotency().remove("scope"); });
  write(store(), [](Transaction& t) { return t.idempotency().remove("scope"); });
  EXPECT_FALSE(find("scope"));
}

TEST_P(IdempotencyTableTest, GivesTheOldestFirst) {
  given("a", at(30));
  given("b", at(10));
  given("c", at(20));

  EXPECT_EQ(older_than(at(30), 10), "b c ");
  EXPECT_EQ(older_than(at(31), 2), "b c ");
  EXPECT_EQ(older_than(at(10), 10), "");
}

TEST_P(IdempotencyTableTest, GoesWithTheTransactionThatFails) {
  const auto refused = store().write([&](Transaction& t) -> Status {
    TRY(t.idempotency().put({{"scope", "body"}, {}, at(1)}));
    return fail(Code::conflict, "something else is in the way");
  });

  EXPECT_FALSE(refused);
  EXPECT_FALSE(find("scope"));
}

}  // namespace
}  // namespace mayfly
