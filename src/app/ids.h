#pragma once

#include <string_view>

#include "base/id.h"
#include "ports/clock.h"
#include "ports/store.h"

namespace mayfly {

inline Uuid new_uuid(Transaction& t, Random& random) {
  std::array<std::uint8_t, 6> bits;
  random.fill(bits.data(), bits.size());
  return make_uuid(t.now(), t.ids_made++, bits);
}

inline std::string new_id(std::string_view prefix, Transaction& t, Random& random) {
  return std::string(prefix) + hex(new_uuid(t, random));
}

/// Uniform in [0, 1): the jitter that pure code takes as an argument.
inline double unit_interval(Random& random) {
  std::uint32_t bits = 0;
  random.fill(&bits, sizeof bits);
  return bits / 4294967296.0;
}

}  // namespace mayfly
