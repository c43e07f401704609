#include <csignal>
#include <set>
#include <thread>

#include <sys/wait.h>
#include <unistd.h>

#include <sqlite3.h>

#include "store/given.h"
#include "store/sql/migration.h"
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
  auto store = open();
  write(*store, [](Transaction& t) { return t.settings().put("a", "1"); });

  while (store->stats().checkpoints == 0) std::this_thread::yield();

  sqlite3* raw = nullptr;
  ASSERT_EQ(sqlite3_open_v2(("file:" + options.path + "?immutable=1").c_str(), &raw,
                            SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, nullptr),
            SQLITE_OK);
  int rows = 0;
  EXPECT_EQ(sqlite3_exec(raw, "SELECT * FROM setting", [](void* count, int, char**, char**) { return ++*static_cast<int*>(count), 0; }, &rows, nullptr), SQLITE_OK);
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

class Migrations : public SqliteStoreTest {
 protected:
  std::unique_ptr<SqliteDatabase> database() { return must(SqliteDatabase::open({.path = options.path})); }
  static std::string versions(sql::Database& database) {
    std::string text;
    must(database.query("SELECT version FROM schema_version ORDER BY version", {},
                        [&](sql::Row& row) { text += std::to_string(row.integer()) + " "; }));
    return text;
  }
  const std::vector<sql::Migration> one = {{1, "CREATE TABLE a (x BIGINT NOT NULL PRIMARY KEY) {clustered};"}};
  const std::vector<sql::Migration> two = {one[0], {2, "ALTER TABLE a ADD COLUMN y TEXT; UPDATE a SET y = 'new';"}};
  const std::vector<sql::Migration> broken = {one[0], two[1], {3, "CREATE TABLE b (x BIGINT); CREATE TABLE a (x BIGINT);"}};
};

TEST_F(Migrations, GoFromTheVersionThatIsThereToTheLast) {
  auto db = database();
  must(sql::migrate(*db, one, at(1)));
  must(db->exec("INSERT INTO a (x) VALUES ($1)", {5}));

  must(sql::migrate(*db, two, at(2)));
  must(sql::migrate(*db, two, at(3)));

  EXPECT_EQ(versions(*db), "1 2 ");
  EXPECT_EQ(must(db->first("SELECT y FROM a", {}, [](sql::Row& row) { return row.text(); })), "new");
}

TEST_F(Migrations, LeaveNothingOfAStepThatFails) {
  auto db = database();

  EXPECT_NE(sql::migrate(*db, broken, at(1)).error().message.find("schema version 3"), std::string::npos);

  EXPECT_EQ(versions(*db), "1 2 ");
  EXPECT_TRUE(db->autocommit());
  EXPECT_FALSE(must(db->any("SELECT 1 FROM sqlite_schema WHERE name = 'b'", {})));
}

TEST_F(Migrations, RefuseANewerSchemaAndSayWhatToDo) {
  must(sql::migrate(*database(), two, at(1)));

  const auto refused = sql::migrate(*database(), one, at(1));

  EXPECT_EQ(outcome(refused), "unsupported schema_too_new");
  EXPECT_NE(refused.error().message.find("schema version 2"), std::string::npos);
  EXPECT_NE(refused.error().message.find("up to 1"), std::string::npos);
}

TEST_F(Migrations, RefuseToOpenAStoreOfTheFuture) {
  open();
  must(database()->exec("INSERT INTO schema_version (version, applied_at) VALUES ($1, $2)", {999, 0}));

  EXPECT_EQ(outcome(SqliteStore::open(options, clock)), "unsupported schema_too_new");
}

TEST_F(Migrations, HaveVersionsThatGrowByOne) {
  int expected = 1;
  for (const auto& step : sql::migrations()) EXPECT_EQ(step.version, expected++);
}

/// What SQLite says it would do for a statement.
class Plans : public SqliteStoreTest {};

TEST_F(Plans, UseAnIndexForWhatRunsAllTheTime) {
  open();
  auto db = must(SqliteDatabase::open({.path = options.path}));
  const std::pair<const char*, const char*> rows[] = {
      {"SELECT id FROM cleanup_task WHERE queue = 'fast' AND next_attempt_at <= 5 ORDER BY next_attempt_at, id", "cleanup_task_queue"},
      {"SELECT id FROM cleanup_task WHERE claim <> 0 AND claim <> 7", "cleanup_task_claimed"},
      {"SELECT * FROM cleanup_task WHERE parent = 'p' AND parent <> '' ORDER BY stage, id", "cleanup_task_children"},
      {"SELECT * FROM cleanup_task WHERE workspace = 'w' AND id < 'z' ORDER BY id DESC", "cleanup_task_by_workspace"},
      {"SELECT status, COUNT(*) FROM cleanup_task WHERE resource_level = 1 GROUP BY status", "cleanup_task_by_status"},
      {"SELECT id FROM sandbox WHERE queue = 'fast' AND next_attempt_at <= 5 ORDER BY next_attempt_at, id", "sandbox_queue"},
      {"SELECT * FROM lifetime WHERE wake_at <= 5 ORDER BY wake_at, id", "lifetime_wake"},
      {"SELECT wake_at FROM lifetime WHERE wake_at > 5 ORDER BY wake_at LIMIT 1", "lifetime_wake"},
      {"SELECT * FROM resource r WHERE r.workspace = 'w' AND r.kind = 'sandbox' AND r.state <> 'gone' ORDER BY r.id DESC", "resource_live_by_workspace"},
      {"SELECT * FROM resource r JOIN sandbox s ON s.id = r.id JOIN lifetime l ON l.id = r.id WHERE r.workspace = 'w' AND r.kind = 'sandbox' AND r.state <> 'gone' AND r.id < 'z' ORDER BY r.id DESC LIMIT 5", "resource_live_by_workspace"},
      {"SELECT * FROM resource r JOIN sandbox s ON s.id = r.id JOIN lifetime l ON l.id = r.id WHERE r.workspace = 'w' AND r.kind = 'sandbox' AND r.state = 'gone' AND r.id < 'z' ORDER BY r.id DESC LIMIT 5", "resource_gone_by_workspace"},
      {"SELECT * FROM sandbox s JOIN resource r ON r.id = s.id JOIN lifetime l ON l.id = s.id WHERE s.queue = 'fast' AND s.next_attempt_at <= 5 ORDER BY s.next_attempt_at, s.id LIMIT 5", "sandbox_queue"},
      {"SELECT * FROM resource r JOIN sandbox s ON s.id = r.id JOIN lifetime l ON l.id = r.id WHERE r.kind = 'sandbox' AND r.state <> 'gone' AND r.id > 'a' ORDER BY r.id LIMIT 5", "resource_live "},
      {"SELECT 1 FROM resource r CROSS JOIN sandbox s WHERE r.kind = 'sandbox' AND r.state <> 'gone' AND s.id = r.id AND s.image_digest = 'd' LIMIT 1", "resource_live "},
      {"SELECT 1 FROM sandbox s JOIN resource r ON r.id = s.id WHERE s.restore_from = 'a' AND s.restore_from <> '' AND s.started_at IS NULL AND r.state NOT IN ('deleting', 'gone') LIMIT 1", "sandbox_unrestored"},
      {"SELECT state, COUNT(*) FROM resource WHERE kind = 'sandbox' AND state <> 'gone' GROUP BY state", "COVERING INDEX resource_live "},
      {"SELECT 1 FROM resource WHERE workspace = 'w' AND kind = 'sandbox' AND held_name = 'n'", "resource_held_name"},
  };
  for (const auto& [text, index] : rows) {
    std::string plan;
    must(db->query("EXPLAIN QUERY PLAN " + std::string(text), {}, [&](sql::Row& row) {
      for (int i = 0; i < 3; ++i) row.integer();
      plan += row.text() + "; ";
    }));
    EXPECT_NE(plan.find(index), std::string::npos) << text << "\n" << plan;
    EXPECT_EQ(plan.find("TEMP B-TREE FOR ORDER BY"), std::string::npos) << text << "\n" << plan;
  }
}

}  // namespace
}  // namespace mayfly
