#include "store/sql/database.h"

#include <boost/json.hpp>

namespace mayfly::sql {

namespace json = boost::json;

namespace {

/// Lenient on purpose: a message with bytes of a foreign program in it must not make a row unreadable for ever.
std::optional<json::value> parse_column(std::string_view text) {
  boost::system::error_code error;
  json::parse_options options;
  options.allow_invalid_utf8 = true;
  auto value = json::parse(json::string_view(text.data(), text.size()), error, {}, options);
  if (error) return std::nullopt;
  return value;
}

std::string plain(const json::string& text) { return {text.data(), text.size()}; }

}  // namespace

std::string to_json(const std::map<std::string, std::string>& map) {
  if (map.empty()) return "{}";
  json::object object;
  for (const auto& [key, value] : map) object.emplace(key, value);
  return json::serialize(object);
}

std::string to_json(const std::vector<std::string>& list) {
  if (list.empty()) return "[]";
  json::array array;
  for (const auto& item : list) array.emplace_back(item);
  return json::serialize(array);
}

std::optional<Time> Row::optional_time() {
  const int column = next_++;
  if (null_at(column)) return std::nullopt;
  return service_time(integer_at(column));
}

std::optional<WallTime> Row::optional_wall_time() {
  const int column = next_++;
  if (null_at(column)) return std::nullopt;
  return wall_time(integer_at(column));
}

std::optional<Duration> Row::optional_duration() {
  const int column = next_++;
  if (null_at(column)) return std::nullopt;
  return Duration(integer_at(column));
}

std::optional<std::string> Row::optional_text() {
  const int column = next_++;
  if (null_at(column)) return std::nullopt;
  return std::string(text_at(column));
}

std::map<std::string, std::string> Row::text_map() {
  const auto column = text_at(next_++);
  std::map<std::string, std::string> map;
  if (column == "{}") return map;
  const auto value = parse_column(column);
  if (!value || !value->is_object()) {
    damaged("it is not a JSON object");
    return map;
  }
  for (const auto& member : value->get_object()) {
    if (!member.value().is_string()) damaged("it is not a JSON object of strings");
    else map.emplace(std::string(member.key().data(), member.key().size()), plain(member.value().get_string()));
  }
  return map;
}

std::vector<std::string> Row::text_list() {
  const auto column = text_at(next_++);
  std::vector<std::string> list;
  if (column == "[]") return list;
  const auto value = parse_column(column);
  if (!value || !value->is_array()) {
    damaged("it is not a JSON array");
    return list;
  }
  for (const auto& item : value->get_array()) {
    if (!item.is_string()) damaged("it is not a JSON array of strings");
    else list.push_back(plain(item.get_string()));
  }
  return list;
}

void Row::damaged(const std::string& what) {
  if (damage_.empty()) damage_ = "column " + std::to_string(next_) + " cannot be read: " + what;
}

Result<bool> Database::any(std::string_view sql, Parameters parameters) {
  bool found = false;
  TRY(query(sql, parameters, [&](Row&) { found = true; }));
  return found;
}

Result<std::optional<Time>> Database::first_time(std::string_view sql, Parameters parameters) {
  const auto found = TRY(first(sql, parameters, [](Row& row) { return row.optional_time(); }));
  return found.value_or(std::nullopt);
}

Query& Query::add(std::string_view clause, std::initializer_list<Parameter> parameters) {
  auto parameter = parameters.begin();
  for (const char c : clause) {
    if (c != '?') {
      text_ += c;
      continue;
    }
    CHECK(parameter != parameters.end());
    parameters_.push_back(*parameter++);
    text_ += "$" + std::to_string(parameters_.size());
  }
  CHECK(parameter == parameters.end());
  return *this;
}

Query& Query::add_one_of(std::string_view column, const std::vector<std::string_view>& words) {
  text_ += " AND " + std::string(column) + " IN (";
  for (std::size_t i = 0; i < words.size(); ++i) {
    parameters_.push_back(words[i]);
    text_ += (i ? ", $" : "$") + std::to_string(parameters_.size());
  }
  text_ += ")";
  return *this;
}

}  // namespace mayfly::sql
