// Archives on a store that lies, tears, flips and forgets, for a server that dies: nothing is destroyed without a
// verified archive or a waiver on record, and what starts from an archive starts on what was archived. The oracle looks
// at each; MAYFLY_ARCHIVE_TRIALS=N has so many workspaces destroyed.

#include <cstdlib>
#include <iostream>

#include <gtest/gtest.h>

#include "simulation/shrink.h"

namespace mayfly::simulation {
namespace {

std::uint64_t faults_named(std::initializer_list<std::string_view> names) {
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < fault_kinds.size(); ++i)
    for (const auto name : names) bits |= std::uint64_t{fault_kinds[i].name == name} << i;
  return bits;
}

TEST(ArchiveTrials, NothingIsDestroyedWithoutAVerifiedArchiveOrAWaiver) {
  const char* text = std::getenv("MAYFLY_ARCHIVE_TRIALS");
  const std::size_t wanted = text ? std::strtoull(text, nullptr, 10) : 1'000;
  Plan plan;
  plan.seed = std::uint64_t{1} << 40;
  plan.faults = faults_named({"unknown_done", "unknown_not_done", "half_done", "crash_in_effect", "blind", "blob_down",
                              "short_write", "torn_blob", "flipped_bit", "flip_on_read", "lying_blob", "lying_removal",
                              "commit_full", "crash_before_commit", "crash_after_commit", "crash", "vanish"});
  Tally tally;
  std::size_t violations = 0;
  while (tally.erased < wanted && violations == 0) {
    ++plan.seed;
    World world(plan);
    world.run();
    tally.add(world.tally());
    violations += world.violations().size();
    if (violations > 0)
      ADD_FAILURE() << world.violations().front() << "\nsee it again with " << reproduction(shrink(plan));
  }
  std::cout << tally.erased << " workspaces destroyed in " << tally.seeds << " worlds, " << tally.archives
            << " archives verified, " << tally.crashes << " crashes, " << violations
            << " destroyed without a verified archive or a waiver\n";
}

}  // namespace
}  // namespace mayfly::simulation
