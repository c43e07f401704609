// A delete is killed as by kill -9 at one named place, and its recovery at another. What was acknowledged happens all
// the same, its archive holds what the sandbox held, and nothing is left.

#include <algorithm>
#include <random>
#include <set>
#include <sstream>

#include "e2e/server.h"
#include "e2e/totals.h"

namespace mayfly::test {
namespace {

using Pair = std::pair<std::string, std::string>;

/// The places that a delete comes by; those of the store and the worker at several passes.
std::vector<std::string> places_of_a_delete() {
  std::vector<std::string> all;
  std::istringstream lines(mayfly({"serve", "--list-failpoints"}).out);
  for (std::string line; std::getline(lines, line);)
    for (const auto* part : {"delete_sandbox.", "stop_sandbox.", "archive_sandbox.", "archive.", "destroy_sandbox.",
                             "confirm_sandbox.", "crun.kill.", "crun.release.", "crun.discard.", "crun.erase.",
                             "blob."})
      if (line.starts_with(part)) all.push_back(line);
  for (const auto* place : {"worker.before_record", "worker.after_record", "store.before_commit",
                            "store.after_commit"})
    for (const auto* pass : {":1", ":2", ":3", ":5"}) all.push_back(std::string(place) + pass);
  return all;
}

std::vector<Pair> pairs(std::mt19937_64& dice) {
  const char* wish = std::getenv("MAYFLY_CRASH_PAIRS");   // a number, or "all"
  const auto places = places_of_a_delete();
  std::vector<Pair> all;
  for (const auto& first : places)
    for (const auto& second : places) all.emplace_back(first, second);
  std::shuffle(all.begin(), all.end(), dice);
  if (!wish || std::string(wish) != "all") all.resize(std::min<std::size_t>(all.size(), wish ? std::stoul(wish) : 8));
  return all;
}

class CrashPairs : public ::testing::Test {
 protected:
  void TearDown() override { server_.end(); }

  /// What the sandbox holds, so that its archive can be compared with it.
  void given_sandbox(const std::string& content) {
    content_ = content;
    task_.clear();
    const auto made = server_.api().create();
    ASSERT_EQ(made.status, 201) << made << server_.log();
    id_ = made.string("id");
    ASSERT_EQ(server_.api().exec(id_, "echo " + content + " > /file; rm /etc/passwd").status, 200);
  }
  /// Asks for the delete, if no answer has come so far, and waits for its end or that of the server: false then.
  bool go_on() {
    if (task_.empty()) {
      const auto accepted = server_.api().remove(Api::of(id_));
      if (accepted.lost()) return false;
      // Without an answer the one before may have been accepted, and may be over by now.
      if (accepted.status == 404) return true;
      EXPECT_EQ(accepted.status, 202) << accepted << server_.log();
      task_ = accepted.string("cleanup_task_id");
    }
    Answer seen;
    EXPECT_TRUE(comes_true([&] {
      seen = server_.api().get("/v1/cleanup-tasks/" + task_);
      return seen.lost() || seen.string("status") == "completed";
    })) << server_.api().get("/v1/cleanup-tasks/" + task_ + "/tree");
    return !seen.lost();
  }
  /// True: it died there.
  bool live_with(const std::string& failpoint) {
    const bool ended = server_.start(failpoint) && go_on();
    // The connection ends a moment before the process does.
    const bool died = server_.dies(ended ? 0ms : 5000ms);
    server_.kill_hard();
    return died;
  }
  void check() {
    EXPECT_TRUE(go_on()) << server_.log();
    EXPECT_EQ(server_.api().state(id_), "gone");
    EXPECT_TRUE(comes_true([&] { return server_.clean(); }, 5s)) << server_.doctor();
    EXPECT_EQ(server_.traces_of(id_.substr(4)), std::vector<std::string>());
    const auto archives = server_.api().get("/v1/archives?sandbox=" + id_).items();
    ASSERT_EQ(archives.size(), 1u);
    const auto archive = "/v1/archives/" + std::string(archives.front().at("id").as_string());
    EXPECT_EQ(server_.api().get(archive + "/content?path=/file").text, content_ + "\n");
    EXPECT_EQ(server_.api().post(archive + "/verify").at("verify_error"), json::value());
  }

  Server server_;
  std::string id_, task_, content_;
};

TEST_F(CrashPairs, ADeleteSurvivesADeathInItsRecovery) {
  const char* wish = std::getenv("MAYFLY_SEED");
  const auto seed = wish ? std::strtoul(wish, nullptr, 10) : std::random_device()();
  SCOPED_TRACE("MAYFLY_SEED=" + std::to_string(seed));
  std::mt19937_64 dice(seed);
  long deaths = 0, tried = 0;
  ASSERT_TRUE(server_.start()) << server_.log();

  for (const auto& [first, second] : pairs(dice)) {
    SCOPED_TRACE(first + ", then " + second);
    given_sandbox("text-" + std::to_string(++tried));
    if (HasFailure()) break;
    server_.kill_hard();
    deaths += live_with(first);
    deaths += live_with(second);
    ASSERT_TRUE(server_.start()) << server_.log();
    check();
    if (HasFailure()) break;
  }

  add_to_totals({{"crash_pairs", tried}, {"crash_pair_deaths", deaths}, {"crash_pair_failures", HasFailure()}});
  std::printf("%ld pairs, %ld deaths\n", tried, deaths);
  EXPECT_GE(deaths, tried) << "most places were not reached";
}

}  // namespace
}  // namespace mayfly::test
