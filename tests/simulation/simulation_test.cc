#include <cstdlib>
#include <iostream>

#include <gtest/gtest.h>

#include "simulation/world.h"

namespace mayfly::simulation {
namespace {

constexpr int steps_of_a_seed = 150;

std::uint64_t number_from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

/// MAYFLY_SEED=N runs that one alone; MAYFLY_SEEDS=N runs so many.
TEST(Simulation, NoSeedBreaksAnInvariant) {
  const auto first = number_from_environment("MAYFLY_SEED", 1);
  const auto count = std::getenv("MAYFLY_SEED") ? 1 : number_from_environment("MAYFLY_SEEDS", 2000);
  std::size_t events = 0;
  int crashes = 0;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    World world(seed);
    world.run(steps_of_a_seed);
    for (const auto& violation : world.violations()) ADD_FAILURE() << "seed " << seed << ": " << violation;
    events += world.trace().length();
    crashes += world.crashes();
    if (HasFailure() && count == 1) std::cout << world.story();
    ASSERT_FALSE(HasFailure()) << "see it again with MAYFLY_SEED=" << seed;
  }
  std::cout << count << " seeds, " << events << " events, " << crashes << " crashes, 0 violations\n";
}

TEST(Simulation, TheSameSeedGivesTheSameTrace) {
  for (const std::uint64_t seed : {1, 7, 99}) {
    World one(seed), two(seed);
    one.run(steps_of_a_seed);
    two.run(steps_of_a_seed);
    EXPECT_EQ(one.trace().hash(), two.trace().hash()) << "seed " << seed;
    EXPECT_EQ(one.trace().length(), two.trace().length()) << "seed " << seed;
  }
}

}  // namespace
}  // namespace mayfly::simulation
