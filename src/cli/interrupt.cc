#include "cli/interrupt.h"

#include <cerrno>
#include <csignal>
#include <cstdint>

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/result.h"

namespace mayfly::cli {

namespace {

sigset_t watched() {
  sigset_t set;
  ::sigemptyset(&set);
  for (int signal : {SIGINT, SIGTERM, SIGHUP}) ::sigaddset(&set, signal);
  return set;
}

}  // namespace

OnInterrupt::OnInterrupt(std::function<void()> last_act) {
  const auto set = watched();
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signals_ = ::signalfd(-1, &set, SFD_CLOEXEC);
  over_ = ::eventfd(0, EFD_CLOEXEC);
  CHECK(signals_ >= 0 && over_ >= 0);
  watcher_ = std::thread([this, last_act = std::move(last_act)] { watch(last_act); });
}

OnInterrupt::~OnInterrupt() {
  const std::uint64_t one = 1;
  CHECK(::write(over_, &one, sizeof one) == sizeof one);
  watcher_.join();
  ::close(signals_);
  ::close(over_);
  const auto set = watched();
  ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

void OnInterrupt::watch(const std::function<void()>& last_act) const {
  pollfd fds[] = {{signals_, POLLIN, 0}, {over_, POLLIN, 0}};
  while (::poll(fds, 2, -1) < 0 && errno == EINTR) {}
  if (fds[0].revents == 0) return;
  signalfd_siginfo info{};
  if (::read(signals_, &info, sizeof info) != sizeof info) return;
  last_act();
  ::_exit(128 + static_cast<int>(info.ssi_signo));
}

}  // namespace mayfly::cli
