// What SQLite spells in its own way.

#include <sqlite3.h>

#include "store/sqlite/database.h"

namespace mayfly {

namespace {

// Instructions between two looks at the clock: some tens of microseconds.
constexpr int steps_between_looks = 2'000;

}  // namespace

// Without ICU, which we do not load, it knows ASCII only.
std::string SqliteDatabase::folded(std::string_view text) const { return "lower(" + std::string(text) + ")"; }

// By comparison, since a path such as $."a" knows no escape for quotes in the name.
std::string SqliteDatabase::member_of(std::string_view map, std::string_view key) const {
  return "(SELECT m.value FROM json_each(" + std::string(map) + ") AS m WHERE m.key = " + std::string(key) + ")";
}

// LIKE knows no case of ASCII letters here.
std::string SqliteDatabase::matches(std::string_view text, std::string_view pattern) const {
  return std::string(text) + " GLOB " + std::string(pattern);
}

std::string SqliteDatabase::pattern_of(std::string_view like) const {
  std::string glob;
  for (std::size_t i = 0; i < like.size(); ++i) {
    const bool escaped = like[i] == '\\' && i + 1 < like.size();
    if (escaped) ++i;
    const char c = like[i];
    if (!escaped && c == '%') glob += '*';
    else if (!escaped && c == '_') glob += '?';
    else if (c == '*' || c == '?' || c == '[') glob += std::string("[") + c + "]";
    else glob += c;
  }
  return glob;
}

void SqliteDatabase::set_patience(std::optional<Duration> patience) {
  if (!patience) return sqlite3_progress_handler(handle_, 0, nullptr, nullptr);
  give_up_at_ = std::chrono::steady_clock::now() + *patience;
  sqlite3_progress_handler(
      handle_, steps_between_looks,
      [](void* self) {
        return std::chrono::steady_clock::now() >= static_cast<SqliteDatabase*>(self)->give_up_at_ ? 1 : 0;
      },
      this);
}

}  // namespace mayfly
