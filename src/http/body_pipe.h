#pragma once
// A request body on its way from the I/O thread to the one handler that reads it. Never more than `capacity` and one
// piece of it waits in memory: the I/O thread stops reading until the handler wants more.

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <optional>
#include <string>

#include "http/message.h"

namespace mayfly::http {

class BodyPipe final : public BodyReader {
 public:
  static constexpr std::size_t capacity = 256 * 1024;

  /// `wanted` is called on the reading thread when, after wants() said no, there is a use for more bytes.
  BodyPipe(std::optional<std::uint64_t> length, std::function<void()> wanted);

  /// Whether the handler has begun to read and there is room.
  bool wants();
  void push(std::string piece);
  /// The end, or why there will be none. Only the first call counts; one of them must come, since read() waits for it.
  void finish();
  void fail(Error error);

  Result<std::size_t> read(std::span<char> room) override;
  std::optional<std::uint64_t> length() const override { return length_; }

 private:
  std::size_t held() const { return bytes_.size() - taken_; }
  bool useful() const { return reading_ && !ended_ && held() < capacity / 2; }

  const std::optional<std::uint64_t> length_;
  const std::function<void()> wanted_;
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::string bytes_;
  std::size_t taken_ = 0;         // of bytes_, from its front
  bool reading_ = false;
  bool ended_ = false;
  bool writer_waits_ = false;
  std::optional<Error> error_;
};

}  // namespace mayfly::http
