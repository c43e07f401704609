#include "core/query/operand.h"

#include <algorithm>
#include <cmath>

#include "base/nearest.h"
#include "base/time.h"
#include "core/query/filter.h"

namespace mayfly::query {

namespace {

Operand wrong(std::string expected, std::vector<std::string> allowed = {}) {
  return {std::nullopt, std::move(expected), std::move(allowed)};
}

Operand word(const std::string* text, const Field& field) {
  std::vector<std::string> allowed(field.words.begin(), field.words.end());
  const auto found = text ? std::ranges::find(field.words, *text) : field.words.end();
  if (found != field.words.end()) {
    if (field.ranked) return {static_cast<std::int64_t>(found - field.words.begin())};
    return {*text};
  }
  std::string list;
  for (const auto& one : allowed) list += (list.empty() ? "" : ", ") + one;
  const auto near = text ? nearest(*text, allowed) : std::nullopt;
  return wrong("one of " + list + (near ? " (did you mean " + *near + "?)" : ""), std::move(allowed));
}

Operand integer(const Value& value) {
  if (const auto* number = value.as<std::int64_t>()) return {*number};
  // 3.0 is 3. Doubles hold every integer only up to here.
  constexpr double exact = 9007199254740992.0;
  const auto* number = value.as<double>();
  if (number && std::abs(*number) <= exact && std::floor(*number) == *number)
    return {static_cast<std::int64_t>(*number)};
  return wrong("an integer");
}

Operand instant(const std::string* text) {
  if (text)
    if (const auto at = parse_wall_time(*text)) return {microseconds(*at)};
  return wrong("a time in RFC 3339 with Z or an offset, such as 2026-11-21T10:30:00Z");
}

Operand plain(const std::string* text) {
  if (!text) return wrong("a string");
  if (text->size() > limits::text_bytes)
    return wrong("a string of at most " + std::to_string(limits::text_bytes) + " bytes");
  // Not every database can hold it, so no field does.
  if (text->find('\0') != text->npos) return wrong("a string without the character U+0000");
  return {*text};
}

}  // namespace

Operand operand_of(const Value& value, const Field& field) {
  const auto* text = value.as<std::string>();
  switch (field.type) {
    case Type::id: case Type::text: return plain(text);
    case Type::word: return word(text, field);
    case Type::integer: return integer(value);
    case Type::time: return instant(text);
    case Type::flag:
      if (const auto* flag = value.as<bool>()) return {static_cast<std::int64_t>(*flag)};
      return wrong("true or false");
    case Type::map: break;
  }
  return wrong("an object with hasKey, path or jsonContains");
}

}  // namespace mayfly::query
