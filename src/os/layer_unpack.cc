#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/file.h"
#include "os/file_metadata.h"
#include "os/layer_reader.h"
#include "os/layer_tar.h"
#include "os/manifest_builder.h"
#include "os/tar_contents.h"

namespace mayfly::os {

namespace {

using Type = LayerEntry::Type;

class Unpacking {
 public:
  Unpacking(Source& tar, int layer) : layer_(layer), reader_(tar) {}

  Result<ManifestSummary> run() {
    if (!TRY(list_folder_at(layer_, ".")).empty()) {
      return fail(Code::conflict, "cannot unpack an archive into a layer that is not empty");
    }
    builder_ = TRY(ManifestBuilder::start([](std::string_view) { return Status(); }));
    while (const auto entry = TRY(reader_.next())) {
      for (auto ended = TRY(order_.accept(*entry)); ended > 0; --ended) TRY(end_folder());
      if (auto made = make(*entry); !made) {
        return tl::unexpected(in_context("cannot unpack " + shown(entry->path), made.error()));
      }
    }
    while (!open_.empty()) TRY(end_folder());
    const ManifestSummary summary = TRY(builder_->finish());
    if (summary.entries == 0) return fail(Code::invalid, "cannot unpack the archive: it is empty");
    // What is told as restored must survive a crash of the host.
    if (::syncfs(layer_) != 0) return tl::unexpected(errno_error(errno, "cannot sync the unpacked layer"));
    return summary;
  }

 private:
  Status make(const LayerEntry& entry) {
    if (entry.type == Type::file) return file(entry);
    TRY(builder_->add(entry));
    if (entry.path == "." && entry.type == Type::folder) {
      open_.push_back(entry);
      return {};
    }
    if (entry.type == Type::opaque) {
      const Fd folder = TRY(open_beneath(layer_, entry.path, O_RDONLY | O_DIRECTORY));
      return mark_opaque(folder.get());
    }
    const auto [folder, leaf] = split(entry.path);
    const std::string name(leaf);
    const int parent = TRY(parent_folder(folder));
    switch (entry.type) {
      case Type::folder:
        if (::mkdirat(parent, name.c_str(), 0700) != 0) {
          return tl::unexpected(errno_error(errno, "cannot make a folder"));
        }
        // Everything else about it is set when it is full, since filling changes its time.
        open_.push_back(entry);
        return {};
      case Type::link: return make_link(parent, name, entry);
      case Type::hardlink: return hardlink(parent, name, entry.target);
      default:
        if (::mknodat(parent, name.c_str(), S_IFCHR, 0) == 0) return {};
        return tl::unexpected(errno_error(errno, "cannot make a whiteout"));
    }
  }

  /// The folder of the entry at hand. Held from one entry to the next: most share it.
  Result<int> parent_folder(std::string_view path) {
    if (!parent_ || parent_path_ != path) {
      parent_ = TRY(open_beneath(layer_, std::string(path), O_PATH | O_DIRECTORY));
      parent_path_ = path;
    }
    return parent_.get();
  }

  Status file(const LayerEntry& entry) {
    const auto [folder, name] = split(entry.path);
    const int parent = TRY(parent_folder(folder));
    const Fd fd = TRY(open_at(parent, std::string(name), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
    FileContent content(fd.get(), reader_.sparse());
    TRY(builder_->begin_file(entry));
    TRY(read_contents(reader_, *builder_, [&](std::int64_t offset, std::span<const char> bytes) {
      return content.write(offset, bytes);
    }));
    TRY(builder_->end_file());
    TRY(content.finish(entry.size));
    return set_metadata(fd.get(), entry);
  }

  Status hardlink(int parent, const std::string& name, const std::string& target) {
    const auto [folder, leaf] = split(target);
    const Fd from = TRY(open_beneath(layer_, std::string(folder), O_PATH | O_DIRECTORY));
    return make_hardlink(from.get(), std::string(leaf), parent, name);
  }

  Status end_folder() {
    const LayerEntry entry = std::move(open_.back());
    open_.pop_back();
    auto fd = open_beneath(layer_, entry.path, O_RDONLY | O_DIRECTORY);
    auto set = fd ? set_metadata(fd->get(), entry) : tl::unexpected(fd.error());
    if (!set) return tl::unexpected(in_context("cannot unpack " + shown(entry.path), set.error()));
    return {};
  }

  int layer_;
  LayerReader reader_;
  EntryOrder order_;
  std::unique_ptr<ManifestBuilder> builder_;
  std::vector<LayerEntry> open_;   // the folders from the layer's own to the one being filled
  Fd parent_;
  std::string parent_path_;
};

}  // namespace

Result<ManifestSummary> unpack_layer(Source& tar, int layer) { return Unpacking(tar, layer).run(); }

}  // namespace mayfly::os
