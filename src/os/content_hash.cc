#include "os/content_hash.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/result.h"

namespace mayfly::os {

namespace {

constexpr std::array<char, ContentHash::block> zero_block{};

bool all_zero(std::span<const char> bytes) {
  return std::memcmp(bytes.data(), zero_block.data(), bytes.size()) == 0;
}

}  // namespace

ContentHash::ContentHash(std::int64_t size) : size_(size) {}

void ContentHash::add(std::int64_t offset, std::span<const char> bytes) {
  zeros_until(offset);
  position_ += static_cast<std::int64_t>(bytes.size());
  if (size_ <= always_whole) return data_.update(bytes);

  while (!bytes.empty()) {
    if (pending_.empty() && bytes.size() >= block) {
      whole_block(bytes.first(block));
      bytes = bytes.subspan(block);
      continue;
    }
    const auto part = bytes.first(std::min(bytes.size(), block - pending_.size()));
    pending_.insert(pending_.end(), part.begin(), part.end());
    bytes = bytes.subspan(part.size());
    if (pending_.size() == block) {
      whole_block(pending_);
      pending_.clear();
    }
  }
}

ContentDigest ContentHash::finish() {
  zeros_until(size_);
  end_run();
  data_.update(pending_);
  return {data_.hex(), runs_ ? runs_->hex() : std::string()};
}

void ContentHash::zeros_until(std::int64_t offset) {
  CHECK(offset >= position_);
  while (position_ < offset) {
    const std::int64_t left = offset - position_;
    if (size_ > always_whole && pending_.empty() && left >= static_cast<std::int64_t>(block)) {
      const std::int64_t whole = left - left % static_cast<std::int64_t>(block);
      if (run_begin_ < 0) run_begin_ = position_;
      position_ += whole;
      next_block_ = run_end_ = position_;
      continue;
    }
    const auto most = static_cast<std::int64_t>(block - pending_.size());
    add(position_, std::span(zero_block).first(static_cast<std::size_t>(std::min(left, most))));
  }
}

void ContentHash::whole_block(std::span<const char> bytes) {
  const std::int64_t begin = next_block_;
  next_block_ += static_cast<std::int64_t>(block);
  if (!all_zero(bytes)) {
    end_run();
    return data_.update(bytes);
  }
  if (run_begin_ < 0) run_begin_ = begin;
  run_end_ = next_block_;
}

void ContentHash::end_run() {
  if (run_begin_ < 0) return;
  if (!runs_) runs_.emplace();
  const std::string run = std::to_string(run_begin_) + "+" + std::to_string(run_end_ - run_begin_) + "\n";
  runs_->update(run);
  run_begin_ = -1;
}

}  // namespace mayfly::os
