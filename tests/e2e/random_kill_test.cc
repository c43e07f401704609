// Four clients work; after a random number of answers the server is killed as by kill -9 and started again, many times.

#include <atomic>
#include <cstdlib>
#include <map>
#include <random>
#include <thread>

#include "e2e/server.h"
#include "e2e/totals.h"

namespace mayfly::test {
namespace {

constexpr int clients = 4;
constexpr std::size_t most_each = 3;   // sandboxes of one client

int rounds() {
  const char* wish = std::getenv("MAYFLY_KILLS");
  return wish ? std::atoi(wish) : 25;
}

unsigned seed() {
  const char* wish = std::getenv("MAYFLY_SEED");
  return wish ? static_cast<unsigned>(std::strtoul(wish, nullptr, 10)) : std::random_device()();
}

/// What the server has told a client about one sandbox.
struct Told {
  std::string kept_until;     // the latest expires_at answered
  int lines = 0;              // execs answered
  std::string delete_task;
  bool delete_asked = false;
};

class Client {
 public:
  Client(int number, unsigned seed) : number_(number), dice_(seed + static_cast<unsigned>(number)) {}

  /// Works until an answer does not come.
  void work(Api api, std::atomic<int>& answers) {
    while (act(api)) {
      ++answers;
      answers.notify_one();
    }
    ++answers;  // who waits for answers must not wait for a dead server's
    answers.notify_one();
  }

  void check(Server& server) {
    for (auto at = told_.begin(); at != told_.end();) {
      check(server, at->first, at->second);
      at = at->second.delete_asked ? told_.erase(at) : std::next(at);
    }
  }

 private:
  bool act(Api& api) {
    const int face = static_cast<int>(dice_() % 10);
    auto mine = told_.begin();
    if (!told_.empty()) std::advance(mine, static_cast<long>(dice_() % told_.size()));
    if (told_.empty() || (face == 0 && told_.size() < most_each)) return create(api);
    if (mine->second.delete_asked) return told_.erase(mine), true;
    if (face < 5) return exec(api, mine->first, mine->second);
    if (face < 9) return keep(api, mine->first, mine->second);
    return remove(api, mine->first, mine->second);
  }

  bool create(Api& api) {
    const auto made = api.create({{"name", "c" + std::to_string(number_) + "-" + std::to_string(made_++)},
                                  {"lifetime", json::object{{"max_age_seconds", 600}}}});
    if (made.lost()) return false;
    EXPECT_EQ(made.status, 201) << made;
    if (made.fine()) told_[made.string("id")].kept_until = made.string("expires_at");
    return true;
  }

  bool exec(Api& api, const std::string& id, Told& told) {
    const auto ran = api.exec(id, "echo line >> /log");
    if (ran.lost()) return false;
    EXPECT_EQ(ran.status, 200) << ran;
    ++told.lines;
    return true;
  }

  bool keep(Api& api, const std::string& id, Told& told) {
    const auto kept = api.keepalive(id, 1 + dice_() % 100);
    if (kept.lost()) return false;
    EXPECT_EQ(kept.status, 200) << kept;
    told.kept_until = kept.string("expires_at");
    return true;
  }

  bool remove(Api& api, const std::string& id, Told& told) {
    told.delete_asked = true;
    const auto accepted = api.remove(Api::of(id) + "?archive=false");
    if (accepted.lost()) return false;
    EXPECT_EQ(accepted.status, 202) << accepted;
    told.delete_task = accepted.string("cleanup_task_id");
    return true;
  }

  void check(Server& server, const std::string& id, const Told& told) {
    if (!told.delete_task.empty()) {
      EXPECT_TRUE(server.task_completes(told.delete_task)) << id;
      EXPECT_EQ(server.traces_of(id.substr(4)), std::vector<std::string>());
    }
    if (told.delete_asked) return;
    const auto row = server.api().get(Api::of(id));
    EXPECT_EQ(row.string("state"), "running") << row;
    EXPECT_GE(row.string("expires_at"), told.kept_until) << id;
    const auto lines = server.api().output(id, "cat /log 2>/dev/null | wc -l");
    EXPECT_GE(std::atoi(lines.c_str()), told.lines) << id;
  }

  int number_, made_ = 0;
  std::mt19937 dice_;
  std::map<std::string, Told> told_;
};

class RandomKill : public Served {};

TEST_F(RandomKill, BreaksNoPromise) {
  const auto seed = test::seed();
  SCOPED_TRACE("MAYFLY_SEED=" + std::to_string(seed));
  std::mt19937 dice(seed);
  std::vector<Client> all;
  for (int i = 0; i < clients; ++i) all.emplace_back(i, seed);

  long kills = 0, told = 0;
  for (int round = 0; round < rounds() && !HasFailure(); ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    std::atomic<int> answers = 0;
    std::vector<std::thread> threads;
    for (auto& client : all)
      threads.emplace_back([&, api = std::make_shared<Api>(server_.connect())]() mutable {
        client.work(std::move(*api), answers);
      });
    const int enough = 1 + static_cast<int>(dice() % 120);
    for (int now = answers; now < enough; now = answers) answers.wait(now);
    server_.kill_hard();
    for (auto& thread : threads) thread.join();
    ++kills;
    told += answers;

    ASSERT_TRUE(server_.start()) << server_.log();
    EXPECT_TRUE(comes_true([&] { return server_.clean(); }, 2s)) << server_.doctor();
    for (auto& client : all) client.check(server_);
  }
  add_to_totals({{"kills", kills}, {"answers_before_kills", told}, {"kill_failures", HasFailure()}});
}

}  // namespace
}  // namespace mayfly::test
