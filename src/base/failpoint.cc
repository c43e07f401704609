#include "base/failpoint.h"

#ifdef MAYFLY_TEST_BUILD

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <string>

#include <unistd.h>

extern "C" {
extern const char* const __start_mayfly_failpoints[] __attribute__((weak));
extern const char* const __stop_mayfly_failpoints[] __attribute__((weak));
}

namespace mayfly::failpoint {

namespace {

struct Armed {
  std::string name;
  std::atomic<long> passes_left{0};

  Armed() {
    const char* wish = std::getenv("MAYFLY_FAILPOINT");
    if (!wish) return;
    name = wish;
    const auto colon = name.rfind(':');
    const bool counted = colon != std::string::npos;
    passes_left = counted ? std::strtol(name.c_str() + colon + 1, nullptr, 10) : 1;
    if (counted) name.resize(colon);
  }
};

}  // namespace

void hit(std::string_view name) {
  static Armed armed;
  if (armed.name.empty() || armed.name != name) return;
  if (--armed.passes_left == 0) ::kill(::getpid(), SIGKILL);
}

std::vector<std::string_view> names() {
  std::vector<std::string_view> all(__start_mayfly_failpoints, __stop_mayfly_failpoints);
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

}  // namespace mayfly::failpoint

#endif
