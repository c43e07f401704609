#pragma once

#include "base/time.h"

namespace mayfly {

/// The two clocks. Only app/ asks, once per operation; everything pure takes the answer as an argument.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Time now() const = 0;       // service time: never decreases, survives restarts
  virtual WallTime wall() const = 0;  // the wall clock, for instants that a caller named
};

/// Random bytes for ids, keys and jitter.
class Random {
 public:
  virtual ~Random() = default;
  virtual void fill(void* bytes, std::size_t count) = 0;
};

}  // namespace mayfly
