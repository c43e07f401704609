#pragma once
// Bytes that do not fit in memory: pushed into a Sink, pulled from a Source.

#include <cstddef>
#include <span>

#include "base/result.h"

namespace mayfly {

class Sink {
 public:
  virtual ~Sink() = default;
  virtual Status write(std::span<const char> bytes) = 0;
};

class Source {
 public:
  virtual ~Source() = default;
  /// Fills the front of `room`; 0 is the end.
  virtual Result<std::size_t> read(std::span<char> room) = 0;
};

}  // namespace mayfly
