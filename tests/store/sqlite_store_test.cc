#include <csignal>
#include <set>
#include <thread>

#include <sys/wait.h>
#include <unistd.h>

#include <sqlite3.h>

#include "store/given.h"
#include "store/sqlite/store.h"

namespace mayfly {
namespace {

class SqliteStoreTest : public ::testing::Test {
 protected:
  SqliteStoreTest() { options.path = folder.file("store.db"); }
  std::unique_ptr<SqliteStore> open() { return must(SqliteStore::open(options, clock)); }

  ManualClock clock;
  TemporaryFolder folder;
  SqliteOptions options;
};

/// Writes a setting per round from several threads and tells its name once it is acknowledged, until it is killed.
[[noreturn]] void write_until_killed(const SqliteOptions& options, const Clock& clock, int acknowledged) {
  auto opened = SqliteStore::open(options, clock);
  if (!opened) _exit(2);
  auto& store = **opened;
  std::vector<std::thread> writers;
  for (int writer = 0; writer < 4; ++writer)
    writers.emplace_back([&, writer] {
      for (int round = 0;; ++round) {
        const auto name = std::to_string(writer) + "-" + std::to_string(round) + "\n";
        const auto status = store.write([&](Transaction& t) -> Status {
          TRY(t.settings().put(name, std::string(500, 'v')));
          return t.settings().put(std::to_string(writer) + " last", std::to_string(round));
        });
        if (!status || ::write(acknowledged, name.data(), name.size()) != static_cast<ssize_t>(name.size())) _exit(3);
      }
    });
  for (auto& writer : writers) writer.join();
  _exit(4);
}

TEST_F(SqliteStoreTest, HasEveryAcknowledgedWriteAfterAKill) {
  options.wal_autocheckpoint = 20;
  std::set<std::string> acknowledged;
  for (int life = 0; life < 3; ++life) {
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    const pid_t child = fork();
    if (child == 0) write_until_killed(options, clock, ends[1]);
    close(ends[1]);
    std::string text;
    char bytes[512];
    for (ssize_t count; text.size() < 2000 && (count = ::read(ends[0], bytes, sizeof bytes)) > 0;)
      text.append(bytes, count);
    kill(child, SIGKILL);
    for (ssize_t count; (count = ::read(ends[0], bytes, sizeof bytes)) > 0;) text.append(bytes, count);
    close(ends[0]);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the child ended by itself: " << WEXITSTATUS(status);
    for (std::size_t from = 0, to; (to = text.find('\n', from)) != std::string::npos; from = to + 1)
      acknowledged.insert(text.substr(from, to - from + 1));
    ASSERT_FALSE(acknowledged.empty());

    auto store = open();
    must(store->read([&](Transaction& t) -> Status {
      for (const auto& name : acknowledged) EXPECT_TRUE(TRY(t.settings().get(name))) << name;
      return {};
    }));
  }
}

TEST_F(SqliteStoreTest, KeepsItsRowsWhenItIsClosedAndOpened) {
  write(*open(), [](Transaction& t) { return t.sandboxes().insert(full_sandbox(1)); });

  const auto found = must(open()->read([](Transaction& t) { return t.sandboxes().get(sandbox_id(1)); }));

  EXPECT_EQ(as_text(found), as_text(full_sandbox(1)));
}

TEST_F(SqliteStoreTest, RunsWhatIsQueuedBeforeItCloses) {
  std::atomic<int> answers = 0;
  auto store = open();
  for (int i = 0; i < 50; ++i)
    store->submit([i](Transaction& t) { return t.settings().put(std::to_string(i), ""); },
                  [&](const Status& status) { answers += status ? 1 : 0; });

  store.reset();

  EXPECT_EQ(answers, 50);
}

TEST_F(SqliteStoreTest, RefusesMoreThanItsQueueHolds) {
  options.queue_limit = 3;
  auto store = open();
  std::promise<void> held;
  std::promise<void> free;
  store->submit(
      [&](Transaction&) -> Status {
        held.set_value();
        free.get_future().wait();
        return {};
      },
      [](const Status&) {});
  held.get_future().wait();
  std::vector<std::string> answers(4);

  for (int i = 0; i < 4; ++i)
    store->submit([](Transaction&) { return Status(); }, [&, i](const Status& s) { answers[i] = outcome(s); });
  EXPECT_EQ(answers[3], "exhausted write_queue_full");
  EXPECT_EQ(store->stats().waiting, 3u);
  free.set_value();
  store.reset();

  EXPECT_EQ(answers, (std::vector<std::string>{"fine", "fine", "fine", "exhausted write_queue_full"}));
}

TEST_F(SqliteStoreTest, PutsAClosureThatIsLateIntoTheNextTransaction) {
  options.group_age = Duration::zero();
  auto store = open();
  std::promise<void> held;
  std::promise<void> free;
  const auto nothing = [](const Status&) {};
  store->submit(
      [&](Transaction&) -> Status {
        held.set_value();
        free.get_future().wait();
        return {};
      },
      nothing);
  held.get_future().wait();
  for (int i = 0; i < 5; ++i) store->submit([](Transaction&) { return Status(); }, nothing);
  free.set_value();
  must(store->write([](Transaction&) { return Status(); }));

  EXPECT_EQ(store->stats().largest_group, 1u);
  EXPECT_EQ(store->stats().commits, 7u);
  EXPECT_EQ(store->stats().closures, 7u);
}

TEST_F(SqliteStoreTest, CommitsOnceForAllThatWaited) {
  options.group_age = std::chrono::hours(1);
  auto store = open();
  std::promise<void> held;
  std::promise<void> free;
  const auto nothing = [](const Status&) {};
  store->submit(
      [&](Transaction&) -> Status {
        held.set_value();
        free.get_future().wait();
        return {};
      },
      nothing);
  held.get_future().wait();
  for (int i = 0; i < 20; ++i) store->submit([](Transaction&) { return Status(); }, nothing);
  std::promise<void> last;
  store->submit([](Transaction&) { return Status(); }, [&](const Status&) { last.set_value(); });
  free.set_value();
  last.get_future().wait();

  EXPECT_EQ(store->stats().largest_group, 21u);
  EXPECT_EQ(store->stats().commits, 2u);
}

TEST_F(SqliteStoreTest, EmptiesItsLogWhileNobodyAsks) {
  options.idle_checkpoint = 1ms;
  options.idle_frames = 1;
  auto store = open();
  write(*store, [](Transaction& t) { return t.settings().put("a", "1"); });

  while (store->stats().checkpoints == 0) std::this_thread::yield();

  sqlite3* raw = nullptr;
  ASSERT_EQ(sqlite3_open_v2(("file:" + options.path + "?immutable=1").c_str(), &raw,
                            SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, nullptr),
            SQLITE_OK);
  int rows = 0;
  const auto count = [](void* seen, int, char**, char**) {
    ++*static_cast<int*>(seen);
    return 0;
  };
  EXPECT_EQ(sqlite3_exec(raw, "SELECT * FROM setting", count, &rows, nullptr), SQLITE_OK);
  sqlite3_close(raw);
  EXPECT_EQ(rows, 1);
}

TEST_F(SqliteStoreTest, KeepsItsLogShort) {
  options.wal_autocheckpoint = 10;
  auto store = open();
  for (int i = 0; i < 300; ++i)
    write(*store, [i](Transaction& t) { return t.settings().put(std::to_string(i), std::string(3000, 'x')); });

  EXPECT_GT(store->stats().checkpoints, 5u);
  EXPECT_LT(store->stats().log_frames, 100);
}

TEST_F(SqliteStoreTest, KeepsOtherProcessesOut) {
  // The other process begins before the store is opened: it must not inherit what SQLite knows of its own locks.
  int go[2];
  ASSERT_EQ(pipe(go), 0);
  const pid_t other = fork();
  if (other == 0) {
    close(go[1]);
    char byte;
    if (::read(go[0], &byte, 1) != 0) _exit(2);
    sqlite3* raw = nullptr;
    sqlite3_open(options.path.c_str(), &raw);
    _exit(sqlite3_exec(raw, "SELECT * FROM setting", nullptr, nullptr, nullptr) == SQLITE_BUSY ? 0 : 1);
  }
  close(go[0]);
  auto store = open();
  write(*store, [](Transaction& t) { return t.settings().put("a", "1"); });

  close(go[1]);
  int status = 0;
  ASSERT_EQ(waitpid(other, &status, 0), other);

  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}

TEST_F(SqliteStoreTest, SaysWhatItCouldNotOpen) {
  options.path = folder.file("no/such/folder/store.db");

  const auto opened = SqliteStore::open(options, clock);

  EXPECT_EQ(outcome(opened), "unavailable");
  EXPECT_NE(opened.error().message.find(options.path), std::string::npos);
}

TEST_F(SqliteStoreTest, LendsItsReadersOneAtATimeAndNotForEver) {
  options.readers = 1;
  options.reader_wait = 1ms;
  auto store = open();

  must(store->read([&](Transaction&) -> Status {
    EXPECT_EQ(outcome(store->read([](Transaction&) { return Status(); })), "busy readers_busy");
    return {};
  }));

  must(store->read([](Transaction&) { return Status(); }));
}

}  // namespace
}  // namespace mayfly
