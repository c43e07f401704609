#pragma once
// Bytes that a connection has received and not yet used.

#include <cstddef>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

namespace mayfly::http {

class Received {
 public:
  std::string_view view() const { return {bytes_.data() + begin_, end_ - begin_}; }
  void consume(std::size_t size) { begin_ += size; }

  /// Room for at least `size` more. Much more room than that is given back when nothing is held: there may be ten
  /// thousand idle connections.
  std::span<char> prepare(std::size_t size) {
    if (begin_ > 0) std::memmove(bytes_.data(), bytes_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
    if (end_ == 0 && bytes_.size() > 4 * size) std::vector<char>().swap(bytes_);
    if (bytes_.size() < end_ + size) bytes_.resize(end_ + size);
    return std::span(bytes_).subspan(end_);
  }
  void commit(std::size_t size) { end_ += size; }

 private:
  std::vector<char> bytes_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace mayfly::http
