#include "http/pool.h"

#include <system_error>
#include <utility>

namespace mayfly::http {

Pool::Pool(int threads, std::size_t queue_limit)
    : thread_limit_(static_cast<std::size_t>(threads)), queue_limit_(queue_limit) {}

Pool::~Pool() { stop(); }

bool Pool::submit(std::function<void()> job) {
  const std::lock_guard lock(mutex_);
  const bool starts_at_once = idle_ > queue_.size() || threads_.size() < thread_limit_;
  if (stopped_ || (!starts_at_once && queue_.size() >= queue_limit_)) return false;
  if (idle_ <= queue_.size() && threads_.size() < thread_limit_ && !begin_thread()) return false;
  queue_.push_back(std::move(job));
  woken_.notify_one();
  return true;
}

// A host without room for one more thread is served by those there are.
bool Pool::begin_thread() {
  try {
    threads_.emplace_back([this] { work(); });
  } catch (const std::system_error&) {
    return !threads_.empty();
  }
  return true;
}

std::size_t Pool::waiting() const {
  const std::lock_guard lock(mutex_);
  return queue_.size();
}

void Pool::stop() {
  std::deque<std::function<void()>> dropped;
  std::vector<std::thread> threads;
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    dropped.swap(queue_);
    threads.swap(threads_);
  }
  woken_.notify_all();
  for (auto& thread : threads) thread.join();
}

void Pool::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    ++idle_;
    woken_.wait(lock, [&] { return stopped_ || !queue_.empty(); });
    --idle_;
    if (stopped_) return;
    auto job = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    job();
    job = nullptr;  // what it holds is destroyed without the lock
    lock.lock();
  }
}

}  // namespace mayfly::http
