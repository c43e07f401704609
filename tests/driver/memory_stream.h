#pragma once

#include <string>

#include "base/stream.h"

namespace mayfly::test {

class StringSink : public Sink {
 public:
  Status write(std::span<const char> bytes) override {
    text.append(bytes.data(), bytes.size());
    return {};
  }
  std::string text;
};

class StringSource : public Source {
 public:
  explicit StringSource(std::string text) : text_(std::move(text)) {}
  Result<std::size_t> read(std::span<char> room) override {
    const auto n = text_.copy(room.data(), room.size(), at_);
    at_ += n;
    return n;
  }

 private:
  std::string text_;
  std::size_t at_ = 0;
};

}  // namespace mayfly::test
