#include "core/query/value.h"

#include <array>
#include <charconv>

namespace mayfly::query {

namespace {

constexpr std::size_t shown_text = 60;

std::string count_of(std::size_t count, std::string_view thing) {
  return std::to_string(count) + " " + std::string(thing) + (count == 1 ? "" : "s");
}

std::string to_text(double number) {
  std::array<char, 64> digits{};
  const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), number);
  return error == std::errc() ? std::string(digits.data(), end) : "?";
}

}  // namespace

const Value* Value::member(std::string_view name) const {
  if (const auto* members = as<Members>())
    for (const auto& [known, value] : *members)
      if (known == name) return &value;
  return nullptr;
}

std::string_view cut(std::string_view text) {
  std::size_t size = std::min(text.size(), shown_text);
  while (size > 0 && size < text.size() && (static_cast<unsigned char>(text[size]) & 0xc0) == 0x80) --size;
  return text.substr(0, size);
}

std::string in_quotes(std::string_view text) {
  const auto part = cut(text);
  std::string shown = "\"";
  for (const char c : part) {
    if (c == '"' || c == '\\') shown += '\\';
    shown += static_cast<unsigned char>(c) < 0x20 ? '?' : c;
  }
  return shown + (part.size() < text.size() ? "...\"" : "\"");
}

std::string describe(const Value& value) {
  struct Describe {
    std::string operator()(std::nullptr_t) const { return "null"; }
    std::string operator()(bool b) const { return b ? "true" : "false"; }
    std::string operator()(std::int64_t number) const { return "number " + std::to_string(number); }
    std::string operator()(double number) const { return "number " + to_text(number); }
    std::string operator()(const std::string& text) const { return "the string " + in_quotes(text); }
    std::string operator()(const Items& items) const { return "an array of " + count_of(items.size(), "item"); }
    std::string operator()(const Members& all) const { return "an object of " + count_of(all.size(), "member"); }
  };
  return std::visit(Describe{}, value.is);
}

}  // namespace mayfly::query
