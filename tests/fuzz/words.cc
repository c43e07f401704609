#include "fuzz/targets.h"
#include "base/id.h"
#include "base/result.h"
#include "base/time.h"

namespace mayfly::fuzz {

/// Ids, instants and cursors: a cursor of a native list is the id of a thing. A grammar of queries, such as a filter,
/// gets its lines here.
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
