#pragma once

#include <cstdint>
#include <mutex>
#include <set>

#include "base/result.h"
#include "os/file.h"

namespace mayfly::crun {

/// Ids 0 .. size-1 of a sandbox are base .. base+size-1 of the host.
struct IdRange {
  std::uint32_t base = 0;
  std::uint32_t size = 65536;
};

/// A user namespace with that mapping, to describe an idmapped mount by; no process is left in it.
Result<os::Fd> make_user_namespace(const IdRange& range);

/// Hands out disjoint ranges by slot. What is taken is written down by the caller; `remember` tells it again.
class IdRanges {
 public:
  IdRanges(std::uint32_t base, std::uint32_t size) : base_(base), slots_(size / IdRange{}.size) {}

  Result<std::uint32_t> take();   // Code::exhausted
  void remember(std::uint32_t slot);
  void give_back(std::uint32_t slot);
  IdRange range(std::uint32_t slot) const { return {base_ + slot * IdRange{}.size, IdRange{}.size}; }

 private:
  const std::uint32_t base_;
  const std::uint32_t slots_;
  std::mutex mutex_;
  std::set<std::uint32_t> taken_;
};

}  // namespace mayfly::crun
