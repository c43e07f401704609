#include "core/trash.h"

#include <array>

namespace mayfly {

namespace {

struct TierDescriptor {
  Tier tier;
  std::string_view name;
  std::optional<Duration> retention;
};

constexpr auto day = std::chrono::hours(24);
constexpr std::array tiers = {
    TierDescriptor{Tier::brief, "short", Duration(7 * day)},
    TierDescriptor{Tier::medium, "medium", Duration(30 * day)},
    TierDescriptor{Tier::lasting, "long", Duration(90 * day)},
    TierDescriptor{Tier::none, "none", std::nullopt},
};

}  // namespace

std::string_view name(Tier tier) { return tiers[static_cast<std::size_t>(tier)].name; }

std::optional<Tier> parse_tier(std::string_view text) {
  for (const auto& one : tiers)
    if (one.name == text) return one.tier;
  return std::nullopt;
}

std::optional<Duration> retention_of(Tier tier) { return tiers[static_cast<std::size_t>(tier)].retention; }

}  // namespace mayfly
