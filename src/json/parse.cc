#include <cmath>
#include <optional>
#include <set>

#include <boost/json/basic_parser_impl.hpp>

#include "json/bytes.h"
#include "json/reader.h"

namespace mayfly::json {

namespace {

namespace bj = boost::json;

constexpr std::size_t depth_limit = 32;

// Builds the value as the library's own handler does, but knows what may come next and refuses a key that came before:
// the library would silently keep the last, and another reader of the same text perhaps the first.
class Handler {
 public:
  static constexpr std::size_t max_object_size = bj::object::max_size();
  static constexpr std::size_t max_array_size = bj::array::max_size();
  static constexpr std::size_t max_key_size = bj::string::max_size();
  static constexpr std::size_t max_string_size = bj::string::max_size();

  bj::value release() { return stack_.release(); }
  const std::string& complaint() const { return complaint_; }
  bool within() const { return !open_.empty(); }
  bool within_object() const { return within() && open_.back().is_object; }
  bool at_start() const { return at_start_; }
  bool after_key() const { return after_key_; }
  bool ended() const { return ended_; }

  bool on_document_begin(bj::error_code&) { stack_.reset(); return true; }
  bool on_document_end(bj::error_code&) { return true; }
  bool on_object_begin(bj::error_code&) { return open(true); }
  bool on_array_begin(bj::error_code&) { return open(false); }
  bool on_object_end(std::size_t size, bj::error_code&) { stack_.push_object(size); return close(); }
  bool on_array_end(std::size_t size, bj::error_code&) { stack_.push_array(size); return close(); }

  bool on_key_part(bj::string_view text, std::size_t, bj::error_code&) {
    key_.append(text.data(), text.size());
    stack_.push_chars(text);
    return true;
  }
  bool on_key(bj::string_view text, std::size_t, bj::error_code& error) {
    key_.append(text.data(), text.size());
    if (!open_.back().keys.insert(key_).second) {
      complaint_ = "the member " + bj::serialize(bj::string_view(key_)) + " is given twice in one object";
      error = bj::error::exception;
      return false;
    }
    key_.clear();
    stack_.push_key(text);
    at_start_ = false;
    after_key_ = true;
    return true;
  }
  bool on_string_part(bj::string_view text, std::size_t, bj::error_code&) { stack_.push_chars(text); return true; }
  bool on_string(bj::string_view text, std::size_t, bj::error_code&) { stack_.push_string(text); return done(); }
  bool on_number_part(bj::string_view, bj::error_code&) { return true; }
  bool on_int64(std::int64_t number, bj::string_view, bj::error_code&) { stack_.push_int64(number); return done(); }
  bool on_uint64(std::uint64_t number, bj::string_view, bj::error_code&) { stack_.push_uint64(number); return done(); }
  bool on_double(double number, bj::string_view, bj::error_code& error) {
    if (!std::isfinite(number)) {
      complaint_ = "a number is too large to be held";
      error = bj::error::exception;
      return false;
    }
    stack_.push_double(number);
    return done();
  }
  bool on_bool(bool b, bj::error_code&) { stack_.push_bool(b); return done(); }
  bool on_null(bj::error_code&) { stack_.push_null(); return done(); }
  bool on_comment_part(bj::string_view, bj::error_code&) { return true; }
  bool on_comment(bj::string_view, bj::error_code&) { return true; }

 private:
  struct Open {
    bool is_object;
    std::set<std::string> keys;
  };

  bool open(bool is_object) {
    open_.push_back({is_object, {}});
    at_start_ = true;
    after_key_ = false;
    return true;
  }
  bool close() {
    open_.pop_back();
    return done();
  }
  bool done() {
    at_start_ = after_key_ = false;
    ended_ = open_.empty();
    return true;
  }

  bj::value_stack stack_;
  std::vector<Open> open_;
  std::string key_;
  std::string complaint_;
  bool at_start_ = false;    // of the innermost object or array
  bool after_key_ = false;
  bool ended_ = false;
};

std::string expected_at(const Handler& handler, std::string_view before) {
  const auto last = before.find_last_not_of(" \t\r\n");
  const char token = last == std::string_view::npos ? '\0' : before[last];
  if (handler.ended()) return "the end";
  if (!handler.within()) return "a value";
  if (handler.after_key()) return token == ':' ? "a value" : "a colon";
  if (handler.at_start()) return handler.within_object() ? "a member's name in quotes or }" : "a value or ]";
  if (token == ',') return handler.within_object() ? "a member's name in quotes" : "a value";
  return handler.within_object() ? "a comma or }" : "a comma or ]";
}

// Of UTF-8, in bytes.
constexpr std::size_t longest_character = 4;

/// Whether a character stands at the front, or nothing.
bool is_text(std::string_view rest) { return rest.empty() || as_text(rest).substr(0, 1) == rest.substr(0, 1); }

std::string found_at(std::string_view rest) {
  if (rest.empty()) return "the end of the text";
  const auto byte = static_cast<unsigned char>(rest.front());
  if (byte > 0x20 && byte < 0x7f) return std::string("'") + rest.front() + "'";
  constexpr char digits[] = "0123456789abcdef";
  return std::string("the byte 0x") + digits[byte >> 4] + digits[byte & 15];
}

bool is_escape(std::string_view text, std::size_t at) {
  return text.substr(at).starts_with("\\u") && text.size() >= at + 6 &&
         text.find_first_not_of("0123456789abcdefABCDEF", at + 2) >= at + 6;
}

/// Which half of a surrogate pair the escape at `at` stands for, if it is one of those.
enum class Half { none, leading, trailing };
Half half_at(std::string_view text, std::size_t at) {
  if (!is_escape(text, at) || (text[at + 2] | 0x20) != 'd') return Half::none;
  if (std::string_view("89abAB").find(text[at + 3]) != std::string_view::npos) return Half::leading;
  return std::string_view("cdefCDEF").find(text[at + 3]) != std::string_view::npos ? Half::trailing : Half::none;
}

/// Where an escape begins, up to the byte the parser gave up at, that is half of a surrogate pair without the other
/// half. The parser tells of it elsewhere, or of something else.
std::optional<std::size_t> lone_surrogate(std::string_view text, std::size_t broken_at) {
  for (std::size_t at = text.find('\\'); at <= broken_at && at < text.size(); at = text.find('\\', at)) {
    const auto half = half_at(text, at);
    const bool pair = half == Half::leading && half_at(text, at + 6) == Half::trailing;
    // An escape that is cut short is another trouble.
    const bool unfinished = half == Half::leading && text.substr(at + 6).starts_with("\\u") && !is_escape(text, at + 6);
    if (half != Half::none && !pair && !unfinished) return at;
    at += pair ? 12 : half != Half::none ? 6 : 2;
  }
  return std::nullopt;
}

std::string trouble_of(const bj::error_code& error, const Handler& handler, std::string_view text, std::size_t at) {
  if (!handler.complaint().empty()) return handler.complaint();
  if (error == bj::error::too_deep) return "it is nested deeper than " + std::to_string(depth_limit) + " levels";
  if (error == bj::error::exponent_overflow) return "a number is too large to be held";
  const auto found = ", found " + found_at(text.substr(at));
  if (!is_text(text.substr(at, longest_character))) return "expected UTF-8" + found;
  if (error == bj::error::expected_hex_digit) return "an escape \\u needs four hex digits" + found;
  return "expected " + expected_at(handler, text.substr(0, at)) + found;
}

}  // namespace

Result<value> parse(std::string_view text) {
  bj::parse_options options;
  options.max_depth = depth_limit;
  bj::basic_parser<Handler> parser(options);
  bj::error_code error;
  std::size_t used = 0;
  try {
    used = parser.write_some(false, text.data(), text.size(), error);
  } catch (const std::exception& thrown) {
    return fail(Code::internal, std::string("the JSON parser gave up: ") + thrown.what());
  }
  if (!error && used < text.size()) error = bj::error::extra_data;
  if (!error) return parser.handler().release();
  used = std::min(used, text.size());
  if (const auto lone = lone_surrogate(text, used))
    return fail(Code::invalid,
                "the JSON is broken at byte " + std::to_string(*lone) + ": the escape " +
                    std::string(text.substr(*lone, 6)) + " is one half of a surrogate pair, without the other half",
                "json_invalid");
  return fail(Code::invalid,
              "the JSON is broken at byte " + std::to_string(used) + ": " +
                  trouble_of(error, parser.handler(), text, used),
              "json_invalid");
}

}  // namespace mayfly::json
