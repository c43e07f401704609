#pragma once

#include "base/result.h"
#include "base/time.h"

namespace mayfly::retry {

/// What a failed attempt means for the next one.
enum class Class {
  transient,  // back off and try again, without end; flagged when it takes long
  busy,       // soon again, without end; flagged when it takes long
  absent,     // the thing is gone: that is success for everything that removes
  unknown,    // it may have happened: probe before anything else, but not for ever
  permanent,  // no repetition will help
};
std::string_view name(Class c);

Class classify(Code code);

/// After so many failed attempts a task is shown as stuck; an unknown outcome is then given up as failed.
constexpr int stuck_after = 12;

/// How long to wait before the next try; `jitter` in [0, 1) spreads those that failed together over the whole delay.
Duration delay(Class c, int attempts, double jitter);

}  // namespace mayfly::retry
