// One delete of ten thousand children, a tenth of which fail, in a process that is killed ten times: the real engine
// over the real database, with effects that do nothing but take a moment.

#include <csignal>
#include <cstdio>
#include <filesystem>

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/cleanup_tree.h"
#include "store/sqlite/store.h"
#include "support/given.h"

namespace mayfly {
namespace {

constexpr int children = 10'000, kills = 10;
constexpr std::size_t planted_at_once = 512;

std::string numbered(std::string_view prefix, int number) {
  const auto digits = std::to_string(number);
  return std::string(prefix) + std::string(32 - digits.size(), '0') + digits;
}

const TaskId root_id{numbered("clt_", 1)}, last_id{numbered("clt_", children + 2)};

/// Every tenth fails until somebody has mended it.
struct Moments : Effects {
  bool mended = false;
  Result<Commit> perform(const Task& task) override {
    ::usleep(20);
    if (!mended && task.id != last_id && task.id.text.back() == '7')
      return fail(Code::internal, "cannot remove it", "broken");
    return Commit([](Transaction&) { return Status(); });
  }
  Commit record_only(const Task&) const override { return {}; }
};

/// One life of a server over that file.
struct Life {
  explicit Life(const std::string& file)
      : store(must(SqliteStore::open({.path = file}, world.clock))),
        installation(must(open_installation(*store, world.chance, "", "", world.clock_start()))),
        worker(*store, effects, world->transitions, dispatcher, locks, world.chance, world.clock, installation) {}
  void work() { must(worker.run_once(Lane::fast)); }

  World world;
  Moments effects;
  std::unique_ptr<SqliteStore> store;
  Installation installation;
  UidLocks locks;
  Dispatcher dispatcher{{}, world.chance};
  Worker worker;
};

Task node(int number, const TaskId& parent, int stage, Phase phase, Verb verb, Time now) {
  Task task;
  task.id = {numbered("clt_", number)};
  task.root = root_id;
  task.parent = parent;
  task.stage = stage;
  task.verb = verb;
  task.phase = phase;
  task.resource = {numbered("vol_", number)};
  task.workspace = {"wsp_big"};
  task.created_at = now;
  if (phase == Phase::ready) task.work.next_attempt_at = now;
  return task;
}

/// The root, its children, and a last step that waits for all of them.
void plant(Store& store) {
  for (int next = 1; next <= children + 2;) {
    must(store.write([&, from = next](Transaction& t) -> Status {
      next = from;
      for (std::size_t i = 0; i < planted_at_once && next <= children + 2; ++i, ++next) {
        const auto what = next == 1 ? node(next, {}, 0, Phase::children, Verb::delete_volume, t.now())
                          : next == children + 2
                              ? node(next, root_id, 2, Phase::waiting, Verb::confirm_volume, t.now())
                              : node(next, root_id, 1, Phase::ready, Verb::destroy_volume, t.now());
        TRY(t.tasks().insert(what));
      }
      return {};
    }));
  }
}

/// A second look at the same file: what a trigger wrote down of each end, in the order of the commits.
class Ends {
 public:
  explicit Ends(const std::string& file) {
    EXPECT_EQ(sqlite3_open(file.c_str(), &database_), SQLITE_OK);
    sqlite3_busy_timeout(database_, 10'000);
  }
  ~Ends() { sqlite3_close(database_); }
  void watch() {
    run("CREATE TABLE ends (n INTEGER PRIMARY KEY, task TEXT, status TEXT);"
        "CREATE TRIGGER ended AFTER UPDATE OF status ON cleanup_task WHEN NEW.status IN ('completed', 'failed')"
        " AND OLD.status <> NEW.status BEGIN INSERT INTO ends (task, status) VALUES (NEW.id, NEW.status); END;");
  }
  int count(const std::string& sql) {
    int number = -1;
    const auto take = [](void* into, int, char** values, char**) {
      *static_cast<int*>(into) = values[0] ? std::atoi(values[0]) : 0;
      return 0;
    };
    EXPECT_EQ(sqlite3_exec(database_, sql.c_str(), take, &number, nullptr), SQLITE_OK) << sqlite3_errmsg(database_);
    return number;
  }

 private:
  void run(const std::string& sql) {
    EXPECT_EQ(sqlite3_exec(database_, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(database_);
  }
  sqlite3* database_ = nullptr;
};

/// Works until the parent kills it; tells that it has begun.
[[noreturn]] void live_until_killed(const std::string& file, int told) {
  Life life(file);
  (void)!::write(told, "x", 1);
  life.work();
  for (;;) ::pause();
}

class BigTree : public ::testing::Test {
 protected:
  BigTree() {
    char name[] = "/tmp/mayfly-tree-XXXXXX";
    folder_ = ::mkdtemp(name);
    file_ = folder_ + "/store.db";
  }
  ~BigTree() override { std::filesystem::remove_all(folder_); }

  void kill_one_life(int microseconds) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const auto pid = ::fork();
    if (pid == 0) live_until_killed(file_, ends[1]);
    char begun = 0;
    ASSERT_EQ(::read(ends[0], &begun, 1), 1);
    ::usleep(static_cast<useconds_t>(microseconds));
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    ::close(ends[0]);
    ::close(ends[1]);
  }

  std::string folder_, file_;
};

TEST_F(BigTree, EndsOnceForEveryChildThoughItIsKilledTenTimesAndATenthFails) {
  { plant(*Life(file_).store); }
  { Ends(file_).watch(); }
  int deaths_at_work = 0;
  for (int i = 0; i < kills; ++i) {
    kill_one_life(10'000 + 3'000 * i);
    Ends ends(file_);
    deaths_at_work += ends.count("SELECT COUNT(*) FROM cleanup_task WHERE status IN ('pending', 'in_progress')") > 3;
  }
  EXPECT_GE(deaths_at_work, 3) << "most of the deaths should come while there is work";

  {
    Life life(file_);
    life.work();
  }
  Ends ends(file_);
  EXPECT_EQ(ends.count("SELECT COUNT(*) FROM (SELECT task FROM ends GROUP BY task HAVING COUNT(*) > 1)"), 0)
      << "every child ends once";
  EXPECT_EQ(ends.count("SELECT COUNT(*) FROM ends WHERE status = 'completed'"), children - children / 10);
  EXPECT_EQ(ends.count("SELECT COUNT(*) FROM ends WHERE status = 'failed'"), children / 10 + 1);
  EXPECT_EQ(ends.count("SELECT n FROM ends WHERE task = '" + root_id.text + "'"),
            ends.count("SELECT MAX(n) FROM ends"))
      << "the root fails when nothing of it can go on, and not before";
  const auto last = "SELECT COUNT(*) FROM cleanup_task WHERE id = '" + last_id.text + "' AND phase = 'waiting'";
  EXPECT_EQ(ends.count(last), 1);

  Life life(file_);
  life.effects.mended = true;
  must(life.store->write([&](Transaction& t) -> Status {
    return cleanup_tree::retry(t, TRY(t.tasks().get(root_id)));
  }));
  life.work();

  EXPECT_EQ(ends.count("SELECT COUNT(*) FROM cleanup_task WHERE status <> 'completed'"), 0);
  EXPECT_EQ(ends.count("SELECT COUNT(*) FROM ends WHERE status = 'completed'"), children + 2) << "each of them once";
  EXPECT_EQ(ends.count("SELECT n FROM ends WHERE task = '" + root_id.text + "' AND status = 'completed'"),
            ends.count("SELECT MAX(n) FROM ends"));
  EXPECT_EQ(ends.count("SELECT n FROM ends WHERE task = '" + last_id.text + "'") + 1,
            ends.count("SELECT MAX(n) FROM ends"))
      << "the last step, and then the root";
}

}  // namespace
}  // namespace mayfly
