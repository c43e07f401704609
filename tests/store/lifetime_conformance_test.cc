#include "store/both_stores.h"

namespace mayfly {
namespace {

class LifetimeTables : public BothStores {
 protected:
  void given(const Sandbox& sandbox) {
    write(store(), [&](Transaction& t) { return t.sandboxes().insert(sandbox); });
  }
  void changed(const Sandbox& sandbox) {
    write(store(), [&](Transaction& t) { return t.sandboxes().update(sandbox); });
  }
  Sandbox stored(int number) {
    return read([&](Transaction& t) { return t.sandboxes().get(sandbox_id(number)); });
  }
};
FOR_BOTH_STORES(LifetimeTables);

TEST_P(LifetimeTables, ShareTheirRowsWithTheTablesOfEachKind) {
  given(given_sandbox(1, "a"));

  write(store(), [](Transaction& t) -> Status {
    auto life = TRY(t.lifetimes().get(sandbox_id(1)));
    life.expires_at = at(77);
    return t.lifetimes().update(life);
  });

  EXPECT_EQ(stored(1).lifetime.expires_at, at(77));
  auto sandbox = stored(1);
  sandbox.resource.generation = 4;
  sandbox.resource.state = State::paused;
  changed(sandbox);
  const auto life = read([](Transaction& t) { return t.lifetimes().get(sandbox_id(1)); });
  EXPECT_EQ(life.generation, 4);
  EXPECT_EQ(life.state, State::paused);
}

TEST_P(LifetimeTables, TellWhoWakesNext) {
  const auto wakes_at = [&](int number, std::optional<int> second) {
    auto sandbox = given_sandbox(number, "s" + std::to_string(number));
    if (second) sandbox.lifetime.wake_at = at(*second);
    given(sandbox);
  };
  wakes_at(1, 30);
  wakes_at(2, 10);
  wakes_at(3, 30);
  wakes_at(4, std::nullopt);
  const auto waking = [&](int second, std::size_t limit) {
    return numbers(read([&](Transaction& t) { return t.lifetimes().waking(at(second), limit); }));
  };
  const auto after = [&](int second) {
    return read([&](Transaction& t) { return t.lifetimes().waking_after(at(second)); });
  };

  EXPECT_EQ(waking(30, 10), "2 1 3");
  EXPECT_EQ(waking(30, 2), "2 1");
  EXPECT_EQ(waking(29, 10), "2");
  EXPECT_EQ(waking(9, 10), "");
  EXPECT_EQ(after(9), at(10));
  EXPECT_EQ(after(10), at(30));
  EXPECT_EQ(after(30), std::nullopt);
}

TEST_P(LifetimeTables, MoveAWakeUpWithTheRowThatItBelongsTo) {
  auto sandbox = given_sandbox(1, "a");
  sandbox.lifetime.wake_at = at(10);
  given(sandbox);
  const auto set_wake = [&](std::optional<Time> wake) {
    write(store(), [&](Transaction& t) -> Status {
      auto life = TRY(t.lifetimes().get(sandbox_id(1)));
      life.wake_at = wake;
      return t.lifetimes().update(life);
    });
    return read([](Transaction& t) { return t.lifetimes().waking_after(at(0)); });
  };

  EXPECT_EQ(set_wake(at(20)), at(20));
  EXPECT_EQ(set_wake(std::nullopt), std::nullopt);
  EXPECT_EQ(set_wake(at(5)), at(5));
}

TEST_P(LifetimeTables, PageThroughAbsoluteDeadlines) {
  for (int number = 1; number <= 4; ++number) {
    auto sandbox = given_sandbox(number, "s" + std::to_string(number), number == 3 ? State::deleting : State::running);
    if (number != 2) sandbox.lifetime.policy.at = wall_time(number);
    given(sandbox);
  }
  const auto page = [&](const std::string& after, std::size_t limit) {
    return numbers(read([&](Transaction& t) { return t.lifetimes().with_absolute(after, limit); }));
  };

  EXPECT_EQ(page("", 1), "1");
  EXPECT_EQ(page(sandbox_id(1).text, 5), "4");
}

TEST_P(LifetimeTables, MissTheRowOfNobody) {
  EXPECT_EQ(outcome(store().read([](Transaction& t) { return t.lifetimes().get(sandbox_id(1)); })), "not_found");
}

}  // namespace
}  // namespace mayfly
