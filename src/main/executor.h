#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

namespace mayfly {

/// A few threads for what must not run where it arose. Stopping runs what is queued, then joins.
class Executor {
 public:
  explicit Executor(int threads);
  ~Executor() { stop(); }
  void post(std::function<void()> work);
  void stop();

 private:
  void run();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> queue_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

/// Something to wake threads with that is not lost when it comes before they sleep.
class Bell {
 public:
  void ring_one();
  void ring_all();
  void stop();
  /// False once stopped. Sleeps until rung, or until `in` has passed.
  bool wait(std::optional<std::chrono::microseconds> in);

 private:
  std::mutex mutex_;
  std::condition_variable rung_;
  int pending_ = 0;
  int sleepers_ = 0;
  bool stopped_ = false;
};

}  // namespace mayfly
