// One fuzzing program: FUZZ_TARGET names what it fuzzes.

#include <cstddef>
#include <cstdint>

#include "../targets.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  mayfly::fuzz::FUZZ_TARGET({reinterpret_cast<const char*>(data), size});
  return 0;
}
