#include <algorithm>
#include <atomic>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>

#include "store/both_stores.h"

namespace mayfly {
namespace {

class Transactions : public BothStores {
 protected:
  std::optional<std::string> setting(const std::string& name) {
    return read([&](Transaction& t) { return t.settings().get(name); });
  }
};
FOR_BOTH_STORES(Transactions);

TEST_P(Transactions, HandBackWhatTheirBodyAnswers) {
  const auto written = store().write([](Transaction& t) -> Result<std::string> {
    TRY(t.settings().put("a", "1"));
    return std::string("done");
  });

  EXPECT_EQ(must(written), "done");
  EXPECT_EQ(setting("a"), "1");
}

TEST_P(Transactions, UndoEverythingWhenTheyFail) {
  write(store(), [](Transaction& t) -> Status {
    TRY(t.settings().put("kept", "before"));
    TRY(t.images().put({"gone", "d", 0, {}, "/", at(1)}));
    return t.sandboxes().insert(given_sandbox(1, "web"));
  });

  const auto failed = store().write([](Transaction& t) -> Status {
    TRY(t.settings().put("kept", "changed"));
    TRY(t.settings().put("kept", "again"));
    TRY(t.settings().put("new", "1"));
    TRY(t.images().remove("gone"));
    auto sandbox = full_sandbox(1);
    TRY(t.sandboxes().update(sandbox));
    TRY(t.sandboxes().insert(given_sandbox(2, "web")));
    TRY(t.tasks().insert(given_task(1)));
    TRY(t.events().insert(given_event(1)));
    t.wakes.work(Lane::fast);
    return fail(Code::denied, "no");
  });

  EXPECT_EQ(outcome(failed), "denied");
  EXPECT_EQ(setting("kept"), "before");
  EXPECT_EQ(setting("new"), std::nullopt);
  EXPECT_TRUE(read([](Transaction& t) { return t.images().find("gone"); }));
  EXPECT_EQ(as_text(read([](Transaction& t) { return t.sandboxes().get(sandbox_id(1)); })),
            as_text(given_sandbox(1, "web")));
  EXPECT_EQ(outcome(store().read([](Transaction& t) { return t.sandboxes().get(sandbox_id(2)); })), "not_found");
  EXPECT_EQ(outcome(store().read([](Transaction& t) { return t.tasks().get(task_id(1)); })), "not_found");
  EXPECT_TRUE(read([](Transaction& t) { return t.events().list({}, {}); }).empty());
}

TEST_P(Transactions, TurnWhatIsThrownIntoAnInternalError) {
  const auto thrown = store().write([](Transaction& t) -> Status {
    TRY(t.settings().put("a", "1"));
    throw std::runtime_error("a bad day");
  });
  const auto strange = store().write([](Transaction&) -> Status { throw 42; });

  EXPECT_EQ(outcome(thrown), "internal");
  EXPECT_NE(thrown.error().message.find("a bad day"), std::string::npos);
  EXPECT_EQ(outcome(strange), "internal");
  EXPECT_EQ(setting("a"), std::nullopt);
}

TEST_P(Transactions, ReadTheirOwnChanges) {
  write(store(), [](Transaction& t) -> Status {
    TRY(t.sandboxes().insert(given_sandbox(1, "web")));
    const auto found = TRY(t.sandboxes().find_named(workspace_id(1), "web"));
    EXPECT_TRUE(found);
    return {};
  });
}

TEST_P(Transactions, ChangeNothingInAView) {
  const auto refused = store().read([](Transaction& t) -> Status { return t.settings().put("a", "1"); });

  EXPECT_EQ(outcome(refused), "internal read_only");
  EXPECT_EQ(setting("a"), std::nullopt);
  EXPECT_EQ(outcome(store().read([](Transaction&) -> Status { return fail(Code::denied, "no"); })), "denied");
  EXPECT_EQ(outcome(store().read([](Transaction&) -> Status { throw std::runtime_error("x"); })), "internal");
}

TEST_P(Transactions, HaveMomentsThatGrowEvenWhenTheClockStandsOrTurnsBack) {
  std::vector<Time> moments;
  const auto note = [&](Transaction& t) -> Status {
    moments.push_back(t.now());
    return {};
  };
  clock.set(5'000'000);
  write(store(), note);
  write(store(), note);
  must(store().read(note));
  clock.set(1'000'000);
  write(store(), note);
  clock.set(9'000'000);
  write(store(), note);

  ASSERT_EQ(moments.size(), 5u);
  EXPECT_EQ(moments.front(), at(5));
  EXPECT_EQ(moments.back(), at(9));
  for (std::size_t i = 1; i < moments.size(); ++i) EXPECT_LT(moments[i - 1], moments[i]);
  must(store().read([&](Transaction& t) -> Status {
    EXPECT_EQ(microseconds(t.moment().wall), 9'000'007);
    EXPECT_EQ(t.ids_made, 0);
    return {};
  }));
}

TEST_P(Transactions, BeginEachWithNoIdsMadeAndNoWakes) {
  for (int i = 0; i < 2; ++i)
    write(store(), [](Transaction& t) -> Status {
      EXPECT_EQ(t.ids_made, 0);
      EXPECT_FALSE(t.wakes.fast_work);
      t.ids_made = 5;
      t.wakes.work(Lane::fast);
      return {};
    });
}

TEST_P(Transactions, DeliverWakesOnceAndOnlyAfterTheCommit) {
  std::vector<Wakes> heard;
  std::vector<std::optional<std::string>> seen;
  std::promise<void> told;
  store().on_commit([&](const Wakes& wakes) {
    // What woke somebody is there to be read.
    seen.push_back(*store().read([](Transaction& t) { return t.settings().get("a"); }));
    heard.push_back(wakes);
    if (wakes.slow_work) told.set_value();
  });

  write(store(), [](Transaction& t) -> Status {
    t.wakes.work(Lane::fast);
    t.wakes.deadline_at(at(20));
    t.wakes.settled.push_back(sandbox_id(3));
    return t.settings().put("a", "1");
  });
  write(store(), [](Transaction&) -> Status { return {}; });
  EXPECT_FALSE(store().write([](Transaction& t) -> Status {
    t.wakes.work(Lane::slow);
    return fail(Code::denied, "no");
  }));
  write(store(), [](Transaction& t) -> Status {
    t.wakes.work(Lane::slow);
    return {};
  });
  told.get_future().get();

  ASSERT_EQ(heard.size(), 2u);
  EXPECT_EQ(seen[0], "1");
  EXPECT_TRUE(heard[0].fast_work);
  EXPECT_FALSE(heard[0].slow_work);
  EXPECT_EQ(heard[0].deadline, at(20));
  EXPECT_EQ(heard[0].settled, std::vector{sandbox_id(3)});
  EXPECT_FALSE(heard[1].fast_work);
}

TEST_P(Transactions, AreAnsweredExactlyOnceWhoeverAsks) {
  constexpr int threads = 8;
  constexpr int rounds = 200;
  std::atomic<int> answers = 0;
  std::atomic<int> refusals = 0;
  std::vector<std::thread> callers;

  for (int caller = 0; caller < threads; ++caller)
    callers.emplace_back([&, caller] {
      for (int round = 0; round < rounds; ++round) {
        const auto status = store().write([&](Transaction& t) -> Status {
          const auto count = TRY(t.settings().get("count"));
          TRY(t.settings().put("count", std::to_string(std::stoi(count.value_or("0")) + 1)));
          TRY(t.settings().put(std::to_string(caller), std::to_string(round)));
          if (round % 5 == 0) return fail(Code::conflict, "every fifth is refused");
          return {};
        });
        ++answers;
        if (!status) ++refusals;
      }
    });
  for (auto& caller : callers) caller.join();

  EXPECT_EQ(answers, threads * rounds);
  EXPECT_EQ(refusals, threads * rounds / 5);
  EXPECT_EQ(setting("count"), std::to_string(threads * rounds * 4 / 5));
  for (int caller = 0; caller < threads; ++caller)
    EXPECT_EQ(setting(std::to_string(caller)), std::to_string(rounds - 1));
}

TEST_P(Transactions, ReadSnapshotsWhileOthersWrite) {
  write(store(), [](Transaction& t) -> Status {
    TRY(t.settings().put("left", "0"));
    return t.settings().put("right", "0");
  });
  std::atomic<bool> done = false;
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i)
    readers.emplace_back([&] {
      while (!done) {
        const auto sides = must(store().read([](Transaction& t) -> Result<std::pair<std::string, std::string>> {
          const auto left = TRY(t.settings().get("left"));
          std::this_thread::yield();
          return std::pair(*left, *TRY(t.settings().get("right")));
        }));
        EXPECT_EQ(sides.first, sides.second);
      }
    });

  for (int i = 1; i <= 200; ++i)
    write(store(), [i](Transaction& t) -> Status {
      TRY(t.settings().put("left", std::to_string(i)));
      return t.settings().put("right", std::to_string(i));
    });
  done = true;
  for (auto& reader : readers) reader.join();
}

TEST_P(Transactions, RunWhatWasSubmittedInOrder) {
  constexpr int count = 300;
  std::mutex mutex;
  std::vector<int> ran;
  std::promise<void> last;
  for (int i = 0; i < count; ++i)
    store().submit(
        [i](Transaction& t) -> Status {
          const auto before = TRY(t.settings().get("last"));
          EXPECT_EQ(before.value_or("-1"), std::to_string(i - 1));
          return t.settings().put("last", std::to_string(i));
        },
        [&, i](Status status) {
          EXPECT_TRUE(status);
          std::lock_guard lock(mutex);
          ran.push_back(i);
          if (i == count - 1) last.set_value();
        });
  last.get_future().get();

  std::lock_guard lock(mutex);
  EXPECT_EQ(ran.size(), static_cast<std::size_t>(count));
  EXPECT_TRUE(std::is_sorted(ran.begin(), ran.end()));
}

}  // namespace
}  // namespace mayfly
