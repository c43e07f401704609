#pragma once
// One last act before Ctrl-C, a hangup or a polite kill ends the program.

#include <functional>
#include <thread>

namespace mayfly::cli {

/// While it lives, SIGINT, SIGTERM and SIGHUP run `last_act` on a thread of its own and then end the program with
/// 128 + signal, whatever else is going on. To be made before other threads are, since they inherit what it blocks.
class OnInterrupt {
 public:
  explicit OnInterrupt(std::function<void()> last_act);
  ~OnInterrupt();
  OnInterrupt(const OnInterrupt&) = delete;
  OnInterrupt& operator=(const OnInterrupt&) = delete;

 private:
  void watch(const std::function<void()>& last_act) const;
  int signals_ = -1;
  int over_ = -1;
  std::thread watcher_;
};

}  // namespace mayfly::cli
