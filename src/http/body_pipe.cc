#include "http/body_pipe.h"

#include <algorithm>
#include <cstring>

namespace mayfly::http {

BodyPipe::BodyPipe(std::optional<std::uint64_t> length, std::function<void()> wanted)
    : length_(length), wanted_(std::move(wanted)) {}

bool BodyPipe::wants() {
  const std::lock_guard lock(mutex_);
  const bool yes = reading_ && !ended_ && held() < capacity;
  writer_waits_ = !yes;
  return yes;
}

void BodyPipe::push(std::string piece) {
  if (piece.empty()) return;
  const std::lock_guard lock(mutex_);
  bytes_.erase(0, taken_);
  taken_ = 0;
  if (bytes_.empty()) {
    bytes_ = std::move(piece);
  } else {
    bytes_ += piece;
  }
  arrived_.notify_one();
}

void BodyPipe::finish() {
  const std::lock_guard lock(mutex_);
  ended_ = true;
  arrived_.notify_one();
}

void BodyPipe::fail(Error error) {
  const std::lock_guard lock(mutex_);
  if (ended_) return;
  ended_ = true;
  error_ = std::move(error);
  arrived_.notify_one();
}

Result<std::size_t> BodyPipe::read(std::span<char> room) {
  CHECK(!room.empty());
  std::unique_lock lock(mutex_);
  const auto wake_writer = [&] {
    if (!writer_waits_ || !useful()) return;
    writer_waits_ = false;
    lock.unlock();
    wanted_();
    lock.lock();
  };
  reading_ = true;
  wake_writer();
  arrived_.wait(lock, [&] { return held() > 0 || ended_; });
  if (held() == 0) {
    if (error_) return tl::unexpected<Error>(*error_);
    return 0;
  }
  const auto size = std::min(room.size(), held());
  std::memcpy(room.data(), bytes_.data() + taken_, size);
  taken_ += size;
  wake_writer();
  return size;
}

}  // namespace mayfly::http
