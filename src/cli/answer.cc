#include "cli/answer.h"

#include <array>

#include <fmt/format.h>

namespace mayfly::cli {

namespace {

std::string text_of(const json::value& value) {
  if (value.is_null()) return {};
  if (value.is_string()) return std::string(value.get_string());
  if (value.is_double()) return fmt::format("{}", value.get_double());
  return boost::json::serialize(value);
}

}  // namespace

std::string text_at(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value ? text_of(*value) : std::string();
}

std::optional<double> number_at(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  if (!value || !value->is_number()) return std::nullopt;
  return value->to_number<double>();
}

bool flag_at(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value && value->is_bool() && value->get_bool();
}

const json::object& object_at(const json::object& object, std::string_view key) {
  static const json::object none;
  const auto* value = object.if_contains(key);
  return value && value->is_object() ? value->get_object() : none;
}

const json::array& array_at(const json::object& object, std::string_view key) {
  static const json::array none;
  const auto* value = object.if_contains(key);
  return value && value->is_array() ? value->get_array() : none;
}

std::optional<WallTime> time_at(const json::object& object, std::string_view key) {
  const auto time = parse_wall_time(text_at(object, key));
  return time ? std::optional(*time) : std::nullopt;
}

std::string pairs_at(const json::object& object, std::string_view key) {
  std::string text;
  for (const auto& [name, value] : object_at(object, key))
    text += (text.empty() ? "" : ", ") + std::string(name) + "=" + text_of(value);
  return text;
}

std::string list_at(const json::object& object, std::string_view key) {
  std::string text;
  for (const auto& value : array_at(object, key)) text += (text.empty() ? "" : ", ") + text_of(value);
  return text;
}

WallTime wall_now() { return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now()); }

std::string relative(const std::optional<WallTime>& time, WallTime now) {
  if (!time) return {};
  return *time <= now ? human(now - *time) + " ago" : "in " + human(*time - now);
}

std::string plain(const std::optional<WallTime>& time) {
  if (!time) return {};
  auto text = format(*time).substr(0, 19) + "Z";
  text[10] = ' ';
  return text;
}

std::string bytes(const std::optional<double>& count) {
  if (!count) return {};
  constexpr std::array units = {"B", "KiB", "MiB", "GiB", "TiB"};
  double value = *count;
  std::size_t unit = 0;
  for (; value >= 1024 && unit + 1 < units.size(); ++unit) value /= 1024;
  return fmt::format("{:.{}f} {}", value, unit == 0 ? 0 : 1, units[unit]);
}

}  // namespace mayfly::cli
