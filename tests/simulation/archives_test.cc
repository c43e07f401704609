// Archives on a store that lies, tears, flips and forgets, for a server that dies: nothing is destroyed without a
// verified archive or a waiver on record, and what starts from an archive starts on what was archived. The oracle looks
// at each; MAYFLY_ARCHIVE_TRIALS=N has so many workspaces destroyed.

#include <atomic>
#include <iostream>

#include <gtest/gtest.h>

#include "simulation/shrink.h"
#include "simulation/threads.h"

namespace mayfly::simulation {
namespace {

std::uint64_t faults_named(std::initializer_list<std::string_view> names) {
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < fault_kinds.size(); ++i)
    for (const auto name : names) bits |= std::uint64_t{fault_kinds[i].name == name} << i;
  return bits;
}

TEST(ArchiveTrials, NothingIsDestroyedWithoutAVerifiedArchiveOrAWaiver) {
  const std::size_t wanted = from_environment("MAYFLY_ARCHIVE_TRIALS", 1'000);
  const auto faults = faults_named({"unknown_done", "unknown_not_done", "half_done", "crash_in_effect", "blind",
                                    "blob_down", "short_write", "torn_blob", "flipped_bit", "flip_on_read",
                                    "lying_blob", "lying_removal", "commit_full", "crash_before_commit",
                                    "crash_after_commit", "crash", "vanish"});
  const auto threads = jobs();
  std::vector<Tally> tallies(threads);
  std::atomic<std::size_t> erased = 0, violations = 0;
  on_threads(threads, [&](std::uint64_t job) {
    for (auto seed = (std::uint64_t{1} << 40) + 1 + job; erased < wanted && violations == 0; seed += threads) {
      const Plan plan{.seed = seed, .faults = faults};
      World world(plan);
      world.run();
      tallies[job].add(world.tally());
      erased += world.tally().erased;
      violations += world.violations().size();
      if (!world.violations().empty())
        ADD_FAILURE() << world.violations().front() << "\nsee it again with " << reproduction(shrink(plan));
    }
  });
  Tally tally;
  for (const auto& one : tallies) tally.add(one);
  std::cout << tally.erased << " workspaces destroyed in " << tally.seeds << " worlds, " << tally.archives
            << " archives verified, " << tally.crashes << " crashes, " << violations
            << " destroyed without a verified archive or a waiver\n";
}

}  // namespace
}  // namespace mayfly::simulation
