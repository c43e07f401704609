#include <algorithm>
#include <cmath>

#include "fuzz/targets.h"
#include "json/bytes.h"
#include "json/reader.h"

namespace mayfly::fuzz {

namespace {

/// What a body of a create looks like, and a few members more: every kind of member that a Reader knows.
void read_all(json::Reader body) {
  body.optional_string("name", {.max = 63});
  body.string("image", {.min = 1, .max = 100});
  body.optional_word("mode", {"stop", "pause", "delete"});
  body.optional_bool("archive");
  body.integer("count", {.min = 0, .max = 1000});
  body.optional_integer("size");
  body.optional_string_map("env", 4, {.max = 100});
  body.optional_string_list("command", 4);
  auto nested = body.nested("lifetime");
  nested.optional_number("idle_seconds", {.min = 1, .max = 31'536'000});
  nested.nested("deeper").optional_bool("yes");
  for (auto& one : body.objects("mounts", 3)) one.string("path");
  body.raw("any");

  const auto done = body.finish();
  if (done) return;
  CHECK(done.error().code == Code::invalid && !done.error().message.empty());
  CHECK(json::is_text(done.error().message));
  for (const auto& field : done.error().fields) CHECK(json::is_text(field.path) && json::is_text(field.found));
}

/// Equal, but for the last bits of what is no integer: the reader of numbers is quick and not exact.
bool same(const json::value& a, const json::value& b) {
  if (a.is_double() && b.is_double())
    return std::abs(a.get_double() - b.get_double()) <= 1e-12 * std::abs(a.get_double());
  if (a.is_array() && b.is_array())
    return std::equal(a.get_array().begin(), a.get_array().end(), b.get_array().begin(), b.get_array().end(), same);
  if (!a.is_object() || !b.is_object()) return a == b;
  return a.get_object().size() == b.get_object().size() &&
         std::all_of(a.get_object().begin(), a.get_object().end(), [&](const auto& member) {
           const auto* other = b.get_object().if_contains(member.key());
           return other && same(member.value(), *other);
         });
}

}  // namespace

void json(std::string_view input) {
  if (const auto value = json::parse(input)) {
    const auto text = boost::json::serialize(*value);
    const auto again = json::parse(text);
    CHECK(again && same(*value, *again));
    json::describe(*value);
  }
  read_all(json::Reader(input));

  const auto text = json::as_text(input);
  CHECK(json::is_text(text));
  CHECK(!json::is_text(input) || text == input);
  CHECK(json::unfinished_tail(input) <= std::min<std::size_t>(3, input.size()));
  CHECK(json::from_base64(json::base64(input)) == std::string(input));
  if (const auto bytes = json::from_base64(input)) CHECK(json::base64(*bytes) == input);
}

}  // namespace mayfly::fuzz
