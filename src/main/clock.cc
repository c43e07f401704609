#include "main/clock.h"

#include <ctime>

#include <sys/random.h>

#include "os/file.h"

namespace mayfly {

Duration boottime() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::duration_cast<Duration>(std::chrono::nanoseconds(now.tv_nsec));
}

Result<std::string> boot_id() {
  auto text = TRY(os::read_file("/proc/sys/kernel/random/boot_id", 64));
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

WallTime BootClock::wall() const {
  return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now()) + wall_moved_.load();
}

void BootClock::move(Duration by) {
  if (by > Duration::zero()) moved_ = moved_.load() + by;
  wall_moved_ = wall_moved_.load() + by;
}

void SystemRandom::fill(void* bytes, std::size_t count) {
  auto* at = static_cast<char*>(bytes);
  while (count > 0) {
    const auto got = getrandom(at, count, 0);
    if (got < 0) continue;  // interrupted: a request this small cannot fail otherwise
    at += got;
    count -= static_cast<std::size_t>(got);
  }
}

}  // namespace mayfly
