#pragma once
// Identities. A Uuid is version 7, so ids sort by the time they were made; an Id<Tag> is its public spelling,
// prefix and 32 lower-case hex digits, and ids of different things do not mix.

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"

namespace mayfly {

struct Uuid {
  std::array<std::uint8_t, 16> bytes{};
  auto operator<=>(const Uuid&) const = default;
};

/// A version 7 uuid of that microsecond. Ids of one instant sort by `sequence` (14 bits); `random` ends them.
Uuid make_uuid(Time at, std::uint16_t sequence, const std::array<std::uint8_t, 6>& random);

std::string hex(const Uuid& uuid);     // 32 digits
std::string dashed(const Uuid& uuid);  // 8-4-4-4-12
/// Either spelling, either case, any version.
std::optional<Uuid> parse_uuid(std::string_view text);

template <class Tag>
struct Id {
  std::string text;
  auto operator<=>(const Id&) const = default;
  explicit operator bool() const { return !text.empty(); }
};

using ResourceId = Id<struct ResourceTag>;  // sbx_ wsp_ org_ arc_ ...: the spine
using TaskId = Id<struct TaskTag>;          // clt_
using EventId = Id<struct EventTag>;        // evt_
using UserId = Id<struct UserTag>;          // usr_
using KeyId = Id<struct KeyTag>;            // key_

/// The uuid in a prefixed id ("sbx_" + 32 hex), if it has that form.
std::optional<Uuid> uuid_in(std::string_view id);

/// One life of one resource on one installation: what every effect outside the database is addressed by.
struct Incarnation {
  std::string instance;   // random name of this data directory
  Uuid uid;               // the resource
  int generation = 0;     // its container, counted from 1
  auto operator<=>(const Incarnation&) const = default;
};

std::string to_string(const Incarnation& incarnation);                        // instance-uid-generation
std::optional<Incarnation> parse_incarnation(std::string_view text);          // that spelling and no other

/// The writable layer of a resource: it outlives containers, and changes only on reset or recreate.
struct LayerRef {
  std::string instance;
  Uuid uid;
  int layer = 0;
  auto operator<=>(const LayerRef&) const = default;
};

}  // namespace mayfly
