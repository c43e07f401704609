#pragma once
// Threads for what may block, and a bounded queue in front of them.

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace mayfly::http {

class Pool {
 public:
  Pool(int threads, std::size_t queue_limit);
  ~Pool();  // stops

  /// False when the queue is full or the pool has stopped. Jobs do not throw.
  bool submit(std::function<void()> job);
  std::size_t waiting() const;
  /// Drops what waits; returns when what runs has ended.
  void stop();

 private:
  bool begin_thread();
  void work();

  const std::size_t thread_limit_;
  const std::size_t queue_limit_;
  mutable std::mutex mutex_;
  std::condition_variable woken_;
  std::deque<std::function<void()>> queue_;
  std::vector<std::thread> threads_;  // begun when first needed
  std::size_t idle_ = 0;
  bool stopped_ = false;
};

}  // namespace mayfly::http
