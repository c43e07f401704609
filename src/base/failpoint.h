#pragma once
// Named places where a test build can be made to die as by kill -9. A release build contains nothing of this.
//
//   FAILPOINT("stop_sandbox.after_effect");
//
// MAYFLY_FAILPOINT=NAME[:N] in the environment of a test build kills the process at the Nth pass (default 1).
// `mayfly serve --list-failpoints` prints every name, whether or not the run would reach it.

#include <string_view>
#include <vector>

namespace mayfly::failpoint {

#ifdef MAYFLY_TEST_BUILD
void hit(std::string_view name);
std::vector<std::string_view> names();
#define FAILPOINT(literal)                                                                          \
  do {                                                                                              \
    static const char* const failpoint_name __attribute__((section("mayfly_failpoints"), used)) = literal; \
    ::mayfly::failpoint::hit(failpoint_name);                                                       \
  } while (false)
#else
#define FAILPOINT(literal) \
  do {                     \
  } while (false)
#endif

}  // namespace mayfly::failpoint
