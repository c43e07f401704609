#include "driver/crun/image_formats.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/stream.h"
#include "driver/crun/layout.h"
#include "json/reader.h"
#include "os/file.h"
#include "os/hash.h"
#include "os/layer_tar.h"

namespace mayfly::crun {

namespace {

constexpr std::size_t most_json = 4 << 20;
// An image of images may name another one; real ones do so once.
constexpr int deepest_index = 3;
// A small step: what a bomb unpacks from one such read is what can be written between two looks at the disk.
constexpr std::size_t read_step = 16 << 10;

class File : public Source {
 public:
  explicit File(os::Fd file) : file_(std::move(file)) {}
  Result<std::size_t> read(std::span<char> room) override {
    ssize_t got;
    while ((got = ::read(file_.get(), room.data(), room.size())) < 0 && errno == EINTR) continue;
    if (got < 0) return tl::unexpected(errno_error(errno, "read an image"));
    return static_cast<std::size_t>(got);
  }

 private:
  os::Fd file_;
};

/// Hashes what goes by and stops when the disk is nearly full.
class Guarded : public Source {
 public:
  Guarded(Source& from, std::string work, std::int64_t keep_free)
      : from_(from), work_(std::move(work)), keep_free_(keep_free) {}

  Result<std::size_t> read(std::span<char> room) override {
    if (TRY(os::free_bytes(work_)) < keep_free_)
      return fail(Code::no_space, "unpack an image into " + work_ + ": the disk would be full");
    const auto got = TRY(from_.read(room.first(std::min(room.size(), read_step))));
    hash_.update(room.first(got));
    return got;
  }

  /// Reads what a tar leaves behind its end, too.
  Result<std::string> digest() {
    std::vector<char> rest(read_step);
    while (TRY(read(rest)) > 0) continue;
    return "sha256:" + hash_.hex();
  }

 private:
  Source& from_;
  std::string work_;
  std::int64_t keep_free_;
  os::Sha256 hash_;
};

/// As images name it.
std::string host_architecture() {
  struct utsname host{};
  const std::string machine = ::uname(&host) == 0 ? host.machine : "x86_64";
  return machine == "x86_64" ? "amd64" : machine == "aarch64" ? "arm64" : machine;
}

Result<os::Fd> open_plain(const os::Fd& folder, const std::string& path) {
  auto file = TRY(os::open_in_root(folder.get(), path, O_RDONLY | O_NONBLOCK));
  struct stat info{};
  if (::fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode))
    return fail(Code::invalid, path + " in the image is not a file");
  return file;
}

/// A JSON file of the image, found below the image's own folder wherever its links point.
Result<json::value> read_json(const os::Fd& folder, const std::string& path, const std::string& digest = {}) {
  const auto file = TRY(open_plain(folder, path));
  const auto text = TRY(os::read_file("/proc/self/fd/" + std::to_string(file.get()), most_json));
  if (!digest.empty() && "sha256:" + os::sha256_hex(text) != digest)
    return fail(Code::invalid, path + " in the image does not have the digest it is named by");
  return json::parse(text);
}

const json::value* member(const json::value& of, std::string_view key) {
  return of.is_object() ? of.get_object().if_contains(key) : nullptr;
}

std::string text_of(const json::value* v) {
  return v && v->is_string() ? std::string(v->get_string()) : std::string();
}

Result<ImageSettings> settings_of(const json::value& config) {
  ImageSettings settings;
  const auto* part = member(config, "config");
  if (!part) return settings;
  if (const auto* env = member(*part, "Env"); env && env->is_array())
    for (const auto& entry : env->get_array()) {
      const auto text = text_of(&entry);
      const auto equals = text.find('=');
      if (text.find('\0') != std::string::npos)
        return fail(Code::invalid, "the image brings an environment with a NUL in it, which no process can be given");
      if (equals != std::string::npos && equals > 0) settings.env[text.substr(0, equals)] = text.substr(equals + 1);
    }
  if (const auto workdir = text_of(member(*part, "WorkingDir")); workdir.starts_with('/')) settings.workdir = workdir;
  return settings;
}

class Unpacking {
 public:
  Unpacking(std::string work, const ImageLimits& limits) : work_(std::move(work)), limits_(limits) {}

  Result<ImageSettings> from_tar(Source& tar) {
    const auto outer = work_ + "/outer";
    TRY(os::make_folders(outer));
    TRY(apply(tar, outer, {}));
    auto settings = TRY(from_folder(outer));
    if (!settings) {  // no description of layers: the tar was the root file system
      if (::rename(outer.c_str(), rootfs().c_str()) != 0)
        return tl::unexpected(errno_error(errno, "move " + outer));
      return ImageSettings{};
    }
    TRY(os::remove_tree(outer));
    return *settings;
  }

  /// Empty when the folder is neither of the two formats.
  Result<std::optional<ImageSettings>> from_folder(const std::string& path) {
    const auto folder = TRY(os::open(path, O_RDONLY | O_DIRECTORY));
    if (open_plain(folder, "oci-layout")) {
      TRY(os::make_folders(rootfs()));
      return std::optional(TRY(from_index(folder, TRY(read_json(folder, "index.json")), 0)));
    }
    const auto manifest = read_json(folder, "manifest.json");
    if (!manifest || !manifest->is_array() || manifest->get_array().empty() ||
        !member(manifest->get_array()[0], "Layers"))
      return std::optional<ImageSettings>();
    if (const auto many = manifest->get_array().size(); many > 1)
      return fail(Code::invalid, "the archive holds " + std::to_string(many) + " images: save one by itself");
    TRY(os::make_folders(rootfs()));
    return std::optional(TRY(from_docker(folder, manifest->get_array()[0])));
  }

 private:
  std::string rootfs() const { return work_ + "/rootfs"; }

  Result<ImageSettings> from_docker(const os::Fd& folder, const json::value& manifest) {
    const auto* layers = member(manifest, "Layers");
    if (!layers->is_array()) return fail(Code::invalid, "manifest.json of the image: Layers is no list");
    for (const auto& layer : layers->get_array())
      TRY(apply_file(TRY(open_plain(folder, text_of(&layer))), rootfs(), {}));
    return settings_of(TRY(read_json(folder, text_of(member(manifest, "Config")))));
  }

  Result<ImageSettings> from_index(const os::Fd& folder, const json::value& index, int depth) {
    const auto* manifests = member(index, "manifests");
    if (depth > deepest_index || !manifests || !manifests->is_array())
      return fail(Code::invalid, "index of the image: no list of manifests, or nested too deep");
    for (const auto& entry : manifests->get_array()) {
      const auto* platform = member(entry, "platform");
      if (platform && text_of(member(*platform, "architecture")) != architecture_) continue;
      if (platform && member(*platform, "os") && text_of(member(*platform, "os")) != "linux") continue;
      const auto document = TRY(blob_json(folder, entry));
      return member(document, "manifests") ? from_index(folder, document, depth + 1) : from_manifest(folder, document);
    }
    return fail(Code::invalid, "the image has no variant for linux/" + architecture_);
  }

  Result<ImageSettings> from_manifest(const os::Fd& folder, const json::value& manifest) {
    const auto* layers = member(manifest, "layers");
    const auto* config = member(manifest, "config");
    if (!layers || !layers->is_array() || !config)
      return fail(Code::invalid, "manifest of the image: no layers or no config");
    for (const auto& layer : layers->get_array()) {
      const auto digest = text_of(member(layer, "digest"));
      TRY(apply_file(TRY(open_plain(folder, TRY(blob_path(digest)))), rootfs(), digest));
    }
    return settings_of(TRY(blob_json(folder, *config)));
  }

  static Result<std::string> blob_path(const std::string& digest) {
    const auto hex = digest_hex(digest);
    if (!hex) return fail(Code::invalid, "the image names a blob '" + digest + "', which is no sha256 digest");
    return "blobs/sha256/" + *hex;
  }

  static Result<json::value> blob_json(const os::Fd& folder, const json::value& descriptor) {
    const auto digest = text_of(member(descriptor, "digest"));
    return read_json(folder, TRY(blob_path(digest)), digest);
  }

  Status apply_file(os::Fd tar, const std::string& onto, const std::string& digest) {
    File file(std::move(tar));
    return apply(file, onto, digest);
  }

  Status apply(Source& tar, const std::string& onto, const std::string& digest) {
    const auto root = TRY(os::open(onto, O_RDONLY | O_DIRECTORY));
    Guarded source(tar, work_, limits_.keep_free);
    TRY(os::apply_image_layer(source, root.get()));
    if (!digest.empty() && TRY(source.digest()) != digest)
      return fail(Code::invalid, "a layer of the image does not have the digest it is named by (" + digest + ")");
    return check_size(onto);
  }

  /// Apparent sizes: a sparse file of a petabyte takes no space, and for ever to read.
  Status check_size(const std::string& folder) const {
    namespace fs = std::filesystem;
    std::int64_t bytes = 0, entries = 0;
    std::error_code error;
    for (fs::recursive_directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
      struct stat info{};
      if (++entries > limits_.most_entries) return fail(Code::too_large, "the image has too many files");
      if (::lstat(at->path().c_str(), &info) != 0 || !S_ISREG(info.st_mode)) continue;
      if (info.st_size > limits_.most_bytes - bytes) return fail(Code::too_large, "the image is too large");
      bytes += info.st_size;
    }
    if (error) return fail(Code::internal, "walk " + folder + ": " + error.message());
    return {};
  }

  const std::string work_;
  const ImageLimits limits_;
  const std::string architecture_ = host_architecture();
};

}  // namespace

Result<ImageSettings> unpack_image(const std::string& path, const std::string& work, const ImageLimits& limits) {
  Unpacking unpacking(work, limits);
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) return tl::unexpected(errno_error(errno, "open image " + path));
  if (!S_ISDIR(info.st_mode)) {
    File file(TRY(os::open(path, O_RDONLY)));
    return unpacking.from_tar(file);
  }
  auto settings = TRY(unpacking.from_folder(path));
  if (!settings) return fail(Code::invalid, "folder " + path + " holds no OCI layout");
  return *settings;
}

Result<ImageSettings> unpack_image(Source& tar, const std::string& work, const ImageLimits& limits) {
  return Unpacking(work, limits).from_tar(tar);
}

}  // namespace mayfly::crun
