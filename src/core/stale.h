#pragma once
// Which sandboxes a stale sweep would take, and why: the same rule decides the plan and, once more, each item when the
// plan is applied.

#include <optional>
#include <string>
#include <vector>

#include "core/sandbox.h"

namespace mayfly {

struct StaleRule {
  Duration inactive{};                // since the last use at least this long; equal counts
  Labels labels;                      // all must match
  std::string image;                  // name or digest; empty: any
  std::vector<State> states;          // empty: all that are not on their way out
};

struct StaleVerdict {
  bool stale = false;
  std::string reason;  // "inactive", "not_stale", "state_deleting", "labels_differ", "image_differs", "state_differs"
  Duration inactive{};
  Time eligible_at{};                 // when it becomes stale if nobody uses it
};

StaleVerdict judge(const Sandbox& sandbox, const StaleRule& rule, Time now);

}  // namespace mayfly
