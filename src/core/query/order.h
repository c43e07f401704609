#pragma once
// In which order rows are listed. A null has its place said with every key: first or last.

#include "core/query/entity.h"
#include "core/query/refusal.h"
#include "core/query/value.h"

namespace mayfly::query {

struct SortKey {
  std::size_t field = 0;
  bool descending = false;
  bool nulls_first = false;
  bool operator==(const SortKey&) const = default;
};

/// The last key is always the id, so that no two rows are at the same place.
using Order = std::vector<SortKey>;

namespace limits {
constexpr std::size_t sort_keys = 6;
}

/// [{"completedAt": "desc_nulls_last"}, {"createdAt": "asc"}], or one such object. Directions are asc and desc, each
/// with nulls_first or nulls_last, in any spelling; bare asc has nulls last, bare desc first. Nothing or an empty list
/// is the newest first.
Read<Order> read_order(const Value* order, const Entity& entity, Spelling spelling, const std::string& param);

Order newest_first();

/// The same order in the fewest keys: ends with the id, in the direction of the key before it.
Order shortest(Order order, const Entity& entity);

/// From the last row to the first.
Order reversed(Order order);

std::string to_text(const Order& order, const Entity& entity);

}  // namespace mayfly::query
