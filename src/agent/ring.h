#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace mayfly::agent {

/// The newest bytes of a stream. It takes memory only as the stream fills it.
class Ring {
 public:
  /// Keeps the newest `most` bytes; with a smaller `most` than before, it stays as large as it has become.
  void append(std::string_view bytes, std::size_t most);

  /// At most `limit` bytes that stand at `from` or after the start of what is kept.
  std::string read(std::int64_t from, std::size_t limit) const;

  std::int64_t total() const { return total_; }
  std::int64_t start() const { return total_ - static_cast<std::int64_t>(kept_); }
  std::size_t memory() const { return data_.size(); }

  /// Gives back the room that is not filled.
  void shrink() { resize(kept_); }

 private:
  void resize(std::size_t room);
  void place(std::string_view bytes, std::int64_t offset);

  std::string data_;  // the byte at offset n of the stream stands at n modulo data_.size()
  std::size_t kept_ = 0;
  std::int64_t total_ = 0;
};

}  // namespace mayfly::agent
