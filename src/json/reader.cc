#include "json/reader.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "json/words.h"

namespace mayfly::json {

namespace {

// More complaints than this help nobody; the rest is counted.
constexpr std::size_t complaint_limit = 50;
// From 2^53 on a number written with a point may not be the number that was meant.
constexpr double exact_limit = 9007199254740992.0;

constexpr std::string_view nothing = "nothing";

std::optional<std::int64_t> as_integer(const value& v) {
  if (v.is_int64()) return v.get_int64();
  if (!v.is_double()) return std::nullopt;
  const double number = v.get_double();
  if (std::abs(number) >= exact_limit || number != std::trunc(number)) return std::nullopt;
  return static_cast<std::int64_t>(number);
}

// What is wrong with a string, as expected and found; nothing when it is fine.
std::optional<std::pair<std::string, std::string>> trouble_of_text(const value& v, TextLimits limits) {
  if (!v.is_string()) return std::pair(text_within(limits), describe(v));
  const auto& text = v.get_string();
  if (const auto nul = text.find('\0'); nul != text.npos) {
    return std::pair(std::string("a string without NUL characters"), "a NUL at byte " + std::to_string(nul));
  }
  if (text.size() < limits.min || text.size() > limits.max) {
    return std::pair(text_within(limits), "a string of " + std::to_string(text.size()) + " bytes");
  }
  return std::nullopt;
}

}  // namespace

struct Reader::Shared {
  struct Visit {
    std::string path;
    std::set<std::string, std::less<>> asked;
  };

  value root;                            // never changed, so pointers into it stay good
  std::optional<Error> broken;           // the text is no JSON object at all
  std::vector<FieldError> errors;
  std::size_t dropped = 0;               // errors past the limit
  std::map<const object*, Visit> visits;
  std::vector<const object*> in_order;   // of the first visit

  void complain(std::string path, std::string expected, std::string found) {
    if (errors.size() < complaint_limit) {
      errors.push_back({std::move(path), std::move(expected), std::move(found)});
    } else {
      ++dropped;
    }
  }

  void visit(const object* here, const std::string& path) {
    if (here && visits.try_emplace(here, Visit{path, {}}).second) in_order.push_back(here);
  }

  void complain_of_unknown(const object& here, const Visit& visit) {
    const std::vector<std::string> known(visit.asked.begin(), visit.asked.end());
    for (const auto& member : here) {
      const std::string_view key(member.key().data(), member.key().size());
      if (visit.asked.contains(key)) continue;
      const auto near = nearest(key, known);
      complain(below(visit.path, key),
               near ? "no such member; did you mean " + *near + "?" : "no such member; known ones: " + listed(known),
               describe(member.value()));
    }
  }
};

Reader::Reader(std::string_view text) : shared_(std::make_shared<Shared>()), here_(nullptr) {
  if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) {
    shared_->root = object();
  } else if (auto parsed = parse(text)) {
    shared_->root = std::move(*parsed);
  } else {
    shared_->broken = std::move(parsed).error();
    return;
  }
  here_ = shared_->root.if_object();
  if (!here_) shared_->complain("", "a JSON object", describe(shared_->root));
  if (!here_) shared_->broken = error_of(shared_->errors, 0);
  shared_->visit(here_, path_);
}

Reader::Reader(object root) : shared_(std::make_shared<Shared>()), here_(nullptr) {
  shared_->root = std::move(root);
  here_ = &shared_->root.get_object();
  shared_->visit(here_, path_);
}

Reader::Reader(std::shared_ptr<Shared> shared, const object* here, std::string path)
    : shared_(std::move(shared)), here_(here), path_(std::move(path)) {
  shared_->visit(here_, path_);
}

const value* Reader::look(std::string_view key) const {
  if (!here_) return nullptr;
  shared_->visits.at(here_).asked.emplace(key);
  return here_->if_contains(boost::json::string_view(key.data(), key.size()));
}

// The member when it is there and not null; a complaint when it is missing though required.
const value* Reader::present(std::string_view key, bool required, const std::string& expected) {
  const auto* found = look(key);
  if (found && !found->is_null()) return found;
  if (required) complain(key, expected, found ? "null" : std::string(nothing));
  return nullptr;
}

void Reader::complain(std::string_view key, std::string expected, std::string found) {
  shared_->complain(below(path_, key), std::move(expected), std::move(found));
}

bool Reader::has(std::string_view key) const { return look(key) != nullptr; }

bool Reader::is_null(std::string_view key) const {
  const auto* found = look(key);
  return found && found->is_null();
}

const value* Reader::raw(std::string_view key) { return look(key); }

std::optional<std::string> Reader::text(std::string_view key, TextLimits limits, bool required) {
  const auto* found = present(key, required, text_within(limits));
  if (!found) return std::nullopt;
  if (auto trouble = trouble_of_text(*found, limits)) {
    complain(key, std::move(trouble->first), std::move(trouble->second));
    return std::nullopt;
  }
  return std::string(found->get_string());
}

std::string Reader::string(std::string_view key, TextLimits limits) { return text(key, limits, true).value_or(""); }

std::optional<std::string> Reader::optional_string(std::string_view key, TextLimits limits) {
  return text(key, limits, false);
}

std::optional<std::string> Reader::optional_word(std::string_view key, const std::vector<std::string>& allowed) {
  const auto* found = present(key, false, {});
  if (!found) return std::nullopt;
  if (found->is_string()) {
    std::string word(found->get_string());
    if (std::ranges::find(allowed, word) != allowed.end()) return word;
  }
  complain(key, "one of " + listed(allowed), describe(*found));
  return std::nullopt;
}

std::optional<bool> Reader::optional_bool(std::string_view key) {
  const auto* found = present(key, false, {});
  if (!found) return std::nullopt;
  if (found->is_bool()) return found->get_bool();
  complain(key, "true or false", describe(*found));
  return std::nullopt;
}

std::optional<std::int64_t> Reader::whole(std::string_view key, IntegerLimits limits, bool required) {
  const auto* found = present(key, required, integer_within(limits));
  if (!found) return std::nullopt;
  const auto number = as_integer(*found);
  if (number && *number >= limits.min && *number <= limits.max) return number;
  complain(key, integer_within(limits), describe(*found));
  return std::nullopt;
}

std::int64_t Reader::integer(std::string_view key, IntegerLimits limits) {
  return whole(key, limits, true).value_or(0);
}

std::optional<std::int64_t> Reader::optional_integer(std::string_view key, IntegerLimits limits) {
  return whole(key, limits, false);
}

std::optional<double> Reader::optional_number(std::string_view key, NumberLimits limits) {
  const auto* found = present(key, false, {});
  if (!found) return std::nullopt;
  if (found->is_number()) {
    const double number = found->to_number<double>();
    if (number >= limits.min && number <= limits.max) return number;
  }
  complain(key, number_within(limits), describe(*found));
  return std::nullopt;
}

std::optional<std::map<std::string, std::string>> Reader::optional_string_map(std::string_view key,
                                                                              std::size_t max_entries,
                                                                              TextLimits limits) {
  const auto* found = present(key, false, {});
  if (!found) return std::nullopt;
  const auto expected = "an object of at most " + count_of(max_entries, "string");
  if (!found->is_object() || found->get_object().size() > max_entries) {
    complain(key, expected, describe(*found));
    return std::nullopt;
  }
  std::map<std::string, std::string> texts;
  bool fine = true;
  for (const auto& member : found->get_object()) {
    const std::string name(member.key());
    auto trouble = trouble_of_text(member.value(), limits);
    if (name.find('\0') != name.npos) trouble.emplace("a name without NUL characters", "a NUL in the name");
    const auto path = below(below(path_, key), name);
    if (trouble) shared_->complain(path, std::move(trouble->first), std::move(trouble->second));
    fine = fine && !trouble;
    if (fine) texts.emplace(name, member.value().get_string());
  }
  if (!fine) return std::nullopt;
  return texts;
}

std::optional<std::vector<std::string>> Reader::optional_string_list(std::string_view key, std::size_t max_entries,
                                                                     TextLimits limits) {
  const auto* found = present(key, false, {});
  if (!found) return std::nullopt;
  const auto expected = "an array of at most " + count_of(max_entries, "string");
  if (!found->is_array() || found->get_array().size() > max_entries) {
    complain(key, expected, describe(*found));
    return std::nullopt;
  }
  std::vector<std::string> texts;
  bool fine = true;
  std::size_t index = 0;
  for (const auto& item : found->get_array()) {
    auto trouble = trouble_of_text(item, limits);
    const auto path = below(path_, key) + "[" + std::to_string(index++) + "]";
    if (trouble) shared_->complain(path, std::move(trouble->first), std::move(trouble->second));
    fine = fine && !trouble;
    if (fine) texts.emplace_back(item.get_string());
  }
  if (!fine) return std::nullopt;
  return texts;
}

Reader Reader::nested(std::string_view key) {
  const auto* found = present(key, false, {});
  if (found && !found->is_object()) complain(key, "an object", describe(*found));
  return {shared_, found ? found->if_object() : nullptr, below(path_, key)};
}

std::vector<Reader> Reader::objects(std::string_view key, std::size_t max_entries) {
  std::vector<Reader> readers;
  const auto* found = present(key, false, {});
  if (!found) return readers;
  if (!found->is_array() || found->get_array().size() > max_entries) {
    complain(key, "an array of at most " + count_of(max_entries, "object"), describe(*found));
    return readers;
  }
  std::size_t index = 0;
  for (const auto& item : found->get_array()) {
    const auto path = below(path_, key) + "[" + std::to_string(index++) + "]";
    if (!item.is_object()) shared_->complain(path, "an object", describe(item));
    readers.push_back({shared_, item.if_object(), path});
  }
  return readers;
}

Status Reader::finish() {
  CHECK(path_.empty());
  if (shared_->broken) return tl::unexpected<Error>(*shared_->broken);
  for (const auto* object : std::exchange(shared_->in_order, {})) {
    shared_->complain_of_unknown(*object, shared_->visits.at(object));
  }
  if (shared_->errors.empty()) return {};
  return tl::unexpected<Error>(error_of(shared_->errors, shared_->dropped));
}

}  // namespace mayfly::json
