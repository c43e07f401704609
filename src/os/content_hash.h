#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "os/hash.h"

namespace mayfly::os {

struct ContentDigest {
  std::string sha256;
  /// Empty: sha256 is over all bytes. Else it is over the bytes outside the zero blocks, and this is the SHA-256 of
  /// the list of their runs, "OFFSET+LENGTH\n" each.
  std::string zeros;
};

/// The digest of a file's content in time that follows the bytes on disk: an eight exabyte hole costs nothing.
///
/// In a file of more than `always_whole` bytes, aligned blocks of `block` zero bytes count as holes, whether the disk
/// holds them or not, so the digest is the same on every file system. Other files have their plain SHA-256.
class ContentHash {
 public:
  static constexpr std::int64_t always_whole = 1 << 20;
  static constexpr std::size_t block = 64 << 10;

  explicit ContentHash(std::int64_t size);

  /// Bytes at `offset`; offsets never go back, and what they skip is zeros.
  void add(std::int64_t offset, std::span<const char> bytes);
  ContentDigest finish();

 private:
  void zeros_until(std::int64_t offset);
  void whole_block(std::span<const char> bytes);
  void end_run();

  std::int64_t size_;
  std::int64_t position_ = 0;
  std::int64_t next_block_ = 0;      // where the block that is being filled begins
  std::int64_t run_begin_ = -1;      // of the current run of zero blocks
  std::int64_t run_end_ = -1;
  std::vector<char> pending_;        // the front of an unfinished block
  Sha256 data_;
  std::optional<Sha256> runs_;
};

}  // namespace mayfly::os
