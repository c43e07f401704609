#include "core/query/segments.h"

#include "base/result.h"

namespace mayfly::query {

namespace {

Bound same(std::size_t key, const Datum& value) {
  return is_null(value) ? Bound{key, Bound::Kind::null, {}} : Bound{key, Bound::Kind::same, value};
}

}  // namespace

std::vector<Segment> segments(const Order& order, const Entity& entity) {
  // Databases do not agree on where nulls are in an index: beside each other, each part is one range of any index.
  const auto& first = order.front();
  if (!entity.fields[first.field].nullable) return {{}};
  const Segment null = {{0, Bound::Kind::null, {}}};
  const Segment not_null = {{0, Bound::Kind::not_null, {}}};
  if (first.nulls_first) return {null, not_null};
  return {not_null, null};
}

std::vector<Segment> segments_after(const Order& order, const Entity& entity, const std::vector<Datum>& row) {
  CHECK(row.size() == order.size());
  std::vector<Segment> all;
  // The longest common beginning first: those rows are the nearest.
  for (std::size_t i = order.size(); i-- > 0;) {
    Segment common;
    for (std::size_t k = 0; k < i; ++k) common.push_back(same(k, row[k]));
    const auto add = [&](Bound last) {
      auto segment = common;
      segment.push_back(std::move(last));
      all.push_back(std::move(segment));
    };
    const auto& key = order[i];
    if (is_null(row[i])) {
      if (key.nulls_first) add({i, Bound::Kind::not_null, {}});
      continue;
    }
    add({i, Bound::Kind::after, row[i]});
    if (entity.fields[key.field].nullable && !key.nulls_first) add({i, Bound::Kind::null, {}});
  }
  return all;
}

Segment segment_at(const Order& order, const std::vector<Datum>& row) {
  CHECK(row.size() == order.size());
  Segment segment;
  for (std::size_t k = 0; k < order.size(); ++k) segment.push_back(same(k, row[k]));
  return segment;
}

}  // namespace mayfly::query
