#pragma once
// Reads a JSON object member by member and says exactly what is wrong with it: the path, what was expected there and
// what was found. Every member that nobody asked for is an error that names the nearest known one.
//
//   json::Reader body(text);
//   auto name  = body.optional_string("name", {.max = 63});
//   auto limit = body.nested("lifetime").optional_number("idle_seconds", {.min = 1, .max = 31536000});
//   TRY(body.finish());            // Code::invalid with all FieldErrors at once, or fine

#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json.hpp>

#include "base/result.h"

namespace mayfly::json {

using boost::json::array;
using boost::json::object;
using boost::json::string;
using boost::json::value;

/// Strict JSON (UTF-8, no duplicate keys, depth <= 32). The error says where it broke.
Result<value> parse(std::string_view text);

struct TextLimits {
  std::size_t min = 0;
  std::size_t max = 4096;     // bytes
};
struct NumberLimits {
  double min = std::numeric_limits<double>::lowest();
  double max = std::numeric_limits<double>::max();
};
struct IntegerLimits {
  std::int64_t min = std::numeric_limits<std::int64_t>::min();
  std::int64_t max = std::numeric_limits<std::int64_t>::max();
};

/// A Reader is a view of one object of a text that it shares with its copies and with the Readers of nested objects,
/// as it shares the list of complaints: each of them may be kept as long as one likes, in any order.
/// A member that is null counts as absent for the methods that make it optional.
/// An object is checked for unknown members when a Reader of it was made; numbers written 3.0 are integers.
class Reader {
 public:
  explicit Reader(std::string_view text);   // an empty text is read as {}
  explicit Reader(object root);

  // Both make the member known: who asks for it does not call it unknown.
  bool has(std::string_view key) const;     // present, null included
  bool is_null(std::string_view key) const;

  std::string string(std::string_view key, TextLimits limits = {});                       // required
  std::optional<std::string> optional_string(std::string_view key, TextLimits limits = {});
  std::optional<std::string> optional_word(std::string_view key, const std::vector<std::string>& allowed);
  std::optional<bool> optional_bool(std::string_view key);
  std::int64_t integer(std::string_view key, IntegerLimits limits = {});                   // required
  std::optional<std::int64_t> optional_integer(std::string_view key, IntegerLimits limits = {});
  std::optional<double> optional_number(std::string_view key, NumberLimits limits = {});
  std::optional<std::map<std::string, std::string>> optional_string_map(std::string_view key, std::size_t max_entries,
                                                                        TextLimits limits = {});
  std::optional<std::vector<std::string>> optional_string_list(std::string_view key, std::size_t max_entries,
                                                               TextLimits limits = {});
  /// The nested object; an empty one when absent or null.
  Reader nested(std::string_view key);
  /// The objects of an array; none when absent or null.
  std::vector<Reader> objects(std::string_view key, std::size_t max_entries);
  /// The raw member for what the methods above cannot say; marks it as known. nullptr when absent.
  const value* raw(std::string_view key);

  /// A complaint of the caller's own about one member.
  void complain(std::string_view key, std::string expected, std::string found);

  /// Everything wrong so far, unknown members included; call once, on the root (CHECKed), after all reads.
  Status finish();

 private:
  struct Shared;
  Reader(std::shared_ptr<Shared> shared, const object* here, std::string path);
  const value* look(std::string_view key) const;
  const value* present(std::string_view key, bool required, const std::string& expected);
  std::optional<std::string> text(std::string_view key, TextLimits limits, bool required);
  std::optional<std::int64_t> whole(std::string_view key, IntegerLimits limits, bool required);
  std::shared_ptr<Shared> shared_;
  const object* here_;
  std::string path_;
};

/// "number 3.5", "the string \"three\"", "null": a value as an error message shows it, cut to a readable length.
std::string describe(const value& v);

/// The candidate within two edits of `word`, or else one that holds it or is held by it, if there is any.
std::optional<std::string> nearest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace mayfly::json
