#include "os/layer_file.h"

#include <algorithm>

#include "os/layer_reader.h"
#include "os/zstd_stream.h"

namespace mayfly::os {

namespace {

using Type = LayerEntry::Type;

class PlainSource : public Source {
 public:
  explicit PlainSource(std::unique_ptr<Source> tar) : tar_(std::move(tar)), plain_(*tar_) {}

  Result<std::size_t> read(std::span<char> room) override {
    if (bytes_.empty()) bytes_ = TRY(plain_.next());
    const auto count = std::min(room.size(), bytes_.size());
    std::copy_n(bytes_.begin(), count, room.begin());
    bytes_ = bytes_.subspan(count);
    return count;
  }

 private:
  std::unique_ptr<Source> tar_;
  ZstdSource plain_;
  std::span<const char> bytes_;
};

/// The file that `reader` told last.
class ContentSource : public Source {
 public:
  ContentSource(LayerReader& reader, std::int64_t size) : reader_(reader), size_(size) {}

  Result<std::size_t> read(std::span<char> room) override {
    if (at_ == size_) return 0;
    if (piece_.empty() && !ended_) {
      const auto next = TRY(reader_.content());
      ended_ = !next;
      if (next) {
        begin_ = next->offset;
        piece_ = next->bytes;
      }
    }
    const auto hole = (ended_ ? size_ : begin_) - at_;
    const auto most = static_cast<std::int64_t>(room.size());
    if (hole > 0) {
      const auto count = std::min(hole, most);
      std::fill_n(room.begin(), count, 0);
      at_ += count;
      return static_cast<std::size_t>(count);
    }
    const auto count = std::min(room.size(), piece_.size());
    std::copy_n(piece_.begin(), count, room.begin());
    piece_ = piece_.subspan(count);
    begin_ += static_cast<std::int64_t>(count);
    at_ = begin_;
    return count;
  }

 private:
  LayerReader& reader_;
  const std::int64_t size_;
  std::int64_t at_ = 0;      // of the file
  std::int64_t begin_ = 0;   // of the piece, in the file
  std::span<const char> piece_;
  bool ended_ = false;       // only a hole may follow
};

/// The same, with all it reads from.
class FileSource : public Source {
 public:
  FileSource(std::unique_ptr<Source> tar, std::unique_ptr<LayerReader> reader, std::int64_t size)
      : tar_(std::move(tar)), reader_(std::move(reader)), content_(*reader_, size) {}
  Result<std::size_t> read(std::span<char> room) override { return content_.read(room); }

 private:
  std::unique_ptr<Source> tar_;
  std::unique_ptr<LayerReader> reader_;
  ContentSource content_;
};

bool at_or_below(const std::string& path, const std::string& top) {
  return top == "." || path == top || (path.starts_with(top) && path[top.size()] == '/');
}

}  // namespace

Result<LayerFile> open_layer_file(std::unique_ptr<Source> tar, const std::string& path) {
  auto reader = std::make_unique<LayerReader>(*tar);
  while (auto entry = TRY(reader->next())) {
    if (entry->path != path || entry->type == Type::opaque) continue;
    switch (entry->type) {
      case Type::file: {
        auto content = std::make_unique<FileSource>(std::move(tar), std::move(reader), entry->size);
        return LayerFile{entry->size, std::move(content), {}};
      }
      case Type::hardlink: return LayerFile{0, nullptr, std::move(entry->target)};
      case Type::whiteout: return fail(Code::not_found, shown(path) + " is deleted in the archive");
      default: return fail(Code::invalid, "cannot read " + shown(path) + ": it is no file", "not_a_file");
    }
  }
  return fail(Code::not_found, "the archive has no entry " + shown(path));
}

Status visit_layer(Source& tar, const std::string& path, const LayerVisitor& visit) {
  LayerReader reader(tar);
  EntryOrder order;
  bool any = false;
  while (const auto entry = TRY(reader.next())) {
    TRY(order.accept(*entry));
    if (!at_or_below(entry->path, path)) {
      if (any) return {};   // names are sorted: all that lies below has gone by
      continue;
    }
    any = true;
    ContentSource content(reader, entry->size);
    TRY(visit(*entry, entry->type == Type::file ? &content : nullptr));
  }
  if (any) return {};
  return fail(Code::not_found, "the archive has nothing at " + shown(path), "path_not_archived");
}

std::unique_ptr<Source> plain_layer(std::unique_ptr<Source> tar) {
  return std::make_unique<PlainSource>(std::move(tar));
}

}  // namespace mayfly::os
