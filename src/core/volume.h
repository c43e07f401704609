#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "core/lifetime.h"
#include "core/resource.h"

namespace mayfly {

/// A folder that outlives the sandboxes that mount it, or a database: such a folder with one file in it.
/// Its bytes are a layer on the host, as a sandbox's are.
/// Its resource is `writing` until the layer stands, then `active`.
struct Volume {
  Resource resource;                 // generation 0: nothing ever runs on it
  Lifetime lifetime;                 // without an end, but for one that was found on the host and in no row
  std::int64_t size_mb = 1024;       // MiB
  int layer = 1;
  ResourceId restored_from;          // arc_..., or empty
  std::int64_t maker = 0;            // while writing: epoch of the process that makes it
  std::vector<std::string> caveats;  // what this host could not enforce as asked
  std::string cleanup_task;          // clt_... once it is being deleted
};

constexpr std::int64_t default_volume_mb = 1024, largest_volume_mb = 1 << 24;

inline void set_state(Volume& volume, State state) { volume.resource.state = volume.lifetime.state = state; }

/// As that of a sandbox: lower-case letters, digits and inner hyphens, 1 to 63.
Status check_volume_name(std::string_view name);

}  // namespace mayfly
