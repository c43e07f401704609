// Keepalives at the very instant of the expiry, a delete or kill -9 among them: what was answered holds. Expiry pauses
// here, so that the same sandboxes can race again.

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <random>
#include <thread>

#include "base/time.h"
#include "e2e/server.h"
#include "e2e/totals.h"

namespace mayfly::test {
namespace {

constexpr int sandboxes = 50, racers = 4;
constexpr double extension = 30;   // seconds
constexpr int kill_every = 10;     // rounds

int wished(const char* name, int otherwise) {
  const char* wish = std::getenv(name);
  return wish ? std::atoi(wish) : otherwise;
}

WallTime instant(const std::string& text) { return parse_wall_time(text).value_or(WallTime{}); }

struct Racer {
  std::string id;
  std::string promised = {};   // the expiry that the last keepalive was answered
  bool refused = false;
  bool delete_asked = false;
};

class Races : public Served {
 protected:
  /// Every racer once, by several connections, in an order that is not theirs. Who lost its server stops.
  void each(const std::function<bool(Api&, Racer&)>& act) {
    std::shuffle(all_.begin(), all_.end(), dice_);
    std::atomic<std::size_t> next = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < racers; ++i)
      threads.emplace_back([&, api = std::make_shared<Api>(server_.connect())] {
        for (std::size_t k; (k = next++) < all_.size();)
          if (!act(*api, all_[k])) break;
      });
    for (auto& thread : threads) thread.join();
  }

  void fill() {
    while (all_.size() < sandboxes) {
      const json::object lifetime = {{"max_age_seconds", 60}, {"on_expiry", json::object{{"max_age", "pause"}}}};
      all_.push_back({given_sandbox({{"lifetime", lifetime}})});
    }
  }

  /// All of them end at one instant, which is told.
  WallTime arm() {
    WallTime latest{};
    std::map<std::string, WallTime> ends;
    for (const auto& racer : all_) {
      ends[racer.id] = instant(api().get(Api::of(racer.id)).string("expires_at"));
      latest = std::max(latest, ends[racer.id]);
    }
    const auto end = latest + 1s;
    each([&](Api& api, Racer& racer) {
      const auto armed = api.keepalive(racer.id, std::chrono::duration<double>(end - ends.at(racer.id)).count());
      EXPECT_LE(std::chrono::abs(instant(armed.string("expires_at")) - end), 1ms) << armed;
      racer = {racer.id};
      return true;
    });
    return end;
  }

  double now_after(double seconds) {
    const auto moved = api().post("/test/clock", json::object{{"advance_seconds", seconds}});
    return moved.fine() ? static_cast<double>(instant(moved.string("now")).time_since_epoch().count()) / 1e6 : 0;
  }

  void race(WallTime end, int dying_answer) {
    const auto goal = static_cast<double>(end.time_since_epoch().count()) / 1e6;
    const double lead = std::uniform_real_distribution(0.0, 1.2)(dice_) * took_;
    now_after(std::max(0.0, goal - now_after(0) - lead));
    const auto victim = dice_() % all_.size();
    const auto doomed = all_[victim].id;
    std::atomic<int> answers = 0;
    const auto began = std::chrono::steady_clock::now();
    each([&](Api& api, Racer& racer) {
      const auto kept = api.keepalive(racer.id, extension);
      if (kept.lost()) return false;
      if (kept.status == 200) racer.promised = kept.string("expires_at");
      else if ((racer.refused = kept.status == 409), !racer.refused) ADD_FAILURE() << kept;
      if (racer.id == doomed) {
        racer.delete_asked = true;
        const auto accepted = api.remove(Api::of(racer.id) + "?archive=false");
        if (accepted.lost()) return false;
        EXPECT_EQ(accepted.status, 202) << accepted;
      }
      if (++answers == dying_answer) ::kill(server_.pid(), SIGKILL);
      return true;
    });
    if (dying_answer == 0) took_ = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  }

  /// Clients could not renew while the server was down, so that who was refused before may get a grace after.
  void check(Api& api, const Racer& racer, WallTime end, bool died) {
    const auto is = [&](const char* state) { return api.state(racer.id) == state; };
    if (racer.delete_asked) {
      EXPECT_TRUE(comes_true([&] { return is("gone") || is("running") || is("paused"); }));
    } else if (!racer.promised.empty()) {
      const auto row = api.get(Api::of(racer.id));
      const auto end_now = instant(row.string("expires_at"));
      const bool kept = row.string("state") == "running" && end_now >= instant(racer.promised);
      broken_ += kept ? 0 : 1;
      EXPECT_TRUE(kept) << "promised until " << racer.promised << ": " << row;
      EXPECT_GE(instant(racer.promised), end + 30s - 1ms);
    } else if (racer.refused && !died) {
      EXPECT_TRUE(comes_true([&] { return is("paused"); })) << api.get(Api::of(racer.id));
    }
  }

  /// Those that can race again. Where the server died, a delete may never have arrived, and an expiry may come later.
  void revive() {
    each([&](Api& api, Racer& racer) {
      comes_true([&] { return api.state(racer.id) != "pausing"; });
      const auto state = api.state(racer.id);
      if (state == "paused") { EXPECT_EQ(api.post(Api::of(racer.id, "resume")).status, 200); }
      if (state == "deleting") comes_true([&] { return api.state(racer.id) == "gone"; });
      return true;
    });
    std::erase_if(all_, [&](const Racer& racer) { return api().state(racer.id) == "gone"; });
  }

  std::mt19937 dice_;
  std::vector<Racer> all_;
  std::atomic<int> broken_ = 0;
  double took_ = 0.02;   // seconds for the last round of keepalives: the instant is to fall among the next ones
};

TEST_F(Races, OfKeepaliveAndExpiryBreakNoPromise) {
  const auto seed = static_cast<unsigned>(wished("MAYFLY_SEED", static_cast<int>(std::random_device()() >> 1)));
  SCOPED_TRACE("MAYFLY_SEED=" + std::to_string(seed));
  dice_.seed(seed);
  const int wanted = wished("MAYFLY_REAL_RACES", 1000);
  int raced = 0, kept = 0, expired = 0, deleted = 0, deaths = 0;
  for (int round = 1; raced < wanted && !HasFailure(); ++round) {
    fill();
    const auto end = arm();
    const bool dies = round % kill_every == 0;
    race(end, dies ? 1 + static_cast<int>(dice_() % sandboxes) : 0);
    if (dies) {
      deaths += server_.dies(5s) ? 1 : 0;
      ASSERT_TRUE(server_.start()) << server_.log();
    }
    now_after(0.1);   // past the instant, and well before what was promised
    each([&](Api& api, Racer& racer) { return check(api, racer, end, dies), true; });
    for (const auto& racer : all_) {
      raced += !racer.promised.empty() || racer.refused;
      kept += !racer.promised.empty();
      expired += racer.refused;
      deleted += racer.delete_asked;
    }
    revive();
  }
  std::printf("%d races of keepalive and expiry, %d with a delete, %d deaths of the server: %d kept, %d expired, %d "
              "promises broken\n", raced, deleted, deaths, kept, expired, broken_.load());
  add_to_totals({{"races", raced}, {"races_kept", kept}, {"races_expired", expired}, {"races_with_a_delete", deleted},
                 {"deaths_in_races", deaths}, {"promises_broken", broken_.load()}});
  EXPECT_GT(kept, wanted / 20) << "the instant was never before";
  EXPECT_GT(expired, wanted / 20) << "the instant was never after";
}

}  // namespace
}  // namespace mayfly::test
