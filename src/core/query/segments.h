#pragma once
// The rows behind a place in a list, as ranges of an index. "After the row (v1, v2)" in one condition makes a planner
// walk from the start of the table, and forgets the nulls; as ranges that follow each other, each is one search.

#include "core/query/order.h"

namespace mayfly::query {

/// What a segment knows of one key.
struct Bound {
  enum class Kind { same, null, not_null, after };   // after: behind `value` in the direction of the key
  std::size_t key = 0;                               // which one of the order
  Kind kind = Kind::same;
  Datum value = {};                                  // of same and after
};

/// All of its bounds hold. Segments exclude each other and stand in the order of the list; keys that one fixes to a
/// value or to null need no sorting within it.
using Segment = std::vector<Bound>;

/// All rows.
std::vector<Segment> segments(const Order& order, const Entity& entity);
/// Those behind the row with these values, one for each key.
std::vector<Segment> segments_after(const Order& order, const Entity& entity, const std::vector<Datum>& row);
/// That row itself, should it be there.
Segment segment_at(const Order& order, const std::vector<Datum>& row);

}  // namespace mayfly::query
