#include <algorithm>

#include "os/layer_reader.h"
#include "os/layer_tar.h"
#include "os/manifest_builder.h"
#include "os/tar_contents.h"


namespace mayfly::os {

namespace {

/// A stored manifest read along with the one that is derived, a piece of each at a time.
class Comparison {
 public:
  explicit Comparison(Source& expected) : expected_(expected), room_(256 << 10) {}

  Status take(std::string_view lines) {
    while (!lines.empty()) {
      const auto end = lines.find('\n') + 1;
      TRY(take_line(lines.substr(0, end)));
      lines.remove_prefix(end);
    }
    return {};
  }

  Status end() {
    if (TRY(fill()).empty()) return {};
    return fail(Code::conflict, "the archive does not hold what its manifest says: line " + std::to_string(line_ + 1) +
                                    " of the manifest is not in the archive");
  }

 private:
  Status take_line(std::string_view line) {
    ++line_;
    for (std::string_view left = line; !left.empty();) {
      const std::string_view here = TRY(fill()).substr(0, left.size());
      if (here.empty() || here != left.substr(0, here.size())) return differs(line);
      begin_ += here.size();
      left.remove_prefix(here.size());
    }
    return {};
  }

  /// What was read and not compared yet; empty at the end.
  Result<std::string_view> fill() {
    if (begin_ == end_) {
      begin_ = 0;
      end_ = TRY(expected_.read(room_));
    }
    return std::string_view(room_.data() + begin_, end_ - begin_);
  }

  tl::unexpected<Error> differs(std::string_view line) const {
    constexpr std::size_t longest = 300;
    std::string text(line.substr(0, std::min(line.size() - 1, longest)));
    if (line.size() - 1 > longest) text += "...";
    return fail(Code::conflict, "the archive does not hold what its manifest says: line " + std::to_string(line_) +
                                    " of the manifest differs, the archive has " + text);
  }

  Source& expected_;
  std::vector<char> room_;
  std::size_t begin_ = 0, end_ = 0;
  std::int64_t line_ = 0;
};

Status read_entries(Source& tar, ManifestBuilder& builder) {
  LayerReader reader(tar);
  EntryOrder order;
  while (const auto entry = TRY(reader.next())) {
    TRY(order.accept(*entry));
    if (entry->type != LayerEntry::Type::file) {
      TRY(builder.add(*entry));
      continue;
    }
    TRY(builder.begin_file(*entry));
    TRY(read_contents(reader, builder, nullptr));
    TRY(builder.end_file());
  }
  return {};
}

}  // namespace

Status read_contents(LayerReader& reader, ManifestBuilder& builder, const ContentTaker& take) {
  while (const auto piece = TRY(reader.content())) {
    std::int64_t offset = piece->offset;
    for (auto bytes = piece->bytes; !bytes.empty();) {
      const std::span<char> room = TRY(builder.room());
      const auto part = bytes.first(std::min(room.size(), bytes.size()));
      std::copy(part.begin(), part.end(), room.begin());
      builder.content(offset, part.size());
      offset += static_cast<std::int64_t>(part.size());
      bytes = bytes.subspan(part.size());
    }
    if (take) TRY(take(piece->offset, piece->bytes));
  }
  return {};
}

Result<ManifestSummary> read_back_layer(Source& tar, Source* expected) {
  std::optional<Comparison> comparison;
  if (expected != nullptr) comparison.emplace(*expected);
  auto builder = TRY(ManifestBuilder::start(
      [&](std::string_view lines) { return comparison ? comparison->take(lines) : Status(); }));
  if (auto read = read_entries(tar, *builder); !read) {
    if (!comparison || read.error().code == Code::conflict) return tl::unexpected(std::move(read).error());
    // A flipped byte may be met at its checksum, long after its file: where lines before that differ, they say more.
    const auto told = builder->finish();
    if (!told && told.error().code == Code::conflict) return tl::unexpected(told.error());
    return tl::unexpected(std::move(read).error());
  }
  const ManifestSummary summary = TRY(builder->finish());
  if (summary.entries == 0) return fail(Code::invalid, "cannot read the archive: it is empty");
  if (comparison) TRY(comparison->end());
  return summary;
}

}  // namespace mayfly::os
