#include "main/alarm.h"

#include <algorithm>

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

namespace mayfly {

namespace {

timespec spec_of(Duration d) {
  const auto whole = std::chrono::duration_cast<std::chrono::seconds>(d);
  return {whole.count(), static_cast<long>((d - whole).count() * 1000)};
}

void drain(int fd) {
  std::uint64_t count;
  while (::read(fd, &count, sizeof count) > 0) {
  }
}

}  // namespace

Result<Alarm> Alarm::make() {
  Alarm alarm;
  alarm.timer_ = os::Fd(::timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK));
  alarm.wall_ = os::Fd(::timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK));
  alarm.bell_ = os::Fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!alarm.timer_ || !alarm.wall_ || !alarm.bell_) return tl::unexpected(errno_error(errno, "making a timer"));
  alarm.watch_wall_clock();
  return alarm;
}

void Alarm::watch_wall_clock() {
  itimerspec never{};
  never.it_value.tv_sec = std::int64_t{1} << 40;
  ::timerfd_settime(wall_.get(), TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, nullptr);
}

void Alarm::wait(std::optional<Duration> in) {
  itimerspec when{};
  // Zero would disarm the timer; a microsecond is as good as now.
  if (in) when.it_value = spec_of(std::max(*in, Duration(1)));
  ::timerfd_settime(timer_.get(), 0, &when, nullptr);
  pollfd fds[] = {{timer_.get(), POLLIN, 0}, {wall_.get(), POLLIN, 0}, {bell_.get(), POLLIN, 0}};
  ::poll(fds, 3, -1);
  drain(bell_.get());
  drain(timer_.get());
  if (fds[1].revents) {
    drain(wall_.get());
    watch_wall_clock();
  }
}

void Alarm::ring() const {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto wrote = ::write(bell_.get(), &one, sizeof one);
}

}  // namespace mayfly
