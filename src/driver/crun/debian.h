#pragma once
// A Debian root file system made by debootstrap.

#include <string>

#include "ports/images.h"

namespace mayfly::crun {

struct DebianSource {
  std::string mirror;     // empty: what the host's apt is configured for
  std::string keyring;
  int lock_fd = -1;       // passed to every program, which holds it until its end
};

/// Makes `rootfs`, which must not be there yet. The tools run in namespaces of their own and end with this process, so
/// that nothing of them is left, neither processes nor mounts. What differs from build to build is taken out.
Status make_debian_rootfs(const ImageRecipe& recipe, const DebianSource& source, const std::string& rootfs,
                          const BuildWatch& watch);

}  // namespace mayfly::crun
