#pragma once
// A connected stream socket that is passed from hand to hand: an agent's tunnel to a port, on its way to whoever moves
// its bytes.

#include <utility>

#include <unistd.h>

namespace mayfly {

/// Bytes both ways, each way ended on its own (shutdown). What is sent before a way ends arrives before that end.
/// Does not block. Closed when dropped.
class ByteChannel {
 public:
  ByteChannel() = default;
  explicit ByteChannel(int fd) : fd_(fd) {}
  ByteChannel(ByteChannel&& other) noexcept : fd_(other.release()) {}
  ByteChannel& operator=(ByteChannel&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~ByteChannel() {
    if (fd_ >= 0) ::close(fd_);
  }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_ = -1;
};

}  // namespace mayfly
