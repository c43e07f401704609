#pragma once
// The root file system of a sandbox: a read-only image below, its own layer above, both seen through its range of
// user ids. On disk both keep the ids that the sandbox sees, so an archive needs no arithmetic and the next start may
// use another range.

#include <string>

#include "base/result.h"
#include "driver/crun/userns.h"

namespace mayfly::crun {

struct OverlayPlan {
  std::string image;    // folder of the root file system
  std::string layer;    // folder with `upper` and `work`
  std::string run;      // folder with `merged`, the mount point
  std::string tag;      // source in mountinfo
  IdRange ids;
};

/// How the layers are named to the kernel. Before Linux 6.13 only paths would do, of mounts attached for the moment.
enum class LayersBy { whatever_works, descriptor, path };

/// Mounts it writable, nosuid and nodev, or leaves no mount. Code::unsupported: no idmapped overlays here.
Status mount_overlay(const OverlayPlan& plan, LayersBy way = LayersBy::whatever_works);

}  // namespace mayfly::crun
