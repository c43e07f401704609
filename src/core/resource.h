#pragma once
// The spine: one row for every thing that can be deleted, whatever its kind.

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/id.h"
#include "base/time.h"

namespace mayfly {

enum class Kind { organization, workspace, sandbox, archive, volume, image, app, element, database, runtime };

/// What every part that handles any kind reads about one: written once, here.
struct KindDescriptor {
  Kind kind;
  std::string_view name;       // "sandbox"
  std::string_view prefix;     // of its ids: "sbx_"
  bool has_lifetime;           // its end can be a deadline
  bool has_bytes;              // a layer on the host, which goes with a permit only: core/holder.h
  Kind parent;                 // what it lies in and is deleted with; an organization's lies in itself
  bool trashed;                // its delete is the trash first (core/trash.h); others go at once
};
const KindDescriptor& describe(Kind kind);
std::optional<Kind> parse_kind(std::string_view name);
std::optional<Kind> kind_of_id(std::string_view id);
/// The kinds that lie in things of this one.
const std::vector<Kind>& kinds_in(Kind parent);

/// Every state of every kind. Which moves are legal: core/lifecycle.h.
enum class State {
  active,      // workspace, verified archive, volume, runtime: there, and nothing runs
  writing,     // archive, volume: its bytes are being written
  requested, starting, running, pausing, paused, resuming, stopping, stopped, failed,  // sandbox
  trashed,     // workspace, app, element, database: hidden, and may come back
  deleting, gone,
};
std::string_view name(State state);
std::optional<State> parse_state(std::string_view name);

using Labels = std::map<std::string, std::string>;

struct Resource {
  ResourceId id;
  Kind kind = Kind::sandbox;
  ResourceId parent;             // empty at the top
  ResourceId workspace;          // empty for organizations
  std::string name;
  bool name_held = true;         // false from the commit that deletes or expires it: the name is free then
  State state = State::active;
  int generation = 0;            // of its containers, +1 per start
  Labels labels;
  Time created_at{};
  Time updated_at{};
  std::optional<Time> deleted_at;   // when the delete was accepted
};

Uuid uid_of(const ResourceId& id);  // CHECKs that it is one

}  // namespace mayfly
