// What the SQLite store answers when the disk fails. Each test has a disk that fails in one place, and a group of
// closures that is made to run in one transaction.

#include <csignal>
#include <future>

#include <sys/wait.h>
#include <unistd.h>

#include "store/faulty_vfs.h"
#include "store/given.h"
#include "store/sqlite/store.h"

namespace mayfly {
namespace {

using Operation = FaultyVfs::Operation;
using File = FaultyVfs::File;

/// SQLITE_FULL and its like, as the VFS reports them.
constexpr FaultyVfs::Fault log_write_fails{Operation::write, File::log, SQLITE_IOERR_WRITE};
constexpr FaultyVfs::Fault log_fsync_fails{Operation::sync, File::log, SQLITE_IOERR_FSYNC};
constexpr FaultyVfs::Fault disk_is_full{Operation::write, File::log, SQLITE_FULL};

class SqliteTrouble : public ::testing::Test {
 protected:
  SqliteTrouble() {
    options.path = folder.file("store.db");
    options.vfs = disk.name();
    options.on_full = [this] { ++ballasts_freed; };
    // Nothing but what a test asks for touches the disk.
    options.idle_checkpoint = std::chrono::hours(1);
  }
  std::unique_ptr<SqliteStore> open() { return must(SqliteStore::open(options, clock)); }

  /// The answers of `closures`, which ran in one transaction (or were meant to).
  std::vector<std::string> answers_of_group(Store& store, std::vector<Store::Closure> closures) {
    std::promise<void> all_queued;
    std::vector<std::promise<std::string>> answers(closures.size());
    std::promise<void> held;
    store.submit(
        [&](Transaction&) -> Status {
          held.set_value();
          all_queued.get_future().wait();
          return {};
        },
        [](const Status&) {});
    held.get_future().wait();
    for (std::size_t i = 0; i < closures.size(); ++i)
      store.submit(closures[i], [&answers, i](const Status& status) { answers[i].set_value(outcome(status)); });
    all_queued.set_value();
    std::vector<std::string> given;
    for (auto& answer : answers) given.push_back(answer.get_future().get());
    return given;
  }

  static Store::Closure put(const std::string& name) {
    return [name](Transaction& t) { return t.settings().put(name, "1"); };
  }
  static bool has(Store& store, const std::string& name) {
    return must(store.read([&](Transaction& t) { return t.settings().get(name); })).has_value();
  }

  /// How a child ends that does this with a store of its own; what it answered is in `told`.
  template <class Body>
  int fate_of_child(Body body) {
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    const pid_t child = fork();
    if (child == 0) {
      close(ends[0]);
      options.on_unknown_commit = [&](const std::string& message) {
        const auto said = "[unknown: " + message + "]";
        if (::write(ends[1], said.data(), said.size()) < 0) _exit(3);
      };
      {
        auto store = open();
        body(*store, [&](const std::string& said) {
          if (::write(ends[1], said.data(), said.size()) < 0) _exit(3);
        });
      }
      _exit(0);
    }
    close(ends[1]);
    char bytes[4096];
    told.clear();
    for (ssize_t count; (count = ::read(ends[0], bytes, sizeof bytes)) > 0;) told.append(bytes, count);
    close(ends[0]);
    int status = 0;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    return status;
  }
  static bool aborted(int status) { return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT; }

  ManualClock clock;
  TemporaryFolder folder;
  FaultyVfs disk;
  SqliteOptions options;
  std::atomic<int> ballasts_freed = 0;
  std::string told;
};

/// Enough rows that some of them are on pages which a store that was just opened has not read.
void given_many_sandboxes(Store& store) {
  write(store, [](Transaction& t) -> Status {
    for (int number = 1; number <= 300; ++number) {
      auto sandbox = given_sandbox(number, "s" + std::to_string(number));
      sandbox.spec.env = {{"LONG", std::string(2000, 'x')}};
      TRY(t.sandboxes().insert(sandbox));
    }
    return {};
  });
}

TEST_F(SqliteTrouble, RunsAGroupAgainOneByOneWhenAReadBrokeIt) {
  given_many_sandboxes(*open());
  auto store = open();
  std::atomic<int> runs = 0;
  const auto reads_badly_once = [&](Transaction& t) -> Status {
    if (++runs == 1) disk.fail({Operation::read, File::main, SQLITE_IOERR_READ});
    TRY(t.settings().put("b", "1"));
    return t.sandboxes().get(sandbox_id(200)).map([](const Sandbox&) {});
  };

  const auto answers = answers_of_group(*store, {put("a"), reads_badly_once, put("c")});

  EXPECT_EQ(answers, (std::vector<std::string>{"fine", "fine", "fine"}));
  EXPECT_EQ(disk.failures(), 1);
  EXPECT_EQ(runs, 2);
  EXPECT_EQ(store->stats().voided_groups, 1u);
  for (const auto* name : {"a", "b", "c"}) EXPECT_TRUE(has(*store, name)) << name;
}

TEST_F(SqliteTrouble, RefusesOnlyTheClosureThatKeepsFailing) {
  given_many_sandboxes(*open());
  auto store = open();
  const auto reads_badly = [&](Transaction& t) -> Status {
    TRY(t.settings().put("b", "1"));
    disk.fail({Operation::read, File::main, SQLITE_IOERR_READ});
    return t.sandboxes().get(sandbox_id(200)).map([](const Sandbox&) {});
  };

  const auto answers = answers_of_group(*store, {put("a"), reads_badly, put("c")});

  EXPECT_EQ(answers, (std::vector<std::string>{"fine", "unavailable database_io", "fine"}));
  EXPECT_TRUE(has(*store, "a"));
  EXPECT_FALSE(has(*store, "b"));
  EXPECT_TRUE(has(*store, "c"));
}

TEST_F(SqliteTrouble, RefusesAClosureThatOverlooksTheErrorItMet) {
  given_many_sandboxes(*open());
  auto store = open();
  const auto careless = [&](Transaction& t) -> Status {
    disk.fail({Operation::read, File::main, SQLITE_IOERR_READ});
    static_cast<void>(t.sandboxes().get(sandbox_id(200)));
    return t.settings().put("b", "outside of any transaction");
  };

  const auto answers = answers_of_group(*store, {put("a"), careless, put("c")});

  EXPECT_EQ(answers[1], "unavailable database_io");
  EXPECT_TRUE(has(*store, "a"));
  EXPECT_TRUE(has(*store, "c"));
}

TEST_F(SqliteTrouble, TriesAGroupAgainInTheRoomThatItsBallastMade) {
  auto store = open();
  disk.fail(disk_is_full);
  const auto refused = [](Transaction&) -> Status { return fail(Code::denied, "no"); };
  EXPECT_EQ(answers_of_group(*store, {put("a"), refused, put("c")}),
            (std::vector<std::string>{"fine", "denied", "fine"}));
  EXPECT_EQ(ballasts_freed, 1);
  EXPECT_TRUE(has(*store, "a"));
}

TEST_F(SqliteTrouble, RefusesAWholeGroupWhenTheDiskIsFullAtItsCommitAndNothingMakesRoom) {
  options.on_full = {};
  auto store = open();
  write(*store, put("before"));
  disk.fail(disk_is_full);
  const auto refused = [](Transaction&) -> Status { return fail(Code::denied, "no"); };
  const auto answers = answers_of_group(*store, {put("a"), refused, put("c")});

  EXPECT_EQ(answers, (std::vector<std::string>{"no_space", "no_space", "no_space"}));
  EXPECT_FALSE(has(*store, "a"));
  EXPECT_TRUE(has(*store, "before"));
  write(*store, put("after"));
  EXPECT_TRUE(has(*store, "after"));
}

TEST_F(SqliteTrouble, ForgetsAHalfWrittenGroup) {
  options.on_full = {};
  {
    auto store = open();
    write(*store, put("before"));
    disk.fail({Operation::write, File::log, SQLITE_FULL, true});
    EXPECT_EQ(outcome(store->write(put("a"))), "no_space");
    write(*store, put("after"));
  }
  auto store = open();

  EXPECT_TRUE(has(*store, "before"));
  EXPECT_FALSE(has(*store, "a"));
  EXPECT_TRUE(has(*store, "after"));
}

TEST_F(SqliteTrouble, RunsAGroupAgainWhenTheDiskWasFullInsideAClosure) {
  // A cache this small writes to the log before the commit.
  options.cache_kib = 16;
  auto store = open();
  std::atomic<int> runs = 0;
  const auto writes_much = [&](Transaction& t) -> Status {
    if (++runs == 1) disk.fail(disk_is_full);
    for (int number = 1; number <= 100; ++number) {
      auto sandbox = given_sandbox(number, "s" + std::to_string(number));
      sandbox.spec.env = {{"LONG", std::string(2000, 'x')}};
      TRY(t.sandboxes().insert(sandbox));
    }
    return {};
  };

  const auto answers = answers_of_group(*store, {put("a"), writes_much, put("c")});

  EXPECT_EQ(disk.failures(), 1);
  EXPECT_EQ(answers, (std::vector<std::string>{"fine", runs == 2 ? "fine" : "no_space", "fine"}));
  EXPECT_EQ(ballasts_freed, 1);
  EXPECT_TRUE(has(*store, "a"));
  EXPECT_TRUE(has(*store, "c"));
}

TEST_F(SqliteTrouble, EndsTheProcessWhenACommitCouldNotBeWritten) {
  const int status = fate_of_child([&](Store& store, auto tell) {
    must(store.write(put("before")));
    tell("before.");
    disk.fail(log_write_fails);
    store.submit(put("a"), [&](const Status&) { tell("answered"); });
  });

  EXPECT_TRUE(aborted(status)) << status;
  EXPECT_EQ(told.find("before.[unknown: "), 0u) << told;
  EXPECT_EQ(told.find("answered"), std::string::npos);
  EXPECT_TRUE(has(*open(), "before"));
}

TEST_F(SqliteTrouble, EndsTheProcessWhenTheFsyncOfACommitFails) {
  const int status = fate_of_child([&](Store& store, auto tell) {
    must(store.write(put("before")));
    disk.fail(log_fsync_fails);
    store.submit(put("a"), [&](const Status&) { tell("answered"); });
  });

  EXPECT_TRUE(aborted(status)) << status;
  EXPECT_EQ(told.find("[unknown: "), 0u) << told;
  EXPECT_EQ(told.find("answered"), std::string::npos);
  EXPECT_TRUE(has(*open(), "before"));
}

TEST_F(SqliteTrouble, EndsTheProcessWhenTheFsyncOfACheckpointFails) {
  options.wal_autocheckpoint = 1;
  const int status = fate_of_child([&](Store& store, auto tell) {
    disk.fail({Operation::sync, File::main, SQLITE_IOERR_FSYNC});
    // The answer comes before the checkpoint: what was promised is in the log.
    store.submit(put("a"), [&](const Status& answer) { tell(outcome(answer) + "."); });
  });

  EXPECT_TRUE(aborted(status)) << status;
  EXPECT_EQ(told.find("fine.[unknown: "), 0u) << told;
  EXPECT_TRUE(has(*open(), "a"));
}

TEST_F(SqliteTrouble, LivesOnWhenACheckpointCannotWriteAndLosesNothing) {
  options.wal_autocheckpoint = 1;
  {
    auto store = open();
    disk.fail({Operation::write, File::main, SQLITE_IOERR_WRITE, false, 3});
    for (const auto* name : {"a", "b", "c"}) write(*store, put(name));
    write(*store, put("d"));
    EXPECT_GE(store->stats().failed_checkpoints, 1u);
    EXPECT_TRUE(has(*store, "a"));
  }
  auto store = open();
  for (const auto* name : {"a", "b", "c", "d"}) EXPECT_TRUE(has(*store, name)) << name;
}

TEST_F(SqliteTrouble, TellsOfARowThatCannotBeRead) {
  write(*open(), [](Transaction& t) { return t.events().insert(given_event(1)); });
  {
    sqlite3* raw = nullptr;
    ASSERT_EQ(sqlite3_open(options.path.c_str(), &raw), SQLITE_OK);
    ASSERT_EQ(sqlite3_exec(raw, "UPDATE event SET data = '[1'", nullptr, nullptr, nullptr), SQLITE_OK);
    sqlite3_close(raw);
  }

  const auto found = open()->read([](Transaction& t) { return t.events().list({}, {}); });

  EXPECT_EQ(outcome(found), "internal database_damaged");
}

}  // namespace
}  // namespace mayfly
