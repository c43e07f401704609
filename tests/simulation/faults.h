#pragma once
// What can go wrong, and how often in a hundred times. Each seed draws its own mixture: many kinds at once hide what
// one kind alone would show.

#include <array>
#include <cstdint>
#include <string_view>

#include "simulation/chance.h"

namespace mayfly::simulation {

struct Faults {
  // Of an effect on the host.
  int busy = 0;                // in use, a few times in a row
  int hang = 0;                // takes minutes
  int unknown_done = 0;        // done, and the answer is lost
  int unknown_not_done = 0;    // not done, and the answer is lost
  int wrongly_absent = 0;      // "not found", of what is there
  int half_done = 0;
  int late_duplicate = 0;      // an earlier call is carried out once more, much later
  int late_helper = 0;         // the server dies, and its helper goes on until the next life waits for it
  int crash_in_effect = 0;
  int blind = 0;               // inspect and inventory cannot look
  // Of the blob store.
  int blob_down = 0, short_write = 0, torn_blob = 0, flipped_bit = 0, flip_on_read = 0, lying_blob = 0;
  int lying_removal = 0;       // says that it is gone
  int rot = 0;                 // a bit flips long after it was verified
  // Of the database.
  int begin_busy = 0, commit_full = 0, group_void = 0, run_twice = 0, crash_before_commit = 0, crash_after_commit = 0;
  int read_only = 0;           // for a while
  int blind_view = 0;          // a read fails
  // Of the machine and its clocks.
  int crash = 0, reboot = 0, wall_step = 0, years = 0, suspend = 0, slow = 0;
  // Of what runs inside, and of what others do to the host.
  int agent_lies = 0, agent_hangs = 0, vanish = 0, stranger = 0;
};

struct FaultKind {
  std::string_view name;
  int Faults::*rate;
  int most;                    // a rate that still lets things end
};

constexpr std::array fault_kinds = {
    FaultKind{"busy", &Faults::busy, 30},
    FaultKind{"hang", &Faults::hang, 5},
    FaultKind{"unknown_done", &Faults::unknown_done, 15},
    FaultKind{"unknown_not_done", &Faults::unknown_not_done, 15},
    FaultKind{"wrongly_absent", &Faults::wrongly_absent, 8},
    FaultKind{"half_done", &Faults::half_done, 15},
    FaultKind{"late_duplicate", &Faults::late_duplicate, 10},
    FaultKind{"late_helper", &Faults::late_helper, 5},
    FaultKind{"crash_in_effect", &Faults::crash_in_effect, 6},
    FaultKind{"blind", &Faults::blind, 30},
    FaultKind{"blob_down", &Faults::blob_down, 20},
    FaultKind{"short_write", &Faults::short_write, 20},
    FaultKind{"torn_blob", &Faults::torn_blob, 20},
    FaultKind{"flipped_bit", &Faults::flipped_bit, 20},
    FaultKind{"flip_on_read", &Faults::flip_on_read, 20},
    FaultKind{"lying_blob", &Faults::lying_blob, 20},
    FaultKind{"lying_removal", &Faults::lying_removal, 20},
    FaultKind{"rot", &Faults::rot, 5},
    FaultKind{"begin_busy", &Faults::begin_busy, 10},
    FaultKind{"commit_full", &Faults::commit_full, 10},
    FaultKind{"group_void", &Faults::group_void, 15},
    FaultKind{"run_twice", &Faults::run_twice, 30},
    FaultKind{"crash_before_commit", &Faults::crash_before_commit, 3},
    FaultKind{"crash_after_commit", &Faults::crash_after_commit, 3},
    FaultKind{"read_only", &Faults::read_only, 3},
    FaultKind{"blind_view", &Faults::blind_view, 3},
    FaultKind{"crash", &Faults::crash, 3},
    FaultKind{"reboot", &Faults::reboot, 2},
    FaultKind{"wall_step", &Faults::wall_step, 5},
    FaultKind{"years", &Faults::years, 2},
    FaultKind{"suspend", &Faults::suspend, 3},
    FaultKind{"slow", &Faults::slow, 20},
    FaultKind{"agent_lies", &Faults::agent_lies, 30},
    FaultKind{"agent_hangs", &Faults::agent_hangs, 20},
    FaultKind{"vanish", &Faults::vanish, 3},
    FaultKind{"stranger", &Faults::stranger, 2},
};

/// Each kind with a chance of a half; of those only what `mask` has a bit for.
inline Faults draw_faults(Chance& chance, std::uint64_t mask) {
  Faults faults;
  for (std::size_t i = 0; i < fault_kinds.size(); ++i) {
    const auto& kind = fault_kinds[i];
    const int rate = chance.percent(50) ? 1 + static_cast<int>(chance.below(static_cast<std::size_t>(kind.most))) : 0;
    if (mask >> i & 1) faults.*kind.rate = rate;
  }
  return faults;
}

}  // namespace mayfly::simulation
