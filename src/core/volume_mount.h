#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/id.h"
#include "base/result.h"
#include "core/resource.h"

namespace mayfly {

/// Where a sandbox sees a volume.
struct VolumeMount {
  ResourceId volume;         // in a wish also its name
  std::string path;          // absolute, inside
  bool read_only = false;
  Kind kind = Kind::volume;  // or a database: of a wish, whose name does not tell
  bool operator==(const VolumeMount& other) const {
    return volume == other.volume && path == other.path && read_only == other.read_only;
  }
};

// What one sandbox may mount: each is some kernel calls at every start.
constexpr std::size_t most_mounts = 16;

/// Absolute, plain (no "." or "..", no empty segment), not "/", and nothing that the sandbox itself is made of.
Status check_mount_path(std::string_view path);

/// The paths of all of them, and that none lies on or below another.
Status check_mounts(const std::vector<VolumeMount>& mounts);

}  // namespace mayfly
