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
      {{.seed = 4387}, "D2: the first life after a boot died in its first second, and with it went the only record of "
                       "its clock: the next one asked a wall clock that had been set back by years"},
      {{.seed = 3331, .faults = 0x82f6402c4, .clients = 0x5fbfff, .steps = 393},
       "D1, of the oracle: a lifetime set and a start in one commit, and a retention was taken for a promise"},
      {{.seed = 3266, .faults = 0xde240453, .clients = 0x4fff7f, .steps = 393},
       "D2: a pause that came a second too early was written for a second later, by a clock that a reboot took back"},
      {{.seed = 15506, .faults = 0x47dc405d4, .clients = 0x2fc267, .steps = 150},
       "D2, of the world: the first transactions of a start still went by the clock of the life before"},
      {{.seed = 12827, .faults = 0xbb3d8069f, .clients = 0x571bdd, .steps = 382},
       "D2, of the oracle: a wall clock that was set and set back within one pass, which comes again for it"},
      {{.seed = 15942, .faults = 0xc3be0025a, .clients = 0x7f2fff, .steps = 346}, "D2, of the oracle: the same"},
      {{.seed = 16539, .faults = 0x81ce4026f, .clients = 0x6f3fff, .steps = 393},
       "D1: use within the grace after a downtime began an idle time that ended before that grace"},
      {{.seed = 531, .faults = 0x1aec07de, .clients = 0x54cbff, .steps = 282},
       "D2: a reboot took the clock back by the seconds that its record lagged, and what had been put off by one "
       "second waited for all of them"},
  };
  for (const auto& row : table) {
    const auto violations = violations_of(row.plan);
    EXPECT_TRUE(violations.empty()) << "seed " << row.plan.seed << ", which once found: " << row.found << "\n"
                                    << (violations.empty() ? "" : violations.front());
  }
}

}  // namespace
}  // namespace mayfly::simulation
