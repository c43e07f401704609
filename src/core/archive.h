#pragma once

#include <optional>
#include <string>
#include <string_view>

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
  ResourceId sandbox;             // or the volume that it is of
  std::string sandbox_name;
  int layer = 1;
  int generation = 0;             // of the last container that wrote to the layer
  SandboxSpec spec;               // to make another one like it; names and pins the base image
  std::string key;                // in the blob store
  ManifestSummary content;
  std::int64_t stored_bytes = 0;  // compressed
  std::optional<Time> verified_at;   // when its bytes were last read back and found right
  std::string verify_error;          // what the last look found instead; empty when all was well
};

/// It is of a volume, and so becomes one again; any other is of a sandbox.
inline bool of_volume(const Archive& archive) { return kind_of_id(archive.sandbox.text) == Kind::volume; }

/// Puts its end off by so much, or to that instant, and never brings it nearer. What is kept for ever stays so.
/// conflict: it is due already.
Status keep_longer(Lifetime& life, const lifetime::Extension& wish, Moment now, const Downtime& down);

/// The shape of the keys, in one place: where a new archive's bytes go, where its manifest goes, and whose archive an
/// object is, by its key alone (nothing: of none of ours).
std::string new_archive_key(const ResourceId& workspace, const ResourceId& sandbox, const ResourceId& archive);
std::string manifest_key(const Archive& archive);
std::optional<ResourceId> archive_of_key(std::string_view key);

}  // namespace mayfly
