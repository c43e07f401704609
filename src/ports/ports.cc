#include "ports/agent.h"
#include "ports/driver.h"
#include "ports/store.h"

#include <array>

namespace mayfly {

std::string_view name(Found::What what) {
  constexpr std::array names = {"process", "cgroup", "mount", "network", "runtime state",
                                "run folder", "layer", "trash", "socket", "volume"};
  return names[static_cast<std::size_t>(what)];
}

std::string_view name(FileInfo::Type type) {
  constexpr std::array names = {"file", "folder", "link", "fifo", "socket", "device"};
  return names[static_cast<std::size_t>(type)];
}

void Wakes::merge(const Wakes& other) {
  fast_work |= other.fast_work;
  slow_work |= other.slow_work;
  deadline_at(other.deadline);
  settled.insert(settled.end(), other.settled.begin(), other.settled.end());
}

}  // namespace mayfly
