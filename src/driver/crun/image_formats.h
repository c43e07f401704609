#pragma once
// From what people bring (docker-save, OCI layout, plain tar) to one root file system in a folder.

#include <cstdint>
#include <map>
#include <string>

#include "base/result.h"
#include "base/stream.h"

namespace mayfly::crun {

struct ImageLimits {
  std::int64_t most_bytes;
  std::int64_t most_entries;
  std::int64_t keep_free;
};

struct ImageSettings {
  std::map<std::string, std::string> env;
  std::string workdir = "/";
};

/// Unpacks `path` (tar in any form, or a folder with an OCI layout) into `work`/rootfs; `work` is an empty folder.
/// Every blob of an OCI layout must have the digest it is named by. Code::invalid: not an image; too_large: past a
/// limit.
Result<ImageSettings> unpack_image(const std::string& path, const std::string& work, const ImageLimits& limits);

/// The same for a tar that arrives.
Result<ImageSettings> unpack_image(Source& tar, const std::string& work, const ImageLimits& limits);

/// Makes what a container needs to find in its root: mount points that are real folders, and the agent's.
Status prepare_rootfs(const std::string& rootfs);

/// The folder that programs start in, where the image names one and does not bring it.
Status ensure_workdir(const std::string& rootfs, const std::string& workdir);

/// The root file system that consists of a static busybox.
Status make_busybox_rootfs(const std::string& busybox, const std::string& rootfs);

/// SHA-256 of everything in the tree, as hex. Times of folders do not count: unpacking itself moves them.
Result<std::string> tree_digest(const std::string& rootfs);

}  // namespace mayfly::crun
