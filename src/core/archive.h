#pragma once

#include <string>

#include "base/manifest.h"
#include "core/lifetime.h"
#include "core/resource.h"
#include "core/sandbox_spec.h"

namespace mayfly {

/// Archives made before a delete live this long, unless somebody says otherwise.
constexpr Duration archive_retention = std::chrono::hours(7 * 24);

/// One layer, kept: immutable bytes under a key, and what they were found to hold when they were read back.
/// Its resource is `writing` until that was verified, then `active`.
struct Archive {
  Resource resource;              // named after the sandbox; parent is the workspace
  Lifetime lifetime;
  ResourceId sandbox;
  std::string sandbox_name;
  int layer = 1;
  int generation = 0;             // of the last container that wrote to the layer
  SandboxSpec spec;               // to make another one like it; names and pins the base image
  std::string key;                // in the blob store; the manifest's is key + ".manifest"
  ManifestSummary content;
  std::int64_t stored_bytes = 0;  // compressed
  std::optional<Time> verified_at;
};

inline std::string manifest_key(const Archive& archive) { return archive.key + ".manifest"; }

}  // namespace mayfly
