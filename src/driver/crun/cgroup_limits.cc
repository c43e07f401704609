#include <algorithm>
#include <cmath>

#include <fcntl.h>
#include <unistd.h>

#include "driver/crun/cgroups.h"

namespace mayfly::crun {

namespace {

Status put(const std::string& path, const std::string& text) {
  const auto fd = TRY(os::open(path, O_WRONLY));
  if (::write(fd.get(), text.data(), text.size()) < 0)
    return tl::unexpected(errno_error(errno, "write " + text + " to " + path));
  return {};
}

}  // namespace

CpuQuota quota_of(double cpus) {
  constexpr std::int64_t period_us = 100'000;
  // The kernel takes no quota below a millisecond.
  return {std::max<std::int64_t>(std::llround(cpus * static_cast<double>(period_us)), 1000), period_us};
}

Status Cgroups::limit(const std::string& name, const Limits& limits) const {
  const bool v2 = mode_ == Mode::v2;
  if (folders_of(name).empty()) return fail(Code::not_found, "limit " + name + ": there is no such group");
  if (limits.cpus) {
    const auto quota = quota_of(*limits.cpus);
    const auto us = std::to_string(quota.us);
    TRY(v2 ? put(file("cpu", name, "cpu.max"), us + " " + std::to_string(quota.period_us))
           : put(file("cpu", name, "cpu.cfs_quota_us"), us));
  }
  if (limits.pids) TRY(put(file("pids", name, "pids.max"), std::to_string(*limits.pids)));
  if (!limits.memory_bytes) return {};
  const auto bytes = std::to_string(*limits.memory_bytes);
  if (v2) {
    TRY(put(file("memory", name, "memory.max"), bytes));
    return limits.swap ? put(file("memory", name, "memory.swap.max"), "0") : Status();
  }
  // Of memory, and of both together, which must never be the smaller: raised before it, lowered after it.
  const auto both = file("memory", name, "memory.memsw.limit_in_bytes");
  if (limits.swap) (void)put(both, bytes);
  TRY(put(file("memory", name, "memory.limit_in_bytes"), bytes));
  return limits.swap ? put(both, bytes) : Status();
}

}  // namespace mayfly::crun
