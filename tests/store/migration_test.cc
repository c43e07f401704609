#include "store/given.h"
#include "store/sql/migration.h"
#include "store/sqlite/store.h"

namespace mayfly {
namespace {

class Migrations : public ::testing::Test {
 protected:
  Migrations() { options.path = folder.file("store.db"); }
  std::unique_ptr<SqliteDatabase> database() { return must(SqliteDatabase::open({.path = options.path})); }
  static std::string versions(sql::Database& database) {
    std::string text;
    must(database.query("SELECT version FROM schema_version ORDER BY version", {},
                        [&](sql::Row& row) { text += std::to_string(row.integer()) + " "; }));
    return text;
  }
  const std::vector<sql::Migration> one = {{1, "CREATE TABLE a (x BIGINT NOT NULL PRIMARY KEY) {clustered};"}};
  const std::vector<sql::Migration> two = {one[0], {2, "ALTER TABLE a ADD COLUMN y TEXT; UPDATE a SET y = 'new';"}};
  const std::vector<sql::Migration> broken = {
      one[0], two[1], {3, "CREATE TABLE b (x BIGINT); CREATE TABLE a (x BIGINT);"}};

  ManualClock clock;
  TemporaryFolder folder;
  SqliteOptions options;
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
  must(SqliteStore::open(options, clock)).reset();
  must(database()->exec("INSERT INTO schema_version (version, applied_at) VALUES ($1, $2)", {999, 0}));

  EXPECT_EQ(outcome(SqliteStore::open(options, clock)), "unsupported schema_too_new");
}

TEST_F(Migrations, HaveVersionsThatGrow) {
  int last = 0;
  for (const auto& step : sql::migrations()) {
    EXPECT_GT(step.version, last);
    last = step.version;
  }
}

/// What SQLite would do for the statements that run all the time, as the tables write them.
struct Planned {
  std::string statement;
  std::string index;
};

std::vector<Planned> statements_that_need_an_index() {
  const std::string sandboxes = "SELECT * FROM resource r JOIN sandbox s ON s.id = r.id JOIN lifetime l ON l.id = r.id";
  const std::string working = "SELECT * FROM sandbox s JOIN resource r ON r.id = s.id JOIN lifetime l ON l.id = s.id";
  const std::string tasks = "SELECT * FROM cleanup_task";
  const std::string due = " AND next_attempt_at <= 5 ORDER BY next_attempt_at, id LIMIT 5";
  return {
      {tasks + " WHERE queue = 'fast' AND workspace = 'w' AND kind = 'sandbox' AND priority = 2" + due,
       "cleanup_task_dispatch"},
      {"SELECT workspace, kind FROM cleanup_task WHERE queue = 'fast' AND (workspace, kind) > ('w', 'sandbox')"
       " ORDER BY workspace, kind LIMIT 1",
       "cleanup_task_dispatch (queue=? AND (workspace,kind)>(?,?))"},
      {"SELECT next_attempt_at FROM cleanup_task WHERE queue = 'fast' AND next_attempt_at > 5 ORDER BY next_attempt_at"
       " LIMIT 1",
       "cleanup_task_queue (queue=? AND next_attempt_at>?)"},
      {"SELECT workspace, verb FROM cleanup_task WHERE claim <> 0", "COVERING INDEX cleanup_task_claimed"},
      {"SELECT stage FROM cleanup_task WHERE parent = 'p' AND parent <> '' AND status <> 'completed' AND"
       " status_order = 3 ORDER BY stage LIMIT 1",
       "cleanup_task_open_children (parent=? AND status_order=?)"},
      {tasks + " WHERE parent = 'p' AND parent <> '' AND status <> 'completed' AND status_order = 0 AND stage = 4"
               " ORDER BY id LIMIT 5",
       "cleanup_task_open_children (parent=? AND status_order=? AND stage=?)"},
      {"SELECT id FROM cleanup_task WHERE LENGTH(parent) = 0 AND status = 'completed' AND completed_at < 5"
       " ORDER BY completed_at, id LIMIT 5",
       "cleanup_task_purge"},
      {tasks + " WHERE root = 'r' ORDER BY id DESC LIMIT 5", "cleanup_task_tree"},
      {tasks + " WHERE claim <> 0 AND claim <> 7", "cleanup_task_claimed"},
      {tasks + " WHERE root = 'r' ORDER BY id", "cleanup_task_tree"},
      {tasks + " WHERE 1 = 1 AND workspace = 'w' AND id < 'z' ORDER BY id DESC LIMIT 5", "cleanup_task_by_workspace"},
      {tasks + " WHERE 1 = 1 AND resource = 'r' AND id < 'z' ORDER BY id DESC LIMIT 5", "cleanup_task_by_resource"},
      {"SELECT verb, status, COUNT(*), MIN(created_at) FROM cleanup_task WHERE resource_level = 1"
       " AND status <> 'completed' GROUP BY status, verb",
       "cleanup_task_open"},
      {working + " WHERE s.queue = 'fast' AND s.next_attempt_at <= 5 ORDER BY s.next_attempt_at, s.id LIMIT 5",
       "sandbox_queue"},
      {working + " WHERE s.claim <> 0 AND s.claim <> 7", "sandbox_claimed"},
      {sandboxes + " WHERE r.workspace = 'w' AND r.kind = 'sandbox' AND r.gone = 0 AND r.id < 'z' ORDER BY r.id DESC",
       "resource_live_by_workspace"},
      {sandboxes + " WHERE r.workspace = 'w' AND r.kind = 'sandbox' AND r.gone = 1 AND r.id < 'z' ORDER BY r.id DESC",
       "resource_gone_by_workspace"},
      {sandboxes + " WHERE r.kind = 'sandbox' AND r.gone = 0 AND r.id > 'a' ORDER BY r.id LIMIT 5", "resource_live "},
      {sandboxes + " WHERE r.workspace = 'w' AND r.kind = 'sandbox' AND r.held_name = 'n'", "resource_held_name"},
      {sandboxes + " WHERE r.workspace = 'w' AND r.kind = 'sandbox' AND r.name = 'n' AND r.held_name IS NULL"
                   " ORDER BY r.id DESC LIMIT 1",
       "resource_released_name"},
      {"SELECT 1 FROM resource r CROSS JOIN sandbox s WHERE r.kind = 'sandbox' AND r.gone = 0 AND s.id = r.id"
       " AND s.image_digest = 'd' LIMIT 1",
       "resource_live "},
      {"SELECT 1 FROM sandbox s JOIN resource r ON r.id = s.id WHERE s.restore_from = 'a' AND s.restore_from <> ''"
       " AND s.started_at IS NULL AND r.state NOT IN ('deleting', 'gone') LIMIT 1",
       "sandbox_unrestored"},
      {"SELECT * FROM lifetime l WHERE l.wake_at <= 5 ORDER BY l.wake_at, l.id LIMIT 5", "lifetime_wake"},
      {"SELECT wake_at FROM lifetime WHERE wake_at > 5 ORDER BY wake_at LIMIT 1", "lifetime_wake"},
      {"SELECT * FROM event WHERE 1 = 1 AND subject = 's' AND id < 'z' ORDER BY id DESC LIMIT 5", "event_by_subject"},
  };
}

TEST_F(Migrations, HaveAnIndexForWhatRunsAllTheTime) {
  must(SqliteStore::open(options, clock)).reset();
  auto db = database();
  for (const auto& [statement, index] : statements_that_need_an_index()) {
    std::string plan;
    must(db->query("EXPLAIN QUERY PLAN " + statement, {}, [&](sql::Row& row) {
      for (int i = 0; i < 3; ++i) row.integer();
      plan += row.text() + "; ";
    }));
    EXPECT_NE(plan.find(index), std::string::npos) << statement << "\n" << plan;
    EXPECT_EQ(plan.find("TEMP B-TREE FOR"), std::string::npos) << statement << "\n" << plan;
  }
}

}  // namespace
}  // namespace mayfly
