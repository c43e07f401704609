// What the simulation has found once, by the plan that found it. A change of the world draws other stories from these
// seeds; they stay, because they cost milliseconds.

#include <gtest/gtest.h>

#include "simulation/shrink.h"

namespace mayfly::simulation {
namespace {

TEST(Seeds, WhatWasFoundOnceStaysMended) {
  const struct {
    Plan plan;
    std::string_view found;
  } table[] = {
      {{.seed = 9}, "C1: files of an image that were brought in again by a call without a record kept its delete "
                    "waiting for ever"},
      {{.seed = 76}, "C1: a volume that could not be made, and whose give-up was refused, held its name until a "
                     "restart"},
      {{.seed = 191}, "C1: after a suspend and a reboot with a wall clock that was behind, the service clock went back "
                      "by hours and retries waited for them"},
      {{.seed = 296}, "C1: the same, when the start that had written the new time died before its first second"},
      {{.seed = 192}, "C1: the same, for a retry that was the last thing written: nothing on record was as young"},
      {{.seed = 1099511628030, .faults = 0x41750c, .clients = 0x59feff, .steps = 390},
       "C7: an archive was forgotten with its manifest still there, which a store had said to be removed"},
      {{.seed = 95}, "C1: a result that was kept and recorded by the other lane's worker woke nobody for its next try"},
      {{.seed = 51}, "D2: a wall clock that was set and set back while absolute deadlines were moved left one behind"},
      {{.seed = 1099511628932, .faults = 0x4400320, .clients = 0x513a2b, .steps = 93},
       "C1: a container that came up after the step that stopped it kept its delete waiting for ever"},
  };
  for (const auto& row : table) {
    const auto violations = violations_of(row.plan);
    EXPECT_TRUE(violations.empty()) << "seed " << row.plan.seed << ", which once found: " << row.found << "\n"
                                    << (violations.empty() ? "" : violations.front());
  }
}

}  // namespace
}  // namespace mayfly::simulation
