#pragma once
// The root file system of a sandbox: a read-only image below, its own layer above, both seen through its range of
// user ids. On disk both keep the ids that the sandbox sees, so an archive needs no arithmetic and the next start may
// use another range.

#include <string>
#include <vector>

#include "base/result.h"
#include "driver/crun/userns.h"
#include "os/file.h"

namespace mayfly::crun {

struct OverlayPlan {
  std::string image;    // folder of the root file system
  std::string layer;    // folder with `upper` and `work`
  std::string run;      // folder with `merged`, the mount point
  std::string tag;      // source in mountinfo
  IdRange ids;
};

/// A detached copy of the mount at `path` with ids mapped and these MOUNT_ATTR_ attributes; it vanishes with its
/// descriptor. Code::unsupported: the file system cannot.
Result<os::Fd> idmapped(const std::string& path, const os::Fd& user_namespace, std::uint64_t attributes = 0);
Status attach(const os::Fd& tree, const std::string& point);

/// How the layers are named to the kernel. Before Linux 6.13 only paths would do, of mounts attached for the moment.
enum class LayersBy { whatever_works, descriptor, path };

/// Mounts it writable, nosuid and nodev, or leaves no mount. Code::unsupported: no idmapped overlays here.
Status mount_overlay(const OverlayPlan& plan, LayersBy way = LayersBy::whatever_works);

/// Takes away what mount_overlay made or left half made in the run folder. See mounts.h for the answer.
Result<std::vector<os::Fd>> unmount_overlay(const std::string& run);

}  // namespace mayfly::crun
