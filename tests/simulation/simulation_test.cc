// MAYFLY_SEED=N runs that one alone, and tells its story; MAYFLY_SEEDS=N runs so many, from MAYFLY_FIRST_SEED on.
// MAYFLY_MINUTES=N goes on with fresh ones for so long, and adds what came of them to the file MAYFLY_TALLY.

#include <atomic>
#include <fstream>
#include <iostream>

#include <gtest/gtest.h>

#include "simulation/shrink.h"
#include "simulation/threads.h"

namespace mayfly::simulation {
namespace {

constexpr int most_failures = 10;   // of one run; each is shrunk, which takes a second

Plan plan_of(std::uint64_t seed) {
  Plan plan;
  plan.seed = seed;
  plan.faults = from_environment("MAYFLY_FAULTS", plan.faults);
  plan.clients = from_environment("MAYFLY_CLIENTS", plan.clients);
  plan.steps = static_cast<int>(from_environment("MAYFLY_STEPS", static_cast<std::uint64_t>(plan.steps)));
  return plan;
}

std::ostream& operator<<(std::ostream& out, const Tally& tally) {
  const double years = seconds(tally.lived) / (365.25 * 24 * 3600);
  return out << tally.seeds << " seeds, " << tally.events << " events, " << years << " virtual years, "
             << tally.crashes << " crashes, " << tally.promises << " keepalives promised, " << tally.races
             << " of them asked for at the last moment, " << tally.archives << " archives verified, " << tally.erased
             << " workspaces destroyed";
}

/// Runs it and, where it breaks something, the smallest like it. False: it did.
bool holds(const Plan& plan, Tally& tally) {
  World world(plan);
  world.run();
  tally.add(world.tally());
  if (world.violations().empty()) return true;
  ADD_FAILURE() << "seed " << plan.seed << ": " << world.violations().front() << "\nsee it again with "
                << reproduction(shrink(plan));
  return false;
}

/// Each thread takes every n-th seed. What fails does not end it at once: several failures tell more than one.
Tally run_range(std::uint64_t first, std::uint64_t count) {
  const auto threads = jobs();
  std::vector<Tally> tallies(threads);
  std::atomic<int> failed{0};
  on_threads(threads, [&](std::uint64_t job) {
    for (auto seed = first + job; seed < first + count && failed < most_failures; seed += threads)
      if (!holds(plan_of(seed), tallies[job])) ++failed;
  });
  Tally all;
  for (const auto& tally : tallies) all.add(tally);
  return all;
}

TEST(Simulation, NoSeedBreaksAnInvariant) {
  if (std::getenv("MAYFLY_SEED")) {
    World world(plan_of(from_environment("MAYFLY_SEED", 1)));
    world.run();
    for (const auto& violation : world.violations()) ADD_FAILURE() << violation;
    std::cout << world.story();
    return;
  }
  const auto tally = run_range(from_environment("MAYFLY_FIRST_SEED", 1), from_environment("MAYFLY_SEEDS", 2000));
  std::cout << tally << (HasFailure() ? "\n" : ", 0 violations\n");
}

TEST(Simulation, GoesOnWithFreshSeedsForAsLongAsItIsTold) {
  const auto minutes = from_environment("MAYFLY_MINUTES", 0);
  if (minutes == 0) GTEST_SKIP() << "MAYFLY_MINUTES is not set";
  const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(minutes);
  auto seed = static_cast<std::uint64_t>(std::chrono::system_clock::now().time_since_epoch().count());
  Tally tally;
  for (constexpr std::uint64_t batch = 1000; std::chrono::steady_clock::now() < end && !HasFailure(); seed += batch)
    tally.add(run_range(seed, batch));
  std::cout << tally << (HasFailure() ? "\n" : ", 0 violations\n");
  if (const char* file = std::getenv("MAYFLY_TALLY"))
    std::ofstream(file, std::ios::app) << tally.seeds << ' ' << tally.events << ' ' << tally.lived.count() << ' '
                                       << tally.crashes << ' ' << tally.promises << ' ' << tally.races << ' '
                                       << tally.archives << ' ' << tally.erased << ' ' << HasFailure() << '\n';
}

TEST(Simulation, TheSameSeedGivesTheSameTrace) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    World one(plan_of(seed)), two(plan_of(seed));
    one.run();
    two.run();
    EXPECT_EQ(one.trace().hash(), two.trace().hash()) << "seed " << seed;
    EXPECT_EQ(one.trace().length(), two.trace().length()) << "seed " << seed;
  }
}

}  // namespace
}  // namespace mayfly::simulation
