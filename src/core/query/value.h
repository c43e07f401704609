#pragma once
// What a client wrote, before anybody knows what it means: a JSON value without a JSON library.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace mayfly::query {

struct Value;
using Items = std::vector<Value>;
using Members = std::vector<std::pair<std::string, Value>>;   // in the order they were written; no name comes twice

struct Value {
  std::variant<std::nullptr_t, bool, std::int64_t, double, std::string, Items, Members> is = nullptr;

  template <class T>
  const T* as() const {
    return std::get_if<T>(&is);
  }
  bool null() const { return std::holds_alternative<std::nullptr_t>(is); }
  /// Of an object, or nullptr.
  const Value* member(std::string_view name) const;
};

/// "the string \"three\"", "number 3.5", "null": as a message shows it, cut to a readable length.
std::string describe(const Value& value);
/// As much of it as a message shows, and no half of a character.
std::string_view cut(std::string_view text);
/// In quotes and cut, for a message.
std::string in_quotes(std::string_view text);

}  // namespace mayfly::query
