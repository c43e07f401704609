#pragma once

#include <functional>

#include "core/cleanup.h"
#include "ports/store.h"

namespace mayfly {

/// What the transaction that records a successful effect writes besides the task itself.
using Commit = std::function<Status(Transaction&)>;

/// What the steps of cleanup do. A worker does not care.
class Effects {
 public:
  virtual ~Effects() = default;
  /// Carries the step out; nothing is held meanwhile.
  virtual Result<Commit> perform(const Task& task) = 0;
  /// What a step without an effect writes: it needs no attempt of its own. Empty for all others.
  virtual Commit record_only(const Task& task) const = 0;
};

}  // namespace mayfly
