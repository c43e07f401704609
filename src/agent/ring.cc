#include "agent/ring.h"

#include <algorithm>
#include <cstring>

namespace mayfly::agent {

namespace {

constexpr std::size_t first_room = 4096;

}  // namespace

void Ring::append(std::string_view bytes, std::size_t most) {
  const auto wanted = kept_ + bytes.size();
  if (wanted > data_.size() && data_.size() < most) {
    auto room = std::max(first_room, data_.size());
    while (room < wanted && room < most) room *= 2;
    resize(std::min(room, most));
  }
  total_ += static_cast<std::int64_t>(bytes.size());
  if (bytes.size() > data_.size()) bytes.remove_prefix(bytes.size() - data_.size());
  place(bytes, total_ - static_cast<std::int64_t>(bytes.size()));
  kept_ = std::min(wanted, data_.size());
}

std::string Ring::read(std::int64_t from, std::size_t limit) const {
  from = std::clamp(from, start(), total_);
  std::string bytes(std::min(limit, static_cast<std::size_t>(total_ - from)), '\0');
  for (std::size_t done = 0; done < bytes.size();) {
    const auto at = static_cast<std::size_t>(from + static_cast<std::int64_t>(done)) % data_.size();
    const auto run = std::min(bytes.size() - done, data_.size() - at);
    std::memcpy(bytes.data() + done, data_.data() + at, run);
    done += run;
  }
  return bytes;
}

void Ring::resize(std::size_t room) {
  const auto kept = read(start(), room);
  std::string(room, '\0').swap(data_);
  place(kept, start());
}

void Ring::place(std::string_view bytes, std::int64_t offset) {
  for (std::size_t done = 0; done < bytes.size();) {
    const auto at = static_cast<std::size_t>(offset + static_cast<std::int64_t>(done)) % data_.size();
    const auto run = std::min(bytes.size() - done, data_.size() - at);
    std::memcpy(data_.data() + at, bytes.data() + done, run);
    done += run;
  }
}

}  // namespace mayfly::agent
