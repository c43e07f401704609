#include "json/words.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "base/nearest.h"

namespace mayfly::json {

namespace {

constexpr std::size_t shown_text = 40;    // bytes of a string that a message shows
constexpr std::size_t shown_words = 30;   // of a list

std::string to_text(std::int64_t number) { return std::to_string(number); }

std::string to_text(double number) {
  std::array<char, 64> digits{};
  const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), number);
  return error == std::errc() ? std::string(digits.data(), end) : "?";
}

template <class Limits>
std::string within(std::string thing, Limits limits) {
  const Limits open;
  if (limits.min != open.min && limits.max != open.max) {
    return thing + " from " + to_text(limits.min) + " to " + to_text(limits.max);
  }
  if (limits.min != open.min) return thing + " of at least " + to_text(limits.min);
  if (limits.max != open.max) return thing + " of at most " + to_text(limits.max);
  return thing;
}

// The front of the text, never ending within a character.
std::string_view cut(std::string_view text, std::size_t size) {
  if (text.size() <= size) return text;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xc0) == 0x80) --size;
  return text.substr(0, size);
}

std::string quoted(std::string_view text) {
  const auto shown = cut(text, shown_text);
  auto quote = boost::json::serialize(boost::json::string_view(shown.data(), shown.size()));
  if (shown.size() < text.size()) quote += "...";
  return quote;
}

bool plain_name(std::string_view key) {
  return !key.empty() && std::ranges::all_of(key, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

std::string sentence(const FieldError& error) {
  const auto subject = error.path.empty() ? std::string("the body") : error.path;
  if (error.expected.starts_with("no such member")) return subject + ": " + error.expected;
  if (error.found == "nothing") return subject + " is missing: it must be " + error.expected;
  return subject + " must be " + error.expected + ", found " + error.found;
}

}  // namespace

std::string text_within(TextLimits limits) {
  const TextLimits open;
  const auto least = std::to_string(limits.min);
  if (limits.min > 0 && limits.max != open.max) return "a string of " + least + " to " + count_of(limits.max, "byte");
  if (limits.min > 0) return "a string of at least " + count_of(limits.min, "byte");
  // The default limit is a net, not a rule of the member; it is named only when it is what was passed.
  return limits.max != open.max ? "a string of at most " + count_of(limits.max, "byte") : "a string";
}

std::string integer_within(IntegerLimits limits) { return within("an integer", limits); }
std::string number_within(NumberLimits limits) { return within("a number", limits); }

std::string count_of(std::size_t count, std::string_view thing) {
  return std::to_string(count) + " " + std::string(thing) + (count == 1 ? "" : "s");
}

std::string listed(const std::vector<std::string>& words) {
  if (words.empty()) return "none";
  std::string list;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i == shown_words) return list + ", ...";
    list += (i == 0 ? "" : ", ") + words[i];
  }
  return list;
}

std::string below(const std::string& path, std::string_view key) {
  if (!plain_name(key)) return path + "[" + quoted(key) + "]";
  return path.empty() ? std::string(key) : path + "." + std::string(key);
}

Error error_of(const std::vector<FieldError>& errors, std::size_t dropped) {
  auto message = sentence(errors.front());
  const auto more = errors.size() - 1 + dropped;
  if (more > 0) message += " (and " + count_of(more, "more problem") + ")";
  return {Code::invalid, std::move(message), {}, errors};
}

std::string describe(const value& v) {
  switch (v.kind()) {
    case boost::json::kind::null: return "null";
    case boost::json::kind::bool_: return v.get_bool() ? "true" : "false";
    case boost::json::kind::int64: return "number " + to_text(v.get_int64());
    case boost::json::kind::uint64: return "number " + std::to_string(v.get_uint64());
    case boost::json::kind::double_: return "number " + to_text(v.get_double());
    case boost::json::kind::string: return "the string " + quoted({v.get_string().data(), v.get_string().size()});
    case boost::json::kind::array: return "an array of " + count_of(v.get_array().size(), "item");
    case boost::json::kind::object: return "an object of " + count_of(v.get_object().size(), "member");
  }
  return "something else";
}

std::optional<std::string> nearest(std::string_view word, const std::vector<std::string>& candidates) {
  return mayfly::nearest(word, candidates);
}

}  // namespace mayfly::json
