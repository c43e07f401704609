#pragma once
// What one data directory is: its name, whose turn it is, and when it was last there.

#include <string>

#include "core/lifetime.h"
#include "ports/clock.h"
#include "ports/store.h"

namespace mayfly {

struct Installation {
  std::string instance;        // random, made once: nothing of another instance is ever touched
  std::int64_t epoch = 0;      // +1 per start: claims of an older one are void
  Downtime down;               // between the last sign of life and this start
  ResourceId workspace;        // "default"
};

/// Where the service clock stood when it was last seen, in its record or in an event; what a start continues from.
struct ClockRecord {
  std::string boot_id;
  Duration boottime{};         // CLOCK_BOOTTIME at that moment
  Time time{};
};

/// How to read the service clock from now on: service time = `base` + CLOCK_BOOTTIME.
struct ClockStart {
  Duration base{};
  std::string boot_id;         // in its record: after a jump an earlier one, so that the wall clock is asked again
  bool jumped = false;         // after a reboot the wall clock stands more than 7 days ahead, and nobody vouches for it
};

/// The same boot: continues. Another one: the wall clock, but never before the record; and the record where the wall
/// clock has jumped, so that nothing written meanwhile lies in a future that never comes.
ClockStart continue_clock(const std::optional<ClockRecord>& record, const std::string& boot_id, Duration boottime,
                          WallTime wall, bool trusted = false);

Result<std::optional<ClockRecord>> load_clock(Store& store);
Status save_clock(Store& store, const std::string& boot_id, Duration boottime, Time now);

/// Makes or continues the installation: instance id, organization and workspace "default", user "admin" and its key
/// (by the SHA-256 of its secret), and the next epoch. Claims of earlier epochs are released. The downtime and the
/// clock that it was measured by are written together. While the clock has jumped the downtime is not over: nothing
/// expires in this life, and the next one continues the same downtime.
Result<Installation> open_installation(Store& store, Random& random, const std::string& admin_key_hash,
                                       const std::string& admin_key_hint, const ClockStart& clock);

/// Clients can renew again from now on: the grace for what fell due meanwhile begins, and an event says so. What cannot
/// be written holds for this life all the same.
Status end_downtime(Store& store, Random& random, Installation& installation);

}  // namespace mayfly
