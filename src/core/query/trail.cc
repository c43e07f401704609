#include "core/query/trail.h"

#include "core/query/value.h"

namespace mayfly::query {

namespace {

bool plain(std::string_view name) {
  constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_$";
  return !name.empty() && cut(name) == name && name.find_first_not_of(letters) == name.npos;
}

}  // namespace

Trail::Within Trail::into(std::string_view name) {
  std::string pointer = "/";
  for (const char c : cut(name)) {
    if (c == '~') pointer += "~0";
    else if (c == '/') pointer += "~1";
    else pointer += c;
  }
  return {*this, plain(name) ? "." + std::string(name) : "[" + in_quotes(name) + "]", pointer};
}

Trail::Within Trail::into(std::size_t item) {
  return {*this, "[" + std::to_string(item) + "]", "/" + std::to_string(item)};
}

}  // namespace mayfly::query
