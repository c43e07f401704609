#include "main/executor.h"

#include <algorithm>
#include <optional>

namespace mayfly {

Executor::Executor(int threads) {
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { run(); });
}

void Executor::post(std::function<void()> work) {
  {
    std::lock_guard guard(mutex_);
    queue_.push_back(std::move(work));
  }
  changed_.notify_one();
}

void Executor::run() {
  for (;;) {
    std::function<void()> work;
    {
      std::unique_lock guard(mutex_);
      changed_.wait(guard, [&] { return stopping_ || !queue_.empty(); });
      if (queue_.empty()) return;
      work = std::move(queue_.front());
      queue_.pop_front();
    }
    work();
  }
}

void Executor::stop() {
  {
    std::lock_guard guard(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  for (auto& thread : threads_)
    if (thread.joinable()) thread.join();
}

void Bell::ring_one() {
  {
    std::lock_guard guard(mutex_);
    pending_ = std::min(pending_ + 1, std::max(sleepers_, 1));
  }
  rung_.notify_one();
}

void Bell::ring_all() {
  {
    std::lock_guard guard(mutex_);
    pending_ = std::max(sleepers_, 1);
  }
  rung_.notify_all();
}

void Bell::stop() {
  {
    std::lock_guard guard(mutex_);
    stopped_ = true;
  }
  rung_.notify_all();
}

bool Bell::wait(std::optional<std::chrono::microseconds> in) {
  std::unique_lock guard(mutex_);
  const auto rung = [&] { return stopped_ || pending_ > 0; };
  ++sleepers_;
  if (in) rung_.wait_for(guard, *in, rung);
  else rung_.wait(guard, rung);
  --sleepers_;
  if (pending_ > 0) --pending_;
  return !stopped_;
}

}  // namespace mayfly
