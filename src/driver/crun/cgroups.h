#pragma once
// Control groups of every kind of host: version 1 (one folder for each controller), version 2 (one tree), and hybrid
// (version 1 with controllers, and an empty version 2 tree called "unified" beside it, which is left alone).
//
// A sandbox has the same one-segment name in every hierarchy. What a process is a member of is the kernel's word, so
// nothing here trusts a stored pid.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "base/result.h"
#include "core/sandbox_spec.h"
#include "os/file.h"

namespace mayfly::crun {

using Milliseconds = std::chrono::milliseconds;

/// The limits that this host can hold a sandbox to. An absent one is told in `caveats`.
struct Limits {
  std::optional<std::int64_t> memory_bytes;
  bool swap = false;                    // memory and swap together stay below memory_bytes
  std::optional<double> cpus;
  std::optional<std::int64_t> pids;
  bool devices = false;                 // only the harmless devices can be opened
  std::vector<std::string> caveats;
};

/// So many microseconds of each period.
struct CpuQuota {
  std::int64_t us = 0, period_us = 0;
};
CpuQuota quota_of(double cpus);

class Cgroups {
 public:
  enum class Mode { none, v1, hybrid, v2 };

  explicit Cgroups(std::string root = "/sys/fs/cgroup");

  Mode mode() const { return mode_; }
  /// Folders in which a sandbox has a group: one for each version 1 hierarchy, or the root of version 2.
  std::vector<std::string> hierarchies() const;
  /// The empty version 2 tree of a hybrid host.
  std::string unified() const { return root_ + "/unified"; }
  Limits enforceable(const Resources& wanted) const;

  /// Names of groups, at the top of any hierarchy or in the group `in`, that begin with `prefix`.
  Result<std::vector<std::string>> list(std::string_view prefix, const std::string& in = {}) const;
  /// Where the group exists.
  std::vector<std::string> folders_of(const std::string& name) const;
  /// Processes in it, in any hierarchy and at any depth, each once.
  Result<std::vector<pid_t>> members(const std::string& name) const;
  /// The same, asked of one hierarchy: all of them while nothing is half made, in a ninth of the time on version 1.
  Result<std::vector<pid_t>> members_in_one(const std::string& name) const;

  /// Holds a group that is there to other limits from now on. not_found: there is none.
  Status limit(const std::string& name, const Limits& limits) const;

  /// SIGKILL to all in it, frozen or not, until nothing is. Code::busy names who would not go in `patience`.
  Status kill(const std::string& name, Milliseconds patience) const;
  /// Waits until every process stands still. Code::not_found when nothing runs in it.
  Status freeze(const std::string& name, Milliseconds patience) const;
  Status thaw(const std::string& name, Milliseconds patience) const;
  bool frozen(const std::string& name) const;
  /// Removes the empty group everywhere. Absent is success.
  Status remove(const std::string& name, Milliseconds patience) const;

  std::int64_t memory_bytes(const std::string& name) const;
  std::int64_t cpu_us(const std::string& name) const;

  /// Moves this process to where it is. The first move in a while waits for all cores, some 8 ms, and makes those that
  /// follow within about as long quick: done while a create is written down, it takes that wait out of crun's way.
  void warm_up() const;

  /// Makes a group, with parents, in one hierarchy only: it limits nothing and keeps count. Opens its cgroup.procs.
  Result<os::Fd> open_count_only(const std::string& name) const;

 private:
  struct Hierarchy {
    std::string folder;
    std::vector<std::string> controllers;
  };

  const Hierarchy* with(std::string_view controller) const;
  std::string file(std::string_view controller, const std::string& name, std::string_view leaf) const;
  Status set_frozen(const std::string& name, bool wanted, Milliseconds patience) const;

  std::string root_;
  Mode mode_ = Mode::none;
  std::vector<Hierarchy> hierarchies_;
};

}  // namespace mayfly::crun
