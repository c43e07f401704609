#pragma once
// Volumes in a sandbox: each is attached in the run folder first, with the sandbox's range of user ids, and the
// container binds it from there. On disk a volume keeps the ids that every sandbox sees.

#include <string>
#include <vector>

#include "driver/crun/userns.h"
#include "ports/driver.h"

namespace mayfly::crun {

struct VolumePlan {
  std::string folder;     // of its files
  std::string path;       // inside
  bool read_only = false;
};

/// Attaches them below the run folder, nosuid and nodev: volumes/0, volumes/1, ... Its overlay stands already: what the
/// image makes of a path must be a fit place for a volume too.
Status attach_volumes(const std::vector<VolumePlan>& volumes, const std::string& run, const IdRange& ids);

/// Where the n-th of them is attached.
std::string volume_point(const std::string& run, std::size_t n);

/// Takes all of them away; when it returns, no file of a volume can be reached through the run folder.
Status detach_volumes(const std::string& run);

}  // namespace mayfly::crun
