#pragma once
// What crun is told about a sandbox. Pure: a value in, the text of a config.json out.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/id.h"
#include "driver/crun/cgroups.h"
#include "driver/crun/userns.h"

namespace mayfly::crun {

/// A volume, attached on the host already.
struct BoundVolume {
  std::string from;
  std::string path;      // inside
  bool read_only = false;
};

struct Bundle {
  Incarnation incarnation;
  IdRange ids;
  Limits limits;
  std::map<std::string, std::string> env;   // of the agent, and by it of every process
  std::string agent;                        // the host's file, bound over /.mayfly/agent
  std::string seccomp;                      // seccomp_filter()
  std::string resolver_file;                // the host's file, bound over /etc/resolv.conf; empty: none
  std::vector<BoundVolume> volumes;
  std::int64_t shared_memory_bytes = 64 << 20;
  std::uint64_t open_files = 1024;          // never above what this process itself has: raising needs a capability
};

std::string config_json(const Bundle& bundle);

}  // namespace mayfly::crun
