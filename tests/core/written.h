#pragma once
// What a client writes, as a reader of the core gets it.

#include "core/query/value.h"
#include "json/reader.h"

namespace mayfly::query {

inline Value value_of(const json::value& json) {
  if (json.is_bool()) return {json.get_bool()};
  if (json.is_int64()) return {json.get_int64()};
  if (json.is_double()) return {json.get_double()};
  if (json.is_string()) return {std::string(json.get_string())};
  if (json.is_array()) {
    Items items;
    for (const auto& item : json.get_array()) items.push_back(value_of(item));
    return {std::move(items)};
  }
  if (!json.is_object()) return {};
  Members members;
  for (const auto& member : json.get_object()) members.emplace_back(member.key(), value_of(member.value()));
  return {std::move(members)};
}

/// The value of a JSON text; apostrophes stand for quotation marks.
inline Value written(std::string text) {
  std::ranges::replace(text, '\'', '"');
  const auto json = json::parse(text);
  CHECK(json);
  return value_of(*json);
}

}  // namespace mayfly::query
