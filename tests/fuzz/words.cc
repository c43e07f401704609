#include "fuzz/targets.h"
#include "base/id.h"
#include "base/result.h"
#include "base/time.h"

namespace mayfly::fuzz {

/// Ids and instants; a cursor of a list that has no grammar is the id of a thing. What has one is in query.cc.
void words(std::string_view input) {
  if (const auto uuid = parse_uuid(input)) {
    CHECK(parse_uuid(hex(*uuid)) == uuid && parse_uuid(dashed(*uuid)) == uuid);
  }
  if (const auto uuid = uuid_in(input)) CHECK(input.ends_with(hex(*uuid)));
  if (const auto incarnation = parse_incarnation(input)) CHECK(to_string(*incarnation) == input);
  if (const auto at = parse_wall_time(input)) {
    const auto again = parse_wall_time(format(*at));
    CHECK(again && *again == *at);
  }
}

}  // namespace mayfly::fuzz
