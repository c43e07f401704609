#include "store/given.h"
#include "store/memory/store.h"

namespace mayfly {
namespace {

class MemoryStoreTest : public ::testing::Test {
 protected:
  ManualClock clock;
  MemoryStore store{clock};

  void next_commit(Fate fate) {
    store.before_commit([this, fate] {
      store_asked = true;
      return fate;
    });
  }
  Status put(const std::string& value) {
    return store.write([&](Transaction& t) -> Status {
      t.wakes.work(Lane::fast);
      return t.settings().put("a", value);
    });
  }
  std::string value() {
    return must(store.read([](Transaction& t) { return t.settings().get("a"); })).value_or("none");
  }
  bool store_asked = false;
};

TEST_F(MemoryStoreTest, RefusesACommitWhenToldTo) {
  next_commit({Fate::refuse, {Code::no_space, "the disk is full", {}, {}}});

  EXPECT_EQ(outcome(put("1")), "no_space");
  EXPECT_EQ(value(), "none");
}

TEST_F(MemoryStoreTest, CrashesBeforeACommitAndKeepsNothingOfIt) {
  int heard = 0;
  store.on_commit([&](const Wakes&) { ++heard; });
  must(put("0"));
  next_commit({Fate::crash_before, {}});

  EXPECT_THROW(static_cast<void>(put("1")), SimulatedCrash);

  EXPECT_EQ(value(), "0");
  EXPECT_EQ(heard, 1);
}

TEST_F(MemoryStoreTest, CrashesAfterACommitAndTellsNobody) {
  int heard = 0;
  bool answered = false;
  store.on_commit([&](const Wakes&) { ++heard; });
  next_commit({Fate::crash_after, {}});

  EXPECT_THROW(store.submit([](Transaction& t) { return t.settings().put("a", "1"); },
                            [&](const Status&) { answered = true; }),
               SimulatedCrash);

  EXPECT_EQ(value(), "1");
  EXPECT_FALSE(answered);
  EXPECT_EQ(heard, 0);
}

TEST_F(MemoryStoreTest, CommitsNothingOfAFailedClosureWhateverItsFate) {
  next_commit({Fate::crash_after, {}});

  EXPECT_THROW(store.submit(
                   [](Transaction& t) -> Status {
                     TRY(t.settings().put("a", "1"));
                     return fail(Code::denied, "no");
                   },
                   [](const Status&) {}),
               SimulatedCrash);

  EXPECT_EQ(value(), "none");
  EXPECT_TRUE(store_asked);
}

TEST_F(MemoryStoreTest, GoesBackToASnapshot) {
  must(put("1"));
  const auto snapshot = store.snapshot();
  must(put("2"));

  store.restore(snapshot);

  EXPECT_EQ(value(), "1");
}

TEST_F(MemoryStoreTest, MayBeAskedAgainByWhoeverIsAnswered) {
  std::string seen;
  store.submit([](Transaction& t) { return t.settings().put("a", "1"); }, [&](const Status&) { seen = value(); });

  EXPECT_EQ(seen, "1");
}

}  // namespace
}  // namespace mayfly
