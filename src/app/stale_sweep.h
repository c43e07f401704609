#pragma once

#include "app/activity.h"
#include "app/sandboxes.h"
#include "core/stale.h"
#include "ports/driver.h"

namespace mayfly {

struct StaleItem {
  Sandbox sandbox;
  StaleVerdict verdict;
  std::optional<std::int64_t> disk_bytes;  // what a delete would free, where the driver can tell
  TaskId task;                             // of the delete, once applied
  std::string error;                       // why this one could not be marked
};

struct StaleReport {
  std::vector<StaleItem> items;            // stale ones: those that would go, or did
  std::size_t looked_at = 0;
  bool cut = false;                        // more than one sweep takes; run it again
};

/// Bulk cleanup by age of use. The plan names every candidate; applying re-checks each one in the transaction that
/// marks it, so that what was used in between stays.
class StaleSweep {
 public:
  StaleSweep(Store& store, Driver& driver, ActivityLog& activity, const Deletion& deletion, const Clock& clock,
             const Installation& installation)
      : store_(store), driver_(driver), activity_(activity), deletion_(deletion), clock_(clock),
        installation_(installation) {}

  static constexpr std::size_t most = 10'000;  // sandboxes in one sweep

  Result<StaleReport> plan(const Caller& caller, const StaleRule& rule);
  Result<StaleReport> apply(const Caller& caller, const StaleRule& rule, const DeletePolicy& policy);

 private:
  Result<StaleReport> candidates(const Caller& caller, const StaleRule& rule);

  Store& store_;
  Driver& driver_;
  ActivityLog& activity_;
  const Deletion& deletion_;
  const Clock& clock_;
  const Installation& installation_;
};

}  // namespace mayfly
